# SPDX-License-Identifier: Apache-2.0
"""Rows on the 50 Hz grid: of each source the newest value that is not newer than the tick."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from act_ros.data.recording.episode_log import encode
from act_ros.data.times import STALE_S
from act_ros.robot.stillness import FROZEN_S
from act_ros.robot.types import Floats, Frame

T = TypeVar('T')
MAX_AGE_S = 1.0
"""A source that has been silent for longer has no value for a row."""
FRAMES = 25
"""Frames of a camera that are kept, so that a row may be made half a second late on a busy machine."""
COMMAND, BASE = 'act/command', 'base'
"""Names of the sources that are no arm and no camera."""


class Picture:
    """A frame that is encoded once, however many ticks use it; then its pixels are let go."""

    def __init__(self, frame: Frame, still_s: float = 0.0) -> None:
        """Keep `frame`, (H, W, 3) uint8 RGB, which the camera has been sending for `still_s`."""
        self._frame: Frame | None = frame
        self.still_s = still_s
        self._lock = threading.Lock()
        self._encoded: Future[bytes] | None = None

    def encoded(self, pool: Executor, quality: int) -> Future[bytes]:
        """Its bytes in the log (see `episode_log.encode`), made by `pool`; the first call decides the quality."""
        with self._lock:
            if self._encoded is None:
                assert self._frame is not None
                self._encoded = pool.submit(encode, self._frame, quality)
                self._frame = None
            return self._encoded


class History(Generic[T]):
    """The last values of one source with their stamps, oldest first."""

    def __init__(self, length: int) -> None:
        """Keep `length` values."""
        self._values: deque[tuple[float, T]] = deque(maxlen=length)

    def add(self, stamp_s: float, value: T) -> None:
        """Take in a value. One a little older than the newest is ignored; much older: a clock was set."""
        if self._values and stamp_s < self._values[-1][0] - MAX_AGE_S:
            self._values.clear()
        if not self._values or stamp_s > self._values[-1][0]:
            self._values.append((stamp_s, value))

    def at(self, time_s: float) -> tuple[float, T] | None:
        """The newest value that isn't newer than `time_s`, with its age; None if it is too old."""
        for stamp_s, value in reversed(self._values):
            if stamp_s <= time_s + 1e-6:
                age = time_s - stamp_s
                return (max(age, 0.0), value) if age <= MAX_AGE_S else None
        return None

    @property
    def newest_s(self) -> float | None:
        """The stamp of the newest value, if there is one."""
        return self._values[-1][0] if self._values else None

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()


@dataclass(frozen=True)
class RowData:
    """A row before it is encoded.

    Attributes:
        stamp_s: ROS time of the tick.
        vectors: (4, dof) float32: qpos, qvel, effort, action.
        pictures: by camera.
        ages_s: by source (arms, cameras, `COMMAND`, `BASE`), how much older than the tick it is.
        base: linear and angular velocity of a mobile base; empty without one.
    """

    stamp_s: float
    vectors: Floats
    pictures: Mapping[str, Picture]
    ages_s: Mapping[str, float]
    base: tuple[float, ...] = ()

    @property
    def stale(self) -> list[str]:
        """Sources that are older than they should be."""
        return [name for name, age in self.ages_s.items() if age > STALE_S]

    @property
    def frozen(self) -> list[str]:
        """Cameras that have been sending the same picture for too long."""
        return [name for name, picture in self.pictures.items() if picture.still_s >= FROZEN_S]


class Heard:
    """What was heard of every source. Not thread-safe: hold a lock."""

    def __init__(
        self, arms: Sequence[str], cameras: Sequence[str], rate_hz: float, base: bool = False
    ) -> None:
        """Expect these follower arms and cameras, commands, and the velocity of a base if there is one."""
        self._rate_hz = rate_hz
        self.joints: dict[str, History[tuple[Floats, Floats, Floats]]] = {
            arm: History(100) for arm in arms
        }
        self.frames: dict[str, History[Picture]] = {camera: History(FRAMES) for camera in cameras}
        self.commands: History[Floats] = History(50)
        self.base: History[tuple[float, float]] | None = History(100) if base else None

    def row(self, tick: int) -> RowData | list[str]:
        """The row of a tick: of each source the newest that isn't newer; or the sources that lack."""
        time_s = tick / self._rate_hz
        joints = {arm: history.at(time_s) for arm, history in self.joints.items()}
        frames = {camera: history.at(time_s) for camera, history in self.frames.items()}
        base = {BASE: self.base.at(time_s)} if self.base else {}
        command = {COMMAND: self.commands.at(time_s)}
        found: dict[str, tuple[float, Any] | None] = {**joints, **frames, **base, **command}
        ages = {name: value[0] for name, value in found.items() if value}
        if len(ages) < len(found):
            return [name for name in found if name not in ages]
        values = {name: value[1] for name, value in found.items() if value}
        vectors = [np.concatenate([values[arm][i] for arm in joints]) for i in range(3)]
        return RowData(
            time_s,
            np.stack([*vectors, values[COMMAND]]).astype(np.float32),
            {camera: values[camera] for camera in frames},
            ages,
            values.get(BASE, ()),
        )

    def newest_s(self) -> dict[str, float]:
        """By source that was heard the stamp of its newest value."""
        sources: dict[str, History[Any]] = {**self.joints, **self.frames, COMMAND: self.commands}
        sources |= {BASE: self.base} if self.base else {}
        newest = {name: history.newest_s for name, history in sources.items()}
        return {name: stamp_s for name, stamp_s in newest.items() if stamp_s is not None}

    def clear(self) -> None:
        """Forget everything: the clock has jumped, and nothing that was heard is of this time."""
        for joints in self.joints.values():
            joints.clear()
        for frames in self.frames.values():
            frames.clear()
        self.commands.clear()
        if self.base:
            self.base.clear()
