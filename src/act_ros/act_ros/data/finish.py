# SPDX-License-Identifier: Apache-2.0
"""Turns an episode's log into its HDF5 file: written aside, verified, named only when it is whole.

`python -m act_ros.data.finish LOG` does it in a process of its own, because HDF5's library may
crash when the disk is full.
"""

from __future__ import annotations

import errno
import os
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from act_ros.data.log import sync_folder
from act_ros.data.rows import VECTORS, EpisodeError, EpisodeLog, Row


def log_path(episode: Path) -> Path:
    """Where the log of an episode is while it is recorded: 'episode_7.hdf5.log'."""
    return episode.with_name(episode.name + '.log')


def finish_log(log: str | Path, into: Path | None = None) -> Path:
    """Make the episode of a log, sealed or cut off, delete the log, return the episode's path.

    A log without its end (the recorder was killed) gives an episode with attributes `complete` and
    `success` false.

    Args:
        log: '.../episode_7.hdf5.log'.
        into: folder of the episode, on the same disk as the log; by default the log's.

    Raises:
        EpisodeError: the log holds no row, or the file didn't verify; the log is kept.
        FileExistsError: the episode exists already; the log is kept.
        OSError: the disk is full or gone; the log is kept.
    """
    source = EpisodeLog(Path(log))
    episode = (into or source.path.parent) / source.path.name.removesuffix('.log')
    partial = episode.with_name(episode.name + '.partial')
    size = _measure(source)
    try:
        _write(source, partial, size)
        _verify(source, partial, size)
        _sync(partial)
        _name(partial, episode)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(episode.parent)
    source.path.unlink()
    return episode


@dataclass(frozen=True)
class _Size:
    """What the first pass over a log finds: rows, widest JPEG, and JPEG lengths (cameras, T)."""

    rows: int
    width: int
    lengths: NDArray[np.float32]


def _measure(source: EpisodeLog) -> _Size:
    lengths = [[len(jpeg) for jpeg in row.jpegs] for row in source.rows()]
    if not lengths:
        raise EpisodeError(f'{source.path} holds no row; delete it, nothing was recorded')
    table = np.array(lengths, dtype=np.float32).reshape(len(lengths), len(source.header.cameras)).T
    return _Size(len(lengths), int(table.max(initial=1)), table)


def _write(source: EpisodeLog, path: Path, size: _Size) -> None:
    header, dof = source.header, len(source.header.joint_names)
    with h5py.File(path, 'w', rdcc_nbytes=2 * 1024**2) as file:
        for key, value in _attributes(source).items():
            file.attrs[key] = value
        seen = file.create_group('observations')
        images, ages = seen.create_group('images'), seen.create_group('image_age')
        shape = (size.rows, dof)
        tables = {
            name: (file if name == 'action' else seen).create_dataset(name, shape, 'f4')
            for name in VECTORS
        }
        stamp = seen.create_dataset('stamp', (size.rows,), 'f8')
        shape = (size.rows, size.width)
        for camera in header.cameras:
            images.create_dataset(camera, shape, 'u1', chunks=(1, size.width))
            ages.create_dataset(camera, (size.rows,), 'f4')
        file.create_dataset('compress_len', data=size.lengths)
        for i, row in enumerate(source.rows()):
            stamp[i] = row.stamp_s
            for name, values in zip(VECTORS, row.vectors, strict=True):
                tables[name][i] = values
            for camera, jpeg, age in zip(header.cameras, row.jpegs, row.ages_s, strict=True):
                images[camera][i] = _padded(jpeg, size.width)
                ages[camera][i] = age


def _attributes(source: EpisodeLog) -> dict[str, Any]:
    header = source.header
    return {
        'sim': False,
        **header.attrs,
        'compress': True,
        'success': False,
        **(source.end or {}),
        'complete': source.end is not None,
        'joint_names': list(header.joint_names),
        'cameras': list(header.cameras),
        'jpeg_channels': 'rgb',
        'act_ros_version': _version(),
    }


def _verify(source: EpisodeLog, path: Path, size: _Size) -> None:
    """Open the file anew and compare every row with the log."""
    with h5py.File(path, 'r') as file:
        seen = file['observations']
        if file['action'].shape[0] != size.rows or not np.array_equal(
            file['compress_len'], size.lengths
        ):
            raise EpisodeError(f'{path} does not hold the {size.rows} rows of {source.path}')
        for i, row in enumerate(source.rows()):
            if not _same(file, seen, i, row, source.header.cameras, size.width):
                raise EpisodeError(
                    f'row {i} of {path} differs from {source.path}: is the disk sound?'
                )


def _same(file: Any, seen: Any, i: int, row: Row, cameras: tuple[str, ...], width: int) -> bool:
    vectors = all(
        np.array_equal((file if name == 'action' else seen)[name][i], values, equal_nan=True)
        for name, values in zip(VECTORS, row.vectors, strict=True)
    )
    return (
        vectors
        and bool(seen['stamp'][i] == row.stamp_s)
        and all(
            np.array_equal(seen['images'][camera][i], _padded(jpeg, width))
            for camera, jpeg in zip(cameras, row.jpegs, strict=True)
        )
    )


def _padded(jpeg: bytes, width: int) -> NDArray[np.uint8]:
    row = np.zeros(width, np.uint8)
    row[: len(jpeg)] = np.frombuffer(jpeg, np.uint8)
    return row


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _name(partial: Path, episode: Path) -> None:
    """Give the file its name, never over another: a link fails where the name is taken."""
    try:
        os.link(partial, episode)
        return
    except OSError as error:
        if error.errno not in (
            errno.EPERM,
            errno.ENOTSUP,
            errno.EOPNOTSUPP,
            errno.ENOSYS,
            errno.EMLINK,
        ):
            raise
    # No hard links on this disk (FAT, some network folders): take the name first, then fill it.
    os.close(os.open(episode, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    partial.replace(episode)


def _version() -> str:
    try:
        return version('act_ros')
    except PackageNotFoundError:
        return 'source'


def main() -> int:
    """Finish the log that is named on the command line; prints the episode's path."""
    if len(sys.argv) not in (2, 3):
        sys.stderr.write('usage: python -m act_ros.data.finish LOG [FOLDER]\n')
        return 2
    try:
        episode = finish_log(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) == 3 else None)
        sys.stdout.write(f'{episode}\n')
    except (EpisodeError, OSError) as error:
        sys.stderr.write(f'{error}\n')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
