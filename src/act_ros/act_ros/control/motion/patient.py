# SPDX-License-Identifier: Apache-2.0
"""Motions that do not go on by themselves after a long hold: nobody looks at the arms any more."""

from __future__ import annotations

from act_ros.control.guide import Guided
from act_ros.control.holding import Holding
from act_ros.control.limiter import Limiter
from act_ros.robot.types import Floats

MAX_HOLD_S = 30.0


class PatientMotion(Guided):
    """A motion that holds while it must: at each tick it either moves or holds."""

    def __init__(self, limiter: Limiter, max_hold_s: float = MAX_HOLD_S) -> None:
        """Guide it by `limiter`; after a hold of more than `max_hold_s` it is a fault (0: never)."""
        super().__init__(limiter)
        self._most_s, self._holding = max_hold_s, Holding(limiter.spec.rate_hz)
        self._moved, self._overdue = False, ''

    @property
    def fault(self) -> str:
        """Which arm does not follow, or that all held too long; then they hold until there is a new start. ''."""
        return self._guide.fault or self._overdue

    def release(self) -> None:
        """Forget where the arms are, and a fault: the next tick begins anew from where they are measured."""
        self._guide.release()
        self._holding.end()
        self._moved, self._overdue = False, ''

    def _moves(self) -> None:
        """The arms are led at this tick."""
        self._holding.end()
        self._moved = True

    def _hold(self) -> Floats | None:
        """The command (dof,) of a tick at which the arms are not led; None where there is nothing to hold yet."""
        # Before the first motion they only wait.
        if self._moved and (over := self._holding.tick(self._most_s)):
            self._overdue = f'{over}: see to what is silent, or is not believed'
        return self._guide.hold() if self._guide.anchored else None
