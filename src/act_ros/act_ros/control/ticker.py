# SPDX-License-Identifier: Apache-2.0
"""When the next control tick is due: absolute deadlines on the steady clock, following ROS time.

A tick is a multiple of the control period in ROS time: `tick = floor(time * rate)`. The loop
sleeps on the steady clock, so a timebase translates between the two. On a robot ROS time is the
system's; in simulation it is heard on `/clock`, whose messages come in jumps and with jitter.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from act_ros.control.cadence import Cadence

JUMP_S = 1.0
"""A forward step of ROS time by more than this between two ticks is a jump, not an overrun."""
_POLL_S = 0.002  # how often a clock that stands still is looked at


def tick_of(stamp_s: float, rate_hz: float) -> int:
    """The control tick of a ROS time; with 1 microtick of slack, for stamps rounded down."""
    return math.floor(stamp_s * rate_hz + 1e-6)


class Timebase(Protocol):
    """Translates the steady clock into ROS time."""

    @property
    def epoch(self) -> int:
        """Counts the backward jumps of ROS time."""

    def ros_at(self, steady_s: float) -> float | None:
        """ROS time in seconds at a steady time not far from now; None while it isn't known."""


class SystemTime:
    """ROS time is the system's clock, which may be set while we run."""

    def __init__(
        self, steady: Callable[[], float] = time.monotonic, system: Callable[[], float] = time.time
    ) -> None:
        """Read the two clocks given."""
        self._steady, self._system = steady, system
        self._offset = system() - steady()
        self.epoch = 0

    def ros_at(self, steady_s: float) -> float:
        """System time in seconds at a steady time."""
        offset = self._system() - self._steady()
        if offset < self._offset - 0.1:
            self.epoch += 1
        self._offset = offset
        return steady_s + offset


class SimTime:
    """ROS time is what `/clock` says, made smooth.

    A message is never early, only late; so the fastest of the recent arrivals tells best how the
    two clocks lie to each other, and ticks are even although messages are not. Of the most recent: a
    simulator that was starved does not catch up, and what it says would look as old as it has lost time. The
    estimate runs ahead of the newest message by a little at most: where the simulator stops or is slower than
    real time, so are the ticks. Thread-safe: `observe` is called where messages are received,
    `ros_at` by the loop.
    """

    WINDOW_S = 2.0  # arrivals looked back on for the simulator's speed
    LEAD_S = 0.5  # and for the fastest of them
    AHEAD_S = 0.08  # how far beyond the newest message it is extrapolated: less than a joint state may be old
    SETTLE_S = (
        0.5  # time constant of the estimate's correction: 1 ms of error moves a tick by 40 us
    )
    REAL_TIME = 0.95  # a simulator above this factor is taken to run in real time

    def __init__(self) -> None:
        """Start without knowing the time."""
        self.epoch = 0
        self._lock = threading.Lock()
        self._seen: deque[tuple[float, float]] = deque()  # (steady arrival, ROS time)
        self._lead = 0.0  # ROS time minus steady time
        self._moved = 0.0  # steady time of the last correction

    def observe(self, ros_s: float, arrival_s: float) -> None:
        """Take in a `/clock` message: its time and the steady time of its arrival."""
        with self._lock:
            if self._seen and ros_s < self._seen[-1][1]:
                self.epoch += 1
                self._seen.clear()
            elif self._seen and ros_s > self._seen[-1][1] + JUMP_S:
                self._seen.clear()
            fresh = not self._seen
            self._seen.append((arrival_s, ros_s))
            while arrival_s - self._seen[0][0] > self.WINDOW_S:
                self._seen.popleft()
            since_s = arrival_s - self.LEAD_S
            lead = max(ros - arrival for arrival, ros in self._seen if arrival >= since_s)
            if fresh or abs(lead - self._lead) > 0.1:
                self._lead = lead
            else:
                share = (arrival_s - self._moved) / self.SETTLE_S
                self._lead += (lead - self._lead) * min(max(share, 0.0), 1.0)
            self._moved = arrival_s

    def ros_at(self, steady_s: float) -> float | None:
        """Estimated ROS time in seconds at a steady time; None before the first message."""
        with self._lock:
            if not self._seen:
                return None
            newest = self._seen[-1][1]
            return min(max(steady_s + self._lead, newest), newest + self._ahead())

    @property
    def factor(self) -> float:
        """Real-time factor of the simulator over the last two seconds; nan before two messages."""
        with self._lock:
            return self._factor()

    def _factor(self) -> float:
        (a0, r0), (a1, r1) = self._seen[0], self._seen[-1]
        return (r1 - r0) / (a1 - a0) if len(self._seen) > 1 and a1 > a0 else math.nan

    def _ahead(self) -> float:
        if len(self._seen) < 2:
            return 0.0
        interval = (self._seen[-1][1] - self._seen[0][1]) / (len(self._seen) - 1)
        return max(self.AHEAD_S, interval) if self._factor() >= self.REAL_TIME else interval


@dataclass(frozen=True)
class Beat:
    """One tick that is due.

    Attributes:
        tick: the absolute control tick.
        now_s: ROS time in seconds.
        missed: ticks that were skipped because the loop or the clock was too late for them.
        jumped: ROS time jumped since the tick before, or this is the first: what is known is of
            another time.
    """

    tick: int
    now_s: float
    missed: int
    jumped: bool


class Ticker:
    """Waits for one tick after the other; an overrun costs ticks, and no burst follows it.

    `cadence`: how evenly; a tick lasts until the next one is waited for.
    """

    def __init__(
        self,
        rate_hz: float,
        timebase: Timebase,
        steady: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Tick at `rate_hz` of the timebase's ROS time; `steady` and `sleep` are for tests."""
        if not rate_hz > 0:
            raise ValueError(f'rate_hz must be positive, got {rate_hz}')
        self.rate_hz = rate_hz
        self._timebase = timebase
        self._steady, self._sleep = steady, sleep
        self.cadence = Cadence(rate_hz)
        self._last: int | None = None
        self._epoch = timebase.epoch

    def wait(self, timeout_s: float = 0.1) -> Beat | None:
        """Sleep until the next tick is due; None if none is within the timeout (steady time)."""
        begun = self._steady()
        self.cadence.end(begun)
        give_up = begun + timeout_s
        while (now := self._steady()) < give_up:
            ros = self._timebase.ros_at(now)
            if ros is None:
                self._sleep(_POLL_S)
                continue
            beat = self._beat(ros)
            if beat is not None:
                self.cadence.begin(self._steady(), beat.missed)
                return beat
            left = ((self._last or 0) + 1) / self.rate_hz - ros
            # Beyond the newest /clock the estimate stands still: then look again soon, not after
            # `left`.
            ahead = self._timebase.ros_at(now + left)
            stands = ahead is None or ahead < ros + left - 1e-4
            self._sleep(min(max(left, 1e-5), give_up - now, _POLL_S if stands else left))
        return None

    def into(self, tick: int) -> float:
        """How far into a tick it is now, in periods; 1 and more: the next one is due."""
        ros = self._timebase.ros_at(self._steady())
        return 0.0 if ros is None else ros * self.rate_hz - tick

    def hold(self, tick: int, share: float) -> None:
        """Sleep until `share` of a tick's period is over; at most so long, whatever ROS time does."""
        left = min(share - self.into(tick), share)
        if left > 0.0:
            self._sleep(left / self.rate_hz)

    def _beat(self, ros_s: float) -> Beat | None:
        tick = tick_of(ros_s, self.rate_hz)
        jumped = self._last is None or self._epoch != self._timebase.epoch
        expected = tick if self._last is None or jumped else self._last + 1
        if tick < expected:
            return None
        if tick - expected > JUMP_S * self.rate_hz:
            jumped = True
        self._last, self._epoch = tick, self._timebase.epoch
        missed = 0 if jumped else tick - expected
        return Beat(tick, ros_s, missed, jumped)
