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
from act_ros.data.rows import VECTORS, EpisodeError, EpisodeLog, raw_frame

INTERRUPTED = 'interrupted'
"""Folder, in the dataset's, for what an interrupted recorder left."""


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


def recover_log(log: Path) -> str:
    """Save what an interrupted recorder left in a log; a line on it for a person.

    Sealed logs become the episodes that they were to be, cut off ones go to `INTERRUPTED`, and so do
    logs without a row. Nothing is overwritten.

    Raises:
        EpisodeError, OSError: it cannot be saved now; the log stays.
    """
    aside = log.parent / INTERRUPTED
    try:
        source = EpisodeLog(log)
        rows = sum(1 for _ in source.rows())
    except EpisodeError:
        rows = 0
    if not rows:
        return f'an interrupted recording without a row was set aside as {_aside(log, aside)}'
    episode = log.with_name(log.name.removesuffix('.log'))
    if episode.exists() and _holds(source, episode):
        log.unlink()
        return f'{episode} was whole; only its log was left, and is deleted'
    if source.end is not None and not episode.exists():
        return f'a recording that had ended was finished as {finish_log(log)}, {rows} rows'
    aside.mkdir(exist_ok=True)
    if (aside / episode.name).exists():
        return (
            f'{log} is a second recording of its number; it was set aside as {_aside(log, aside)}'
        )
    path = finish_log(log, aside)
    return f'an interrupted recording was finished and set aside as {path}, {rows} rows'


def _holds(source: EpisodeLog, episode: Path) -> bool:
    try:
        _verify(source, episode, _measure(source))
    except (EpisodeError, OSError, KeyError):
        return False
    return True


def _aside(path: Path, folder: Path) -> Path:
    """Move a file to `folder` under a name that is free."""
    folder.mkdir(exist_ok=True)
    free = (folder / f'{path.name}{suffix}' for suffix in ('', *(f'.{i}' for i in range(1, 1000))))
    target = next(name for name in free if not name.exists())
    path.rename(target)
    return target


@dataclass(frozen=True)
class _Size:
    """What the first pass over a log finds; all of it but the frames.

    `width` of the widest JPEG; `lengths` (cameras, T) of the JPEGs; `stamp` (T,); `vectors` (T, 4, dof);
    `ages` (T, cameras + sources); `shape` (H, W, 3) of a raw frame.
    """

    rows: int
    width: int
    lengths: NDArray[np.float32]
    stamp: NDArray[np.float64]
    vectors: NDArray[np.float32]
    ages: NDArray[np.float32]
    shape: tuple[int, ...]


def _measure(source: EpisodeLog) -> _Size:
    lengths, stamp, vectors, ages = [], [], [], []
    shape: tuple[int, ...] = ()
    for row in source.rows():
        lengths.append([len(jpeg) for jpeg in row.jpegs])
        stamp.append(row.stamp_s)
        vectors.append(row.vectors)
        ages.append((*row.ages_s, *row.source_ages_s))
        if source.header.raw and not shape and row.jpegs:
            shape = raw_frame(row.jpegs[0]).shape
    if not lengths:
        raise EpisodeError(f'{source.path} holds no row; delete it, nothing was recorded')
    table = np.array(lengths, dtype=np.float32).reshape(len(lengths), len(source.header.cameras)).T
    return _Size(
        *(len(lengths), int(table.max(initial=1)), table, np.array(stamp)),
        *(np.array(vectors, np.float32), np.array(ages, np.float32), shape),
    )


def _columns(source: EpisodeLog, size: _Size) -> dict[str, NDArray[Any]]:
    """Every dataset of the file but the frames, by name."""
    made: dict[str, NDArray[Any]] = {'observations/stamp': size.stamp}
    for i, name in enumerate(VECTORS):
        made[name if name == 'action' else f'observations/{name}'] = size.vectors[:, i]
    cameras = [f'observations/image_age/{camera}' for camera in source.header.cameras]
    for i, name in enumerate([*cameras, *source.header.sources]):
        made[name] = size.ages[:, i]
    if not source.header.raw:
        made['compress_len'] = size.lengths
    return made


def _write(source: EpisodeLog, path: Path, size: _Size) -> None:
    cameras = source.header.cameras
    frame = size.shape if source.header.raw else (size.width,)
    with h5py.File(path, 'w', rdcc_nbytes=2 * 1024**2) as file:
        for key, value in _attributes(source).items():
            file.attrs[key] = value
        for name, values in _columns(source, size).items():
            file.create_dataset(name, data=values)
        images = file.create_group('observations/images')
        made = [
            images.create_dataset(camera, (size.rows, *frame), 'u1', chunks=(1, *frame))
            for camera in cameras
        ]
        for i, row in enumerate(source.rows()):
            for camera, dataset, data in zip(cameras, made, row.jpegs, strict=True):
                # A frame is a chunk: written as it is, which costs a tenth of an assignment.
                chunk = _chunk(source, size, camera, i, data)
                dataset.id.write_direct_chunk((i,) + (0,) * len(frame), chunk)


def _chunk(source: EpisodeLog, size: _Size, camera: str, row: int, data: bytes) -> bytes:
    """The bytes of a frame in the file: the JPEG padded with zeros, or the pixels."""
    if not source.header.raw:
        return data.ljust(size.width, b'\0')
    frame = raw_frame(data)
    if frame.shape != size.shape:
        raise EpisodeError(
            f'{source.path}: {camera} has a frame of shape {frame.shape} in row {row}; expected '
            f'{size.shape}, as in the first'
        )
    return frame.tobytes()


def _attributes(source: EpisodeLog) -> dict[str, Any]:
    header = source.header
    return {
        'sim': False,
        **header.attrs,
        'compress': not header.raw,
        'success': False,
        **(source.end or {}),
        'complete': source.end is not None,
        'joint_names': list(header.joint_names),
        'cameras': list(header.cameras),
        **({} if header.raw else {'jpeg_channels': 'rgb'}),
        'act_ros_version': _version(),
    }


def _verify(source: EpisodeLog, path: Path, size: _Size) -> None:
    """Open the file anew and compare every row with the log."""
    cameras = source.header.cameras
    with h5py.File(path, 'r') as file:
        for name, values in _columns(source, size).items():
            if not np.array_equal(file[name][()], values, equal_nan=True):
                raise EpisodeError(
                    f'{name} of {path} differs from {source.path}: is the disk sound?'
                )
        images = [file[f'observations/images/{camera}'] for camera in cameras]
        if any(len(dataset) != size.rows for dataset in images):
            raise EpisodeError(f'{path} does not hold the {size.rows} rows of {source.path}')
        for i, row in enumerate(source.rows()):
            for camera, dataset, data in zip(cameras, images, row.jpegs, strict=True):
                at = (i,) + (0,) * (dataset.ndim - 1)
                stored = dataset.id.read_direct_chunk(at)[1]
                if stored != _chunk(source, size, camera, i, data):
                    raise EpisodeError(
                        f'row {i} of {path} differs from {source.path}: is the disk sound?'
                    )


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
    """Finish LOG, into FOLDER if given, and print the episode's path; --recover: see `recover_log`."""
    arguments = sys.argv[1:]
    recovers = arguments[:1] == ['--recover']
    if len(arguments) not in ((2,) if recovers else (1, 2)):
        sys.stderr.write('usage: python -m act_ros.data.finish LOG [FOLDER] | --recover LOG\n')
        return 2
    try:
        if recovers:
            sys.stdout.write(f'{recover_log(Path(arguments[1]))}\n')
        else:
            into = Path(arguments[1]) if len(arguments) == 2 else None
            sys.stdout.write(f'{finish_log(arguments[0], into)}\n')
    except (EpisodeError, OSError) as error:
        sys.stderr.write(f'{error}\n')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
