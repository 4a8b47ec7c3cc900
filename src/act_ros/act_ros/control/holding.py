# SPDX-License-Identifier: Apache-2.0
"""How long arms have held, whatever the clock does meanwhile."""

from __future__ import annotations


class Holding:
    """Measures a hold by the ticks' clock. `at`: the time of the present tick, in seconds."""

    def __init__(self) -> None:
        """Nothing is held."""
        self.at = 0.0
        self._since_s: float | None = None
        self._jumped = False

    @property
    def seconds(self) -> float:
        """How long it lasts; 0 while nothing is held."""
        return 0.0 if self._since_s is None else self.at - self._since_s

    def tick(self, now_s: float) -> None:
        """A tick begins; across a jump the hold gets no longer."""
        if self._jumped and self._since_s is not None:
            self._since_s = now_s - self.seconds
        self.at, self._jumped = now_s, False

    def jump(self, end: bool) -> None:
        """The clock may jump before the next tick; `end`: the hold is over besides."""
        self._jumped = True
        self._since_s = None if end else self._since_s

    def go_on(self, most_s: float, reason: str) -> str:
        """The arms hold at this tick, for a reason; returns why that is a fault: it outlasts `most_s` (0: nothing does)."""
        self._since_s = self.at if self._since_s is None else self._since_s
        if not 0.0 < most_s < self.seconds:
            return ''
        return (
            f'the arms held for more than {most_s:g} s ({reason}), and will not go on by themselves: see to that, '
            f'then enable'
        )

    def end(self) -> None:
        """The hold is over."""
        self._since_s = None
