# SPDX-License-Identifier: Apache-2.0
"""How evenly a loop runs: when its ticks began, how long each took, and how many came too late."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

WINDOW = 250
"""Ticks looked back on: five seconds at 50 Hz."""
PAUSE_S = 1.0
"""What is longer is no period, but a pause."""


class Cadence:
    """Written by the loop's thread alone, read by any. Times are the steady clock's, in seconds.

    `overruns`: ticks since the start that were left out, or took longer than a period.
    """

    def __init__(self, rate_hz: float) -> None:
        """Of a loop that is to run at `rate_hz`."""
        self.rate_hz = rate_hz
        self.overruns = 0
        self._begun: deque[float] = deque(maxlen=WINDOW + 1)
        self._took: deque[float] = deque(maxlen=WINDOW)
        self._out: deque[float] = deque(maxlen=WINDOW)
        self._running = False

    def begin(self, now_s: float, missed: int) -> None:
        """Count a tick that begins; `missed` were left out before it."""
        if self._begun and now_s - self._begun[-1] > PAUSE_S:
            self._begun.clear()
        self._begun.append(now_s)
        self._running = True
        self.overruns += missed

    def out(self, now_s: float) -> None:
        """Count the moment at which the commands of the tick that runs were out."""
        if self._running:
            self._out.append(now_s - self._begun[-1])

    def end(self, now_s: float) -> None:
        """Count the end of the tick that was begun, if one was."""
        took_s = now_s - self._begun[-1] if self._running else 0.0
        if self._running and took_s < PAUSE_S:
            self._took.append(took_s)
            self.overruns += took_s > 1.0 / self.rate_hz
        self._running = False

    def rates_hz(self) -> NDArray[np.float64]:
        """Of the last periods, one over their length."""
        periods = np.diff(np.array(tuple(self._begun)))
        rates: NDArray[np.float64] = 1.0 / periods[periods > 0]
        return rates

    def took_us(self) -> NDArray[np.float64]:
        """How long the last ticks took, in microseconds."""
        return 1e6 * np.array(tuple(self._took))

    def out_us(self) -> NDArray[np.float64]:
        """How long it took in the last ticks until commands were out, in microseconds; of no tick without any."""
        return 1e6 * np.array(tuple(self._out))
