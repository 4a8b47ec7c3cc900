# SPDX-License-Identifier: Apache-2.0
"""How long arms have held. Ticks are counted, so that a clock that is set, or a halted process, makes it no longer."""

from __future__ import annotations


class Holding:
    """Counts the ticks of a hold."""

    def __init__(self, rate_hz: float) -> None:
        """Nothing is held; there are `rate_hz` ticks in a second."""
        self._rate_hz, self._ticks = rate_hz, 0

    @property
    def seconds(self) -> float:
        """How long it lasts; 0 while nothing is held."""
        return self._ticks / self._rate_hz

    def tick(self, most_s: float) -> str:
        """The arms hold at this tick; returns why that is a fault: it outlasts `most_s` (0: nothing does); else ''."""
        self._ticks += 1
        if not 0.0 < most_s < self.seconds:
            return ''
        return f'the arms held for more than {most_s:g} s, and will not go on by themselves'

    def end(self) -> None:
        """The hold is over."""
        self._ticks = 0
