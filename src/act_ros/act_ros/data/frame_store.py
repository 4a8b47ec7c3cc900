# SPDX-License-Identifier: Apache-2.0
"""The frames of a set of episodes: decoded and resized once into a file where that fits, else whenever they are needed."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from weakref import finalize

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from act_ros.data.decode import FrameDecoder, Sources, decode_all
from act_ros.data.errors import EpisodeError
from act_ros.text import listed, shown

CACHE = '.frames'
"""Folder of the caches, in the folder of the episodes."""
DISK_SHARE = 0.5
"""Share of the free disk that a cache may take where nobody says how much."""
LEFT_FREE = 2e9
"""Bytes of the disk that stay free where somebody does: a recorder, and checkpoints, go on."""
_NAME = re.compile(r'frames_\d+x\d+_[0-9a-f]{16}\.npy')
_DAMAGE = (ValueError, EOFError, SyntaxError, OSError)
"""What NumPy says to a file that is cut off, or is none of its own."""


class FrameStore(ABC):
    """All frames of a set of episodes.

    Attributes:
        shape: (ticks, cameras, height, width, 3).
        nbytes: of all frames.
        where: where they are, for people.
        notes: what became of older ones, for people.
    """

    shape: tuple[int, ...]
    nbytes: int
    where: str
    notes: tuple[str, ...] = ()

    @abstractmethod
    def gather(self, ticks: NDArray[np.int64], into: NDArray[np.uint8]) -> None:
        """Write the frames at `ticks` (B,) into an array (B, cameras, h, w, 3).

        Raises:
            EpisodeError: one can't be decoded.
        """


class CachedFrames(FrameStore):
    """Frames in a file that is mapped into memory, and is not removed meanwhile to make room."""

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        """Open the file of an array of that shape.

        Raises:
            FileNotFoundError: there is none.
            ValueError, EOFError, SyntaxError, OSError: it is damaged, or holds something else.
        """
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        finalize(self, os.close, file)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_SH)
        status = os.fstat(file)
        if not status.st_nlink:  # removed before it was locked
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        self._array: NDArray[np.uint8] = np.lib.format.open_memmap(path, mode='r')
        if self._array.shape != shape or self._array.dtype != np.uint8:
            raise ValueError(
                f'it holds {self._array.dtype} {self._array.shape}; expected uint8 {shape}'
            )
        with suppress(OSError):  # when it was used: not all file systems note that
            os.utime(file, ns=(time.time_ns(), status.st_mtime_ns))
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
    is built when any of these differs, by one thread per core, and used as it is otherwise; one that is damaged is
    built anew. Where there is no room for it, those that were not used for longest, and are not now, are removed.

    Args:
        sources: what is decoded.
        cache: folder to keep the file in; it is made where it isn't there.
        budget_gb: room that all such files in the folder may take; by default half of what is free for this one.

    Raises:
        EpisodeError: a frame can't be decoded or resized; the folder can't be written.
    """
    key = [episode.fingerprint() for episode in sources.episodes]
    digest = hashlib.sha256(
        json.dumps([key, list(sources.lengths), sources.cameras, sources.size]).encode()
    ).hexdigest()
    path = cache / f'frames_{sources.size[0]}x{sources.size[1]}_{digest[:16]}.npy'
    notes = []
    try:
        return CachedFrames(path, sources.shape)
    except FileNotFoundError:
        pass
    except _DAMAGE as error:
        notes.append(
            f'the decoded frames in {path} are damaged ({shown(error)}): they are decoded anew'
        )
    store: FrameStore | None = None
    if budget_gb != 0:
        try:
            with _alone(cache):
                store = _made(path, sources, budget_gb, notes)
        except OSError as error:
            raise EpisodeError(
                f'the decoded frames ({sources.nbytes / 1e9:.1f} GB) cannot be written in {cache}: '
                f'{error.strerror or error}; name another place with --cache, or say --cache-gb 0 to '
                f'decode them as they are needed'
            ) from error
    store = store or DecodedFrames(sources)
    store.notes = tuple(notes)
    return store


def _made(
    path: Path, sources: Sources, budget_gb: float | None, notes: list[str]
) -> FrameStore | None:
    """The file, made where no other process has made it meanwhile; None: there is no room. Hold the folder."""
    try:
        return CachedFrames(path, sources.shape)
    except FileNotFoundError:
        pass
    except _DAMAGE:
        path.unlink()
    removed, fits = _make_room(path.parent, sources.nbytes, budget_gb)
    if removed:
        notes.append(
            f'{len(removed)} older caches of frames in {path.parent} were removed to make room: '
            f'{listed(removed)}'
        )
    if not fits:
        return None
    _build(path, sources)
    return CachedFrames(path, sources.shape)


def room(cache: Path, budget_gb: float | None) -> float:
    """Bytes that another cache may take in a folder, which need not be there yet."""
    there = next(folder for folder in (cache, *cache.absolute().parents) if folder.exists())
    used = sum(_size(path) for path in _caches(cache))
    return max(0.0, _may(shutil.disk_usage(there).free, used, budget_gb))


def _may(free: float, used: float, budget_gb: float | None) -> float:
    return (
        DISK_SHARE * free if budget_gb is None else min(budget_gb * 1e9 - used, free - LEFT_FREE)
    )


def _caches(cache: Path) -> list[Path]:
    """The files in a folder that were made here: no others are counted, or removed."""
    return [
        p for p in cache.glob('frames_*.npy') if _NAME.fullmatch(p.name) and not p.is_symlink()
    ]


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _make_room(cache: Path, needs: int, budget_gb: float | None) -> tuple[list[str], bool]:
    """Remove caches that nobody uses, the longest unused first, where a new one then fits; nothing where not.

    Returns: the names of those that were removed; whether the new one fits.
    """
    free = shutil.disk_usage(cache).free
    used = sum(_size(path) for path in _caches(cache))
    chosen: list[Path] = []
    with ExitStack() as held:
        for path in sorted(_caches(cache), key=lambda path: path.stat().st_atime_ns):
            if needs <= _may(free, used, budget_gb):
                break
            if _unused(path, held):
                free, used = free + _size(path), used - _size(path)
                chosen.append(path)
        if needs > _may(free, used, budget_gb):
            return [], False
        for path in chosen:
            path.unlink(missing_ok=True)
    return [path.name for path in chosen], True


def _unused(path: Path, held: ExitStack) -> bool:
    """Whether no process has a cache open; until `held` ends none opens it."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    held.callback(os.close, file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False  # locked, or a file system without locks, where nobody knows
    return True


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
