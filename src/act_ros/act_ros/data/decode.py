# SPDX-License-Identifier: Apache-2.0
"""Decoding and resizing the frames of many episodes in threads: all of them in order, or those that are asked for.

Threads do: JPEG, video and resizing let go of Python's lock. And they leave no process behind.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.base import Episode
from act_ros.data.formats.collection import EpisodeRef
from act_ros.robot.image import ImageError, resize
from act_ros.robot.types import Frame

MOST_OPEN = 256
"""Episodes whose files are kept open; a process may usually have 1024 files."""


@dataclass(frozen=True)
class Sources:
    """Where frames are decoded from, and what to.

    Attributes:
        episodes: one after the other.
        lengths: ticks of each.
        cameras: of a tick, in order.
        size: (height, width) that frames are resized to.
    """

    episodes: Sequence[EpisodeRef]
    lengths: Sequence[int]
    cameras: tuple[str, ...]
    size: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """Of all frames: (ticks, cameras, height, width, 3)."""
        return (sum(self.lengths), len(self.cameras), *self.size, 3)

    @property
    def nbytes(self) -> int:
        """Bytes of all frames."""
        return int(np.prod(self.shape, dtype=np.int64))


def decode_all(sources: Sources, into: NDArray[np.uint8]) -> Iterator[int]:
    """Decode every frame into an array of `Sources.shape`; yields how many were done, again and again.

    Raises:
        EpisodeError: a frame can't be decoded or resized, or an episode has not as many as it should.
    """
    stop = threading.Event()
    starts = np.concatenate([[0], np.cumsum(sources.lengths)]).tolist()
    with _threads() as pool:
        try:
            jobs = [
                pool.submit(_decode_camera, ref, sources, c, into[starts[i] : starts[i + 1]], stop)
                for i, ref in enumerate(sources.episodes)
                for c in range(len(sources.cameras))
            ]
            for job in jobs:  # in order: of several errors it is the first that is told
                yield job.result()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _decode_camera(
    ref: EpisodeRef, sources: Sources, c: int, into: NDArray[np.uint8], stop: threading.Event
) -> int:
    """All frames of camera `c` of an episode, one at a time in memory; how many there were."""
    camera, count = sources.cameras[c], 0
    with ref.open() as episode:
        for frame in episode.images[camera]:
            if stop.is_set():
                return count
            if count < len(into):
                into[count, c] = _resized(frame, sources, ref, camera)
            count += 1
    if count != len(into):
        raise EpisodeError(f'{ref.path}, camera {camera}: {count} frames; expected {len(into)}')
    return count


def _resized(frame: Frame, sources: Sources, ref: EpisodeRef, camera: str) -> Frame:
    try:
        return resize(frame, *sources.size)
    except ImageError as error:
        raise EpisodeError(
            f'{ref.path}, camera {camera}: {_misshapen(frame, sources.size)}'
        ) from error


def _misshapen(frame: Frame, size: tuple[int, int]) -> str:
    """What to do about frames of another aspect ratio than they are to be trained in."""
    height, width = frame.shape[:2]
    fitting = {(size[0], round(size[0] * width / height)), (height, width)}
    proposed = ' or '.join(str([h, w]) for h, w in sorted(fitting) if _same_shape(frame, h, w))
    return (
        f'its pictures are {width}x{height}, and image_size {list(size)} (height, width) has another aspect ratio; '
        f'write an image_size that fits, such as {proposed}, into a configuration of your own (--config-file)'
    )


def _same_shape(frame: Frame, height: int, width: int) -> bool:
    try:
        resize(frame, height, width)
    except ImageError:
        return False
    return True


class FrameDecoder:
    """Frames decoded when they are asked for. Close it after use."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._starts = np.concatenate([[0], np.cumsum(sources.lengths)])
        self._open: OrderedDict[int, Episode] = OrderedDict()
        self._pool = _threads()
        self._lock = threading.Lock()

    def gather(self, ticks: NDArray[np.int64], into: NDArray[np.uint8]) -> None:
        """Write the frames at `ticks` (B,) into an array (B, cameras, h, w, 3).

        Raises:
            EpisodeError: one can't be decoded.
        """
        which = np.searchsorted(self._starts, ticks, side='right') - 1
        with self._lock:  # nobody closes an episode that another reads
            found = {int(i): self._episode(int(i)) for i in np.unique(which)}
            jobs: list[Future[None]] = [
                self._pool.submit(self._decode, found[i], i, int(t - self._starts[i]), into[b])
                for b, (i, t) in enumerate(zip(which.tolist(), ticks.tolist(), strict=True))
            ]
            try:
                for job in jobs:
                    job.result()
            finally:
                for job in jobs:
                    job.cancel()
            while len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)[1].close()

    def check(self) -> None:
        """Decode the first frame of each episode: what is wrong with all of them is seen at once.

        Raises:
            EpisodeError: one can't be decoded.
        """
        into = np.empty((1, *self._sources.shape[1:]), np.uint8)
        for start in self._starts[:-1]:
            self.gather(np.array([start]), into)

    def _episode(self, i: int) -> Episode:
        if i not in self._open:
            self._open[i] = self._sources.episodes[i].open()
        self._open.move_to_end(i)
        return self._open[i]

    def _decode(self, episode: Episode, i: int, t: int, into: NDArray[np.uint8]) -> None:
        for c, camera in enumerate(self._sources.cameras):
            frame = episode.images[camera][t]
            into[c] = _resized(frame, self._sources, self._sources.episodes[i], camera)

    def close(self) -> None:
        """End the threads and close the files."""
        self._pool.shutdown(cancel_futures=True)
        while self._open:
            self._open.popitem()[1].close()


def _threads() -> ThreadPoolExecutor:
    # The threads are the parallelism: OpenCV's own would only be in their way.
    return ThreadPoolExecutor(
        len(os.sched_getaffinity(0)), 'decode', initializer=lambda: cv2.setNumThreads(1)
    )
