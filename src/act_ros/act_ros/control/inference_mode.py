# SPDX-License-Identifier: Apache-2.0
"""Whether a tick waits for its own inference, or inference runs beside the loop: as asked, or as the engine allows."""

from __future__ import annotations

import math
from collections import deque

ASYNC, SYNC, AUTO = MODES = ('async', 'sync', 'auto')
"""Values of the `inference` parameter."""
SHARE = 0.5
"""Of a period: a pass that takes at most so much leaves as much again for one that takes twice as long."""
PHASE = 0.75
"""Of a period: when the command of a synchronous tick goes out, so that only a pass of so long makes it uneven."""
LATE, OF = 25, 100
"""So many late ticks of the last so many (two seconds at 50 Hz): inference does not keep up."""
PATIENCE_S = 1.0
"""What a tick waits for its inference where somebody has asked for sync."""


class InferenceMode:
    """Pure logic; the loop's thread calls it, and the others read it.

    Attributes:
        asked: one of `MODES`.
        sync: whether each tick waits for its own inference.
        behind: whether sync was asked for and inference does not keep up.
        warns: whether there have been too many late ticks since the engine was loaded.
        line: what a person should know of this; '' where it is as asked, and all is well.
    """

    def __init__(self, asked: str, rate_hz: float) -> None:
        """Do as `asked` in a loop of `rate_hz`."""
        self.asked, self.sync, self.line = '', False, ''
        self.behind = self.warns = False
        self._period_s = 1.0 / rate_hz
        self._pass_s = math.inf
        self._late: deque[bool] = deque(maxlen=OF)
        self.ask(asked)

    @property
    def fast_enough(self) -> bool:
        """Whether the engine is fast enough for a tick to wait for it; False before one is loaded."""
        return self._pass_s <= SHARE * self._period_s

    @property
    def patience_s(self) -> float:
        """What a synchronous tick waits at most: auto has not promised to wait for longer than the tick lasts."""
        return self._period_s if self.asked == AUTO else PATIENCE_S

    def ask(self, asked: str) -> None:
        """Do as an operator asks from now on; what he has asked for before changes nothing."""
        if asked != self.asked:
            self.asked = asked
            self._decide()

    def load(self, pass_s: float) -> None:
        """Another engine is loaded, on which a pass takes so many seconds (infinity: none is): decide anew."""
        self._pass_s = pass_s
        self._decide()

    def count(self, late: bool) -> None:
        """Count a synchronous tick; `late`: the next one was due before its inference was done."""
        self._late.append(late)
        self.behind = self.sync and sum(self._late) >= LATE
        self.warns = self.warns or self.behind
        if self.behind and self.asked == AUTO:
            # For good: what is behind now would be again, and each change makes an uneven tick.
            self.sync = self.behind = False
            self.line = (
                f'inference: async from now on; in sync {LATE} of the last {OF} ticks were late, though a pass took '
                f'{self._measured} when it was loaded. auto decides anew when a policy is loaded'
            )
        elif self.asked == SYNC:
            self.line = self._too_slow if self.behind else ''

    @property
    def _measured(self) -> str:
        return f'{1e3 * self._pass_s:.1f} ms'

    @property
    def _too_slow(self) -> str:
        return (
            f'inference:=sync does not keep up: {LATE} of the last {OF} ticks or more were late (a pass took '
            f'{self._measured} when it was loaded), and commands come less often than they should: set inference to '
            f'async, or take a faster engine'
        )

    def _decide(self) -> None:
        self._late.clear()
        self.behind, self.warns, self.line = False, False, ''
        self.sync = self.asked == SYNC or (self.asked == AUTO and self.fast_enough)
        if self.asked == AUTO and self._pass_s < math.inf:
            self.line = (
                f'inference: {SYNC if self.sync else ASYNC}; a pass takes {self._measured}, and auto lets a tick wait '
                f'for up to {1e3 * SHARE * self._period_s:g} ms'
            )
