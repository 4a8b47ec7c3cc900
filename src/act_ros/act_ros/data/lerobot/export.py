# SPDX-License-Identifier: Apache-2.0
"""Exports episodes to a LeRobotDataset v3.0: staged one by one, then put together; goes on after a kill."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from act_ros.data.child_processes import each
from act_ros.data.errors import EpisodeError
from act_ros.data.lerobot.assemble import assemble
from act_ros.data.lerobot.layout import INFO
from act_ros.data.lerobot.plan import Plan
from act_ros.data.lerobot.stage import jobs, leftovers, stage

STAGING = '.export'
"""Folder of the staged episodes, in the dataset's; gone when the dataset is whole."""
_PLAN = 'plan'


def export(plan: Plan, root: Path, workers: int, progress: Callable[[int, str], None]) -> int:
    """Make the dataset of a plan in `root`; returns how many episodes an earlier run had left.

    Args:
        plan: see `make_plan`.
        root: a new or empty folder, or one where the same export was interrupted.
        workers: processes that encode.
        progress: hears how many ticks more are done, and what is being done.

    Raises:
        EpisodeError: an episode or the folder cannot be used; the message says what to do.
        OSError: the disk is full or gone.
    """
    staging = root / STAGING
    lock = _begin(plan, root, staging)
    try:
        for path in leftovers(staging):
            shutil.rmtree(path)
        all_jobs = jobs(plan, staging)
        todo = [job for job in all_jobs if not job.folder.exists()]
        kept = len(all_jobs) - len(todo)
        progress(sum(job.length for job in all_jobs if job not in todo), 'encoding')
        with closing(each(stage, todo, workers)) as outcomes:
            for outcome in outcomes:
                if outcome.error is not None:
                    raise EpisodeError(
                        f'{outcome.item.ref.path}: {outcome.error}; what is done is kept: the same command '
                        'goes on, --episodes leaves an episode out'
                    )
                progress(outcome.item.length, 'encoding')
        assemble(plan, all_jobs, root, lambda what: progress(0, f'joining {what}'))
        shutil.rmtree(staging)
        return kept
    finally:
        os.close(lock)


def _begin(plan: Plan, root: Path, staging: Path) -> int:
    """Take the folder; returns the lock's file, which the process's end frees in any case."""
    if not staging.is_dir() and root.is_dir() and any(root.iterdir()):
        what = 'already holds a LeRobot dataset' if (root / INFO).exists() else 'is not empty'
        raise EpisodeError(f'{root} {what}; name another folder, or delete it first')
    staging.mkdir(parents=True, exist_ok=True)
    lock = os.open(staging / 'lock', os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mark = staging / _PLAN
        if not mark.exists():
            mark.write_text(plan.digest(), encoding='utf-8')
        elif mark.read_text(encoding='utf-8') != plan.digest():
            raise EpisodeError(
                f'{root} holds an interrupted export of something else (other episodes, codec, rate or '
                'task); repeat that command, or delete the folder'
            )
    except BlockingIOError as error:
        os.close(lock)
        raise EpisodeError(
            f'another export is at work in {root}; wait for it or stop it'
        ) from error
    except BaseException:
        os.close(lock)
        raise
    return lock
