# SPDX-License-Identifier: Apache-2.0
"""Keeps the simulation to real time, and measures how far that succeeds."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

_GIVE_UP_S = 0.05
_FASTEST = 0.8


class RealTimePace:
    """Waits for one period after the other, by absolute deadlines on the steady clock.

    A delay is made up for softly, with periods of at least 0.8 of their length; what goes beyond
    50 ms is given up, and the simulation is that much slower. There is no burst.
    """

    def __init__(
        self,
        period_s: float,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Begin with a period that is due at once; `now` and `sleep` are for tests."""
        self._period, self._now, self._sleep = period_s, now, sleep
        self._deadline = now()
        self._last = self._deadline - period_s

    def wait(self) -> None:
        """Sleep until the next period may begin."""
        begin = max(self._deadline, self._last + _FASTEST * self._period)
        left = begin - self._now()
        if left > 0:
            self._sleep(left)
        self._last = self._now()
        self._deadline = max(self._deadline + self._period, self._last - _GIVE_UP_S)


class RealTimeFactor:
    """Simulated seconds per second of the steady clock, over the last second; nan before it."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Measure from now on."""
        self._now = now
        self.value = math.nan
        self._since: tuple[float, float] | None = None

    def update(self, simulated_s: float) -> bool:
        """Take in the simulated time; returns whether there is a new value."""
        now = self._now()
        if self._since is None:
            self._since = now, simulated_s
        elapsed = now - self._since[0]
        if elapsed < 1.0:
            return False
        self.value = (simulated_s - self._since[1]) / elapsed
        self._since = now, simulated_s
        return True
