# SPDX-License-Identifier: Apache-2.0
"""The frames of a set of episodes, decoded and resized once, then read from one memory-mapped file."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from act_ros.data.episode import EpisodeError, read_episode
from act_ros.robot.image import ImageError, resize

CACHE = '.frames'
"""Folder of the caches, in the folder of the episodes."""
FEW = 8
"""Episodes that aren't worth a process of their own."""


def cached_frames(
    paths: Sequence[Path],
    lengths: Sequence[int],
    cameras: Sequence[str],
    size: tuple[int, int],
    cache: Path,
) -> NDArray[np.uint8]:
    """All frames of the episodes, (ticks, cameras, height, width, 3) uint8 RGB, memory-mapped.

    The file is named after the episodes' names, sizes and times of change, the cameras and the size: it
    is built when any of these differs, by one process per core, and used as it is otherwise.

    Args:
        paths: the episodes, in order.
        lengths: ticks of each.
        cameras: the cameras of a tick, in order.
        size: (height, width) that frames are resized to.
        cache: folder to keep the file in; it is made where it isn't there.

    Raises:
        EpisodeError: a frame can't be decoded or resized; the folder can't be written.
    """
    key = [[p.name, p.stat().st_size, p.stat().st_mtime_ns] for p in paths]
    digest = hashlib.sha256(
        json.dumps([key, list(lengths), list(cameras), list(size)]).encode()
    ).hexdigest()
    path = cache / f'frames_{size[0]}x{size[1]}_{digest[:16]}.npy'
    if not path.exists():
        try:
            cache.mkdir(parents=True, exist_ok=True)
            _build(path, paths, lengths, cameras, size)
        except OSError as error:
            raise EpisodeError(
                f'the cache of decoded frames cannot be written in {cache}: {error}; name another place with --cache'
            ) from error
    frames: NDArray[np.uint8] = np.load(path, mmap_mode='r')
    return frames


def _build(
    path: Path,
    paths: Sequence[Path],
    lengths: Sequence[int],
    cameras: Sequence[str],
    size: tuple[int, int],
) -> None:
    """Decode every episode into `path`, which appears whole or not at all."""
    partial = path.with_suffix(f'.{os.getpid()}.partial')
    shape = (sum(lengths), len(cameras), *size, 3)
    try:
        frames = np.lib.format.open_memmap(partial, mode='w+', dtype=np.uint8, shape=shape)
        start = 0
        for decoded in tqdm(
            _decode_all(paths, cameras, size), total=len(paths), desc='decoding', unit='episode'
        ):
            frames[start : start + len(decoded)] = decoded
            start += len(decoded)
        frames.flush()
        del frames
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


def _decode_all(
    paths: Sequence[Path], cameras: Sequence[str], size: tuple[int, int]
) -> Iterator[NDArray[np.uint8]]:
    """The frames of each episode in turn, decoded in parallel and a few episodes ahead at most."""
    workers = min(len(os.sched_getaffinity(0)), math.ceil(len(paths) / FEW))
    if workers == 1:
        yield from (_decode(path, tuple(cameras), size) for path in paths)
        return
    # 'spawn': a fork of a process in which PyTorch has started threads may hang.
    with ProcessPoolExecutor(workers, mp_context=get_context('spawn')) as pool:
        ahead = 2 * workers
        jobs = [pool.submit(_decode, p, tuple(cameras), size) for p in paths[:ahead]]
        for i in range(len(paths)):
            yield jobs.pop(0).result()
            if i + ahead < len(paths):
                jobs.append(pool.submit(_decode, paths[i + ahead], tuple(cameras), size))


def _decode(path: Path, cameras: tuple[str, ...], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The resized frames of one episode, (ticks, cameras, height, width, 3)."""
    cv2.setNumThreads(1)
    with read_episode(path) as episode:
        frames = np.empty((len(episode), len(cameras), *size, 3), np.uint8)
        try:
            for c, camera in enumerate(cameras):
                for t in range(len(episode)):
                    frames[t, c] = resize(episode.images[camera][t], *size)
        except ImageError as error:
            raise EpisodeError(f'{path}, camera {camera}: {error}') from error
    return frames
