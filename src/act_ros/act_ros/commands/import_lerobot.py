# SPDX-License-Identifier: Apache-2.0
"""`ros2 run act_ros import_lerobot` and `export_aloha`: episodes of any kind to ALOHA's HDF5."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from act_ros.commands.options import (
    OneLineParser,
    add_source,
    add_workers,
    chosen_episodes,
    fail_in_one_line,
    folder_to_write,
    whole,
)
from act_ros.text import printable_output

if TYPE_CHECKING:
    from act_ros.data.formats.collection import EpisodeRef
    from act_ros.data.formats.store import Storage

EPILOG = """\
examples:
  ros2 run act_ros import_lerobot lerobot/aloha_sim_transfer_cube_human --output data/human
  ros2 run act_ros export_aloha data/my_task --output data/for_act --images gzip

Both write episode_N.hdf5 in ALOHA's layout, and both read every kind of episode; import_lerobot stores JPEGs,
export_aloha raw frames, because tonyzhaozh/act's own loader reads no JPEGs (Interbotix/act's reads both). What is
missing in the source stays missing, and is said. `train` needs neither: it reads all kinds directly.
An interrupted run goes on where it was.
"""


@dataclass(frozen=True)
class ConversionJob:
    """One episode to convert, and where to."""

    ref: EpisodeRef
    path: Path


@dataclass(frozen=True)
class Done:
    """What a converted episode has: ticks, the names of what it lacks, what is wrong with its joints."""

    ticks: int
    missing: tuple[str, ...]
    sim_unknown: bool
    left_out: tuple[str, ...]
    joints: str = ''


def parser(name: str, pixels: str) -> argparse.ArgumentParser:
    """The command line of either command."""
    p = OneLineParser(
        prog=name,
        description="Write episodes as ALOHA's HDF5.",
        epilog=EPILOG,
    )
    add_source(p)
    p.add_argument(
        '--output',
        type=folder_to_write,
        required=True,
        metavar='DIR',
        help='folder of the HDF5 files',
    )
    p.add_argument(
        '--images',
        choices=('jpeg', 'raw', 'gzip'),
        default=pixels,
        help=f'jpeg; raw; gzip: raw frames compressed without loss, read like raw; default: {pixels}',
    )
    p.add_argument(
        '--quality',
        type=whole(1, 100),
        default=95,
        metavar='N',
        help='of JPEGs, 1 to 100; default: 95',
    )
    p.add_argument(
        '--sim',
        action='store_true',
        help='mark episodes as simulated where the source does not say: the original loaders shift the '
        'actions of real ones by a tick',
    )
    add_workers(p, None, 'processes; default: one per core')
    return p


@printable_output()
def main(argv: Sequence[str] | None = None) -> int:
    """`import_lerobot`; returns its exit status."""
    return _main('import_lerobot', 'jpeg', argv)


@printable_output()
def export_aloha(argv: Sequence[str] | None = None) -> int:
    """`export_aloha`; returns its exit status."""
    return _main('export_aloha', 'raw', argv)


def _main(name: str, pixels: str, argv: Sequence[str] | None) -> int:
    args = parser(name, pixels).parse_args(argv)
    return fail_in_one_line(name, lambda: convert(name, args), 'the same command goes on')


def convert(name: str, args: argparse.Namespace) -> int:
    """Convert as the command line says; status 1 if any episode failed, after all the others are done.

    Raises:
        EpisodeError, OSError: nothing could be converted.
    """
    from tqdm import tqdm

    from act_ros.data.child_processes import each
    from act_ros.data.formats.store import Storage
    from act_ros.data.recording.dataset_folder import FolderLock

    begin = time.monotonic()
    refs = chosen_episodes(args)
    workers = args.workers or len(os.sched_getaffinity(0))
    lock = FolderLock(args.output)
    try:
        jobs = _jobs(refs, args.output, args.source, args.joint_order)
        function = partial(work, Storage(args.images, args.quality, args.sim))
        failed, done = 0, []
        every = 0.2 if sys.stderr.isatty() else 10.0
        with (
            tqdm(total=len(jobs), unit='episode', mininterval=every, desc=name) as bar,
            closing(each(function, jobs, workers)) as outcomes,
        ):
            for outcome in outcomes:
                bar.update()
                if outcome.error is not None:
                    failed += 1
                    bar.write(f'{name}: {outcome.item.ref.path}: {outcome.error}', sys.stderr)
                elif outcome.result is not None:
                    done.append(outcome.result)
    finally:
        _clear(args.output)
        lock.release()
    _report(name, args, done, len(refs) - len(jobs), time.monotonic() - begin)
    if failed:
        print(f'{name}: {failed} of {len(refs)} episodes failed, see above', file=sys.stderr)
    return 1 if failed else 0


def work(storage: Storage, job: ConversionJob) -> Done:
    """Convert one episode.

    Raises:
        EpisodeError, OSError: see `store_episode`.
    """
    from act_ros.data.formats.store import store_episode
    from act_ros.data.joint_names import this_robot, trouble

    with job.ref.open() as episode:
        episode.refuse_faults()
        store_episode(episode, job.path, storage)
        left_out = tuple(f'{name} ({why})' for name, why in episode.unasked().items())
        missing, joints = tuple(episode.missing()), trouble(episode, this_robot())
        return Done(len(episode), missing, 'sim' not in episode.attrs, left_out, joints)


def _jobs(
    refs: Sequence[EpisodeRef], output: Path, source: Path, joint_order: str | None
) -> list[ConversionJob]:
    """What is still to be done in a folder that only this conversion may use.

    Raises:
        EpisodeError: the folder has episodes of something else, or of what has changed since.
    """
    from act_ros.data.errors import EpisodeError

    mark, name = output / '.converted_from', str(source.resolve())
    name += f' --joint-order {joint_order}' if joint_order else ''
    _clear(output)
    known: dict[str, str] = {}
    if mark.exists():
        before, *lines = mark.read_text(encoding='utf-8').splitlines()
        if before != name:
            raise EpisodeError(
                f'{output} holds episodes converted from {before}; name another folder'
            )
        known = dict(line.split('\t', 1) for line in lines if '\t' in line)
    elif any(path for path in output.glob('*.hdf5*') if not path.name.startswith('.')):
        raise EpisodeError(f'{output} already holds episodes; name another folder')
    jobs = [ConversionJob(ref, output / f'{ref.stem}.hdf5') for ref in refs]
    for job in jobs:
        now = _digest(job.ref)
        if job.path.exists() and known.get(job.ref.name, now) != now:
            raise EpisodeError(
                f'{job.ref.path} has changed since {job.path} was made of it; delete that file, or name another '
                'folder'
            )
        known[job.ref.name] = now
    lines = [name, *(f'{ref}\t{digest}' for ref, digest in known.items())]
    mark.write_text('\n'.join(lines), encoding='utf-8')
    return [job for job in jobs if not job.path.exists()]


def _digest(ref: EpisodeRef) -> str:
    """What an episode was as it was converted; of one that lacks a file nothing: it fails by itself."""
    from act_ros.data.errors import EpisodeError

    try:
        return hashlib.sha256(json.dumps(ref.fingerprint()).encode()).hexdigest()[:16]
    except EpisodeError:
        return ''


def _clear(output: Path) -> None:
    """Remove what a process that died has left of an episode."""
    for path in output.glob('.partial_*'):
        path.unlink(missing_ok=True)


def _report(
    name: str, args: argparse.Namespace, done: Sequence[Done], kept: int, seconds: float
) -> None:
    earlier = f' ({kept} more by an earlier run)' if kept else ''
    print(
        f'{args.output}: {len(done)} episodes{earlier}, {sum(d.ticks for d in done)} ticks, images '
        f'{args.images}, in {seconds:.0f} s'
    )
    lacks: dict[str, int] = {}
    for one in done:
        for what in one.missing:
            lacks[what] = lacks.get(what, 0) + 1
    if lacks:
        listed = ', '.join(f'{what} ({count} of {len(done)})' for what, count in lacks.items())
        print(f'{name}: not in the source, and left out: {listed}', file=sys.stderr)
    unread = dict.fromkeys(what for one in done for what in one.left_out)
    if unread:
        print(f'{name}: in the source, and left out: {", ".join(unread)}', file=sys.stderr)
    if 'qvel' in lacks:
        print(
            f"{name}: without qvel the original's and Interbotix's loaders do not read the files; "
            'our train does',
            file=sys.stderr,
        )
    joints = next((one.joints for one in done if one.joints), '')
    if joints:
        print(
            f'{name}: written as they are stated, and not trained on so: {joints}', file=sys.stderr
        )
    if any(one.sim_unknown for one in done):
        print(
            f'{name}: the source does not say whether it is simulated; attribute sim is '
            f'{args.sim} (--sim)',
            file=sys.stderr,
        )


if __name__ == '__main__':
    sys.exit(main())
