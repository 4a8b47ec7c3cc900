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

from act_ros.data.formats.collection import EpisodeRef
from act_ros.data.rows import EpisodeError
from act_ros.robot.image import ImageError, resize

CACHE = '.frames'
"""Folder of the caches, in the folder of the episodes."""
FEW = 8
"""Episodes that aren't worth a process of their own."""


def cached_frames(
    episodes: Sequence[EpisodeRef],
    lengths: Sequence[int],
    cameras: Sequence[str],
    size: tuple[int, int],
    cache: Path,
) -> NDArray[np.uint8]:
    """All frames of the episodes, (ticks, cameras, height, width, 3) uint8 RGB, memory-mapped.

    The file is named after the episodes' names, sizes and times of change, the cameras and the size: it
    is built when any of these differs, by one process per core, and used as it is otherwise.

    Args:
        episodes: what is decoded, in order.
        lengths: ticks of each.
        cameras: the cameras of a tick, in order.
        size: (height, width) that frames are resized to.
        cache: folder to keep the file in; it is made where it isn't there.

    Raises:
        EpisodeError: a frame can't be decoded or resized; the folder can't be written.
    """
    key = [episode.fingerprint() for episode in episodes]
    digest = hashlib.sha256(
        json.dumps([key, list(lengths), list(cameras), list(size)]).encode()
    ).hexdigest()
    path = cache / f'frames_{size[0]}x{size[1]}_{digest[:16]}.npy'
    if not path.exists():
        try:
            cache.mkdir(parents=True, exist_ok=True)
            _build(path, episodes, lengths, cameras, size)
        except OSError as error:
            raise EpisodeError(
                f'the cache of decoded frames cannot be written in {cache}: {error}; name another place with --cache'
            ) from error
    frames: NDArray[np.uint8] = np.load(path, mmap_mode='r')
    return frames


def _build(
    path: Path,
    episodes: Sequence[EpisodeRef],
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
            _decode_all(episodes, cameras, size),
            total=len(episodes),
            desc='decoding',
            unit='episode',
        ):
            frames[start : start + len(decoded)] = decoded
            start += len(decoded)
        frames.flush()
        del frames
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


def _decode_all(
    episodes: Sequence[EpisodeRef], cameras: Sequence[str], size: tuple[int, int]
) -> Iterator[NDArray[np.uint8]]:
    """The frames of each episode in turn, decoded in parallel and a few episodes ahead at most."""
    workers = min(len(os.sched_getaffinity(0)), math.ceil(len(episodes) / FEW))
    if workers == 1:
        yield from (_decode(episode, tuple(cameras), size) for episode in episodes)
        return
    # 'spawn': a fork of a process in which PyTorch has started threads may hang.
    with ProcessPoolExecutor(workers, mp_context=get_context('spawn')) as pool:
        ahead = 2 * workers
        jobs = [pool.submit(_decode, e, tuple(cameras), size) for e in episodes[:ahead]]
        for i in range(len(episodes)):
            yield jobs.pop(0).result()
            if i + ahead < len(episodes):
                jobs.append(pool.submit(_decode, episodes[i + ahead], tuple(cameras), size))


def _decode(ref: EpisodeRef, cameras: tuple[str, ...], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The resized frames of one episode, (ticks, cameras, height, width, 3)."""
    cv2.setNumThreads(1)
    with ref.open() as episode:
        frames = np.empty((len(episode), len(cameras), *size, 3), np.uint8)
        for c, camera in enumerate(cameras):
            decoded = 0
            for t, frame in enumerate(episode.images[camera]):
                try:
                    frames[t, c] = resize(frame, *size)
                except ImageError as error:
                    raise EpisodeError(f'{ref.path}, camera {camera}: {error}') from error
                decoded += 1
            if decoded != len(episode):
                raise EpisodeError(
                    f'{ref.path}, camera {camera}: {decoded} frames; expected {len(episode)}'
                )
    return frames
