# SPDX-License-Identifier: Apache-2.0
"""Seeds of simulated episodes: what a policy is trained on must not be what it is judged by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.aloha import read_episode

FIRST_SEED = 1000
"""Demonstrations begin here; the seeds before it are for evaluation."""


def known_seeds(
    folder: Path, task: str, unreadable: Callable[[str], None] | None = None
) -> set[int]:
    """Seeds of `task` whose episodes a folder holds.

    Args:
        folder: of `episode_N.hdf5`; it need not be there.
        task: 'transfer_cube' or 'insertion'; episodes of other tasks don't count.
        unreadable: told of each file that cannot be read; without it such a file is an error.

    Raises:
        EpisodeError: a file cannot be read, and nobody is to be told.
    """
    seeds = set()
    for path in sorted(folder.glob('episode_*.hdf5')):
        try:
            with read_episode(path) as episode:
                if episode.attrs.get('task') == task and 'seed' in episode.attrs:
                    seeds.add(int(episode.attrs['seed']))
        except EpisodeError as error:
            if unreadable is None:
                raise
            unreadable(str(error))
    return seeds


def next_seed(folder: Path, task: str, unreadable: Callable[[str], None] | None = None) -> int:
    """The first seed for further demonstrations of `task` into a folder: beyond all that are there."""
    known = known_seeds(folder, task, unreadable)
    return max(FIRST_SEED, 1 + max(known, default=-1))
