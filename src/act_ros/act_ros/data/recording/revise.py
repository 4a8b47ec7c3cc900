# SPDX-License-Identifier: Apache-2.0
"""What becomes of an episode after it was kept: another verdict, or out of the dataset. Never deleted.

`python -m act_ros.data.recording.revise FILE true|false` writes the verdict in a process of its own, because HDF5's
library may crash when the disk is full.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import h5py

from act_ros.data.errors import EpisodeError
from act_ros.data.recording.log import sync_folder
from act_ros.text import printable

DISCARDED = 'discarded'
"""Folder, in the dataset's, for episodes that were thrown away after they had been kept."""


def discard_episode(episode: Path) -> Path:
    """Move an episode to `DISCARDED`, under a name that is free there; returns the new path.

    Its number is free again: the original ACT's loader wants numbers without a gap.

    Raises:
        OSError: it is gone, or the folder cannot be written.
    """
    folder = episode.parent / DISCARDED
    folder.mkdir(exist_ok=True)
    names = (episode.name, *(f'{episode.stem}.{i}{episode.suffix}' for i in range(1, 100_000)))
    target = next(folder / name for name in names if not (folder / name).exists())
    episode.rename(target)
    sync_folder(folder)
    sync_folder(episode.parent)
    return target


def set_success(episode: Path, success: bool) -> None:
    """Write the verdict into a finished episode: into a copy, which then takes its place at once.

    Raises:
        EpisodeError: it is no episode.
        OSError: it is gone, or the disk is full; the episode is as it was.
    """
    partial = episode.with_name(episode.name + '.partial')
    try:
        shutil.copyfile(episode, partial)
        with h5py.File(partial, 'r+') as file:
            if 'action' not in file:
                raise EpisodeError(f'{episode} is no episode: it has no dataset action')
            file.attrs['success'] = success
        with partial.open('rb') as copy:
            os.fsync(copy.fileno())
        partial.replace(episode)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(episode.parent)


def main() -> int:
    """Write the verdict `true` or `false` into FILE."""
    if len(sys.argv) != 3 or sys.argv[2] not in ('true', 'false'):
        sys.stderr.write('usage: python -m act_ros.data.recording.revise FILE true|false\n')
        return 2
    try:
        set_success(Path(sys.argv[1]), sys.argv[2] == 'true')
    except (EpisodeError, OSError) as error:
        sys.stderr.write(f'{printable(error)}\n')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
