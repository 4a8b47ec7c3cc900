# SPDX-License-Identifier: Apache-2.0
"""Writes an episode of any kind as ALOHA's HDF5: JPEG as Interbotix's, or raw as the original's.

The original's loader reads raw frames only, Interbotix's both. What the source lacks the file lacks
too; only `sim`, which both loaders insist on, is filled in by the caller where it is unknown.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.base import Episode
from act_ros.data.formats.hdf5_frames import HDF5Frames
from act_ros.robot.types import Frame
from act_ros.text import printable_data
from act_ros.version import own_version


@dataclass(frozen=True)
class Storage:
    """How an episode is stored.

    Attributes:
        pixels: 'jpeg'; 'raw': as they are; 'gzip': the same, compressed without loss.
        quality: of JPEGs, 1..100.
        sim: for the attribute `sim` where the source doesn't say.
    """

    pixels: str = 'jpeg'
    quality: int = 95
    sim: bool = False


def store_episode(episode: Episode, path: Path, storage: Storage) -> None:
    """Write `episode` to `path`, which appears whole or not at all, and never over another file.

    Raises:
        EpisodeError: a part of the episode doesn't fit or can't be decoded.
        FileExistsError: `path` is there already.
        OSError: the disk is full or gone. HDF5's library may end the process then: call this in a
            process of its own (`act_ros.data.child_processes`).
    """
    if path.exists():
        raise FileExistsError(f'{path} exists and is never overwritten')
    handle, name = tempfile.mkstemp(prefix='.partial_', dir=path.parent)
    os.close(handle)
    partial = Path(name)
    try:
        with h5py.File(partial, 'w', rdcc_nbytes=2 * 1024**2) as file:
            _write(file, episode, storage)
        with partial.open('rb') as written:
            os.fsync(written.fileno())
        partial.chmod(0o644)
        os.link(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _write(file: Any, episode: Episode, storage: Storage) -> None:
    length, cameras = len(episode), episode.cameras
    for key, value in _attributes(episode, storage).items():
        file.attrs[key] = printable_data(value)
    seen = file.create_group('observations')
    images = seen.create_group('images')
    file['action'], seen['qpos'] = _rows(episode, 'action'), _rows(episode, 'qpos')
    for name in ('qvel', 'effort', 'base_action', 'stamp'):
        if getattr(episode, name) is not None:
            place = file if name == 'base_action' else seen
            place[name] = _rows(episode, name)
    ages = {name: age for name, age in episode.image_age.items() if len(age) == length}
    for name, age in ages.items():
        seen[f'image_age/{name}'] = age
    if storage.pixels == 'jpeg':
        _jpegs(file, images, episode, cameras, storage.quality)
        return
    for camera in cameras:
        _raw(images, camera, _frames(episode, camera), length, storage.pixels == 'gzip')


def _rows(episode: Episode, name: str) -> NDArray[Any]:
    values: NDArray[Any] = getattr(episode, name)
    if len(values) != len(episode):
        raise EpisodeError(
            f'{episode.path}: {len(values)} rows of {name}; expected {len(episode)}'
        )
    return values


def _frames(episode: Episode, camera: str) -> Iterator[Frame]:
    """All frames of a camera.

    Raises:
        EpisodeError: there are not as many as ticks.
    """
    frames = episode.images[camera]
    count = len(frames)
    if count == len(episode):  # else not one is looked at: there may be as many as a file says
        count = 0
        for frame in frames:
            count += 1
            yield frame
    if count != len(episode):
        raise EpisodeError(f'{episode.path}: {count} frames of {camera}; expected {len(episode)}')


def _raw(images: Any, camera: str, frames: Iterator[Frame], length: int, compress: bool) -> None:
    dataset = None
    for t, frame in enumerate(frames):
        if dataset is None:
            packed = {'compression': 'gzip', 'compression_opts': 1, 'shuffle': True}
            shape = (length, *frame.shape)
            chunks = (1, *frame.shape)
            dataset = images.create_dataset(
                camera, shape, 'u1', chunks=chunks, **(packed if compress else {})
            )
        if frame.shape != dataset.shape[1:]:
            raise EpisodeError(
                f'{camera}: frame {t} has shape {frame.shape}; the ones before {dataset.shape[1:]}'
            )
        dataset[t] = frame


def _jpegs(
    file: Any, images: Any, episode: Episode, cameras: tuple[str, ...], quality: int
) -> None:
    """Rows of one width need the longest JPEG of all: they wait in a file without a name."""
    lengths = np.zeros((len(cameras), len(episode)), np.float32)
    with tempfile.TemporaryFile(dir=Path(file.filename).parent) as spool:
        for c, camera in enumerate(cameras):
            for t, jpeg in enumerate(_encoded(episode, camera, quality)):
                spool.write(jpeg)
                lengths[c, t] = len(jpeg)
        spool.seek(0)
        width = int(lengths.max())
        for c, camera in enumerate(cameras):
            shape = (len(episode), width)
            dataset = images.create_dataset(camera, shape, 'u1', chunks=(1, width))
            _fill(dataset, spool, lengths[c])
    file['compress_len'] = lengths


def _fill(dataset: Any, spool: IO[bytes], lengths: NDArray[np.float32]) -> None:
    for t, length in enumerate(lengths):
        row = np.zeros(dataset.shape[1], np.uint8)
        row[: int(length)] = np.frombuffer(spool.read(int(length)), np.uint8)
        dataset[t] = row


def _encoded(episode: Episode, camera: str, quality: int) -> Iterator[bytes]:
    """JPEGs whose decoding with cv2 gives RGB; those of a source of that kind as they are."""
    frames = episode.images[camera]
    if isinstance(frames, HDF5Frames) and _fits(frames):
        for t in range(len(episode)):
            frames[t]  # raises where it is no whole JPEG
            yield frames.stored(t).tobytes().rstrip(b'\0')
        return
    option = [cv2.IMWRITE_JPEG_QUALITY, quality]
    for frame in _frames(episode, camera):
        yield bytes(cv2.imencode('.jpg', frame, option)[1])


def _fits(frames: Any) -> bool:
    """Whether the frames are JPEGs already that can be taken over as they are."""
    return isinstance(frames, HDF5Frames) and frames.jpeg and frames.channels == 'rgb'


def _attributes(episode: Episode, storage: Storage) -> Mapping[str, Any]:
    keep = {k: v for k, v in episode.attrs.items() if v is not None and not k.startswith('jpeg_')}
    jpeg: dict[str, Any] = {}
    if storage.pixels == 'jpeg':
        taken_over = all(_fits(episode.images[name]) for name in episode.cameras)
        quality = episode.attrs.get('jpeg_quality') if taken_over else storage.quality
        jpeg = {'jpeg_channels': 'rgb', **({'jpeg_quality': quality} if quality else {})}
    return {
        'sim': storage.sim,
        **keep,
        **jpeg,
        'compress': storage.pixels == 'jpeg',
        'cameras': list(episode.cameras),
        'converted_from': episode.kind,
        'act_ros_version': own_version(),
    }
