# SPDX-License-Identifier: Apache-2.0
"""The frames of a set of episodes: decoded and resized once into a file where that fits, else whenever they are needed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from act_ros.data.decode import FrameDecoder, Sources, decode_all
from act_ros.data.errors import EpisodeError

CACHE = '.frames'
"""Folder of the caches, in the folder of the episodes."""
DISK_SHARE = 0.5
"""Share of the free disk that a cache may take where nobody says how much."""


class FrameStore(ABC):
    """All frames of a set of episodes.

    Attributes:
        shape: (ticks, cameras, height, width, 3).
        nbytes: of all frames.
        where: where they are, for people.
    """

    shape: tuple[int, ...]
    nbytes: int
    where: str

    @abstractmethod
    def gather(self, ticks: NDArray[np.int64], into: NDArray[np.uint8]) -> None:
        """Write the frames at `ticks` (B,) into an array (B, cameras, h, w, 3).

        Raises:
            EpisodeError: one can't be decoded.
        """


class CachedFrames(FrameStore):
    """Frames in a file that is mapped into memory."""

    def __init__(self, path: Path) -> None:
        self._array: NDArray[np.uint8] = np.load(path, mmap_mode='r')
        self.shape, self.nbytes, self.where = self._array.shape, self._array.nbytes, str(path)

    def gather(self, ticks: NDArray[np.int64], into: NDArray[np.uint8]) -> None:
        """See `FrameStore`."""
        # 'clip' is the mode in which NumPy copies straight into `into`; no tick is out of bounds.
        np.take(self._array, ticks, axis=0, out=into, mode='clip')


class DecodedFrames(FrameStore):
    """Frames that are decoded out of the episodes when they are asked for.

    Raises:
        EpisodeError: the first frame of an episode can't be decoded.
    """

    where = 'decoded as they are needed'

    def __init__(self, sources: Sources) -> None:
        self._decoder = FrameDecoder(sources)
        self.shape, self.nbytes = sources.shape, sources.nbytes
        self._decoder.check()

    def gather(self, ticks: NDArray[np.int64], into: NDArray[np.uint8]) -> None:
        """See `FrameStore`."""
        self._decoder.gather(ticks, into)


def open_frames(sources: Sources, cache: Path, budget_gb: float | None = None) -> FrameStore:
    """The frames of the episodes, from a file in `cache` that is made where it isn't there and fits.

    The file is named after the episodes' names, sizes and times of change, the cameras and the size: it
    is built when any of these differs, by one thread per core, and used as it is otherwise.

    Args:
        sources: what is decoded.
        cache: folder to keep the file in; it is made where it isn't there.
        budget_gb: room that the file may take; by default half of what is free.

    Raises:
        EpisodeError: a frame can't be decoded or resized; the folder can't be written.
    """
    key = [episode.fingerprint() for episode in sources.episodes]
    digest = hashlib.sha256(
        json.dumps([key, list(sources.lengths), sources.cameras, sources.size]).encode()
    ).hexdigest()
    path = cache / f'frames_{sources.size[0]}x{sources.size[1]}_{digest[:16]}.npy'
    if not path.exists():
        if budget_gb == 0:
            return DecodedFrames(sources)
        try:
            with _alone(cache):
                if not path.exists():  # else another process built it meanwhile
                    if sources.nbytes > room(cache, budget_gb):
                        return DecodedFrames(sources)
                    _build(path, sources)
        except OSError as error:
            raise EpisodeError(
                f'the decoded frames ({sources.nbytes / 1e9:.1f} GB) cannot be written in {cache}: '
                f'{error.strerror or error}; name another place with --cache, or say --cache-gb 0 to '
                f'decode them as they are needed'
            ) from error
    return CachedFrames(path)


def room(cache: Path, budget_gb: float | None) -> float:
    """Bytes that a cache may take in a folder, which need not be there yet."""
    there = next(folder for folder in (cache, *cache.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    return DISK_SHARE * free if budget_gb is None else min(budget_gb * 1e9, free)


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """One process builds in a folder at a time; what a dead one left is removed."""
    cache.mkdir(parents=True, exist_ok=True)
    lock = os.open(cache, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in cache.glob('frames_*.partial'):
            left.unlink(missing_ok=True)
        yield
    finally:
        os.close(lock)
        with suppress(OSError):
            cache.rmdir()  # where nothing was built in it


def _build(path: Path, sources: Sources) -> None:
    """Decode every episode into `path`, which appears whole or not at all."""
    partial = path.with_suffix('.partial')
    try:
        frames = np.lib.format.open_memmap(partial, mode='w+', dtype=np.uint8, shape=sources.shape)
        # Taken before it is written to: where the disk fills up, a write to mapped memory kills the process.
        with partial.open('r+b') as file:
            os.posix_fallocate(file.fileno(), 0, os.path.getsize(partial))
        total = sources.shape[0] * sources.shape[1]
        with tqdm(total=total, desc='decoding', unit='frame') as bar:
            for count in decode_all(sources, frames):
                bar.update(count)
        frames.flush()
        del frames
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
