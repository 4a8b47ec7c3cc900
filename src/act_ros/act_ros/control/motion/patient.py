# SPDX-License-Identifier: Apache-2.0
"""Motions that do not go on by themselves after a long hold: nobody looks at the arms any more."""

from __future__ import annotations

from act_ros.control.guide import Guided
from act_ros.control.limiter import Limiter
from act_ros.robot.types import Floats

MAX_HOLD_S = 30.0


class PatientMotion(Guided):
    """A motion that holds while it must: at each tick it either moves or holds."""

    def __init__(self, limiter: Limiter, max_hold_s: float = MAX_HOLD_S) -> None:
        """Guide it by `limiter`; after a hold of more than `max_hold_s` it is a fault (0: never)."""
        super().__init__(limiter)
        self._most_s, self._rate_hz = max_hold_s, limiter.spec.rate_hz
        self._moved, self._ticks, self._overdue = False, 0, ''

    @property
    def fault(self) -> str:
        """Which arm does not follow, or that all held too long; then they hold until there is a new start. ''."""
        return self._guide.fault or self._overdue

    def release(self) -> None:
        """Forget where the arms are, and a fault: the next tick begins anew from where they are measured."""
        self._guide.release()
        self._moved, self._ticks, self._overdue = False, 0, ''

    def _moves(self) -> None:
        """The arms are led at this tick."""
        self._moved, self._ticks = True, 0

    def _hold(self) -> Floats | None:
        """The command (dof,) of a tick at which the arms are not led; None where there is nothing to hold yet."""
        # Before the first motion they only wait.
        self._ticks += self._moved
        if 0.0 < self._most_s * self._rate_hz < self._ticks and not self._overdue:
            self._overdue = (
                f'the arms held for more than {self._most_s:g} s, and will not go on by themselves: see to what is '
                'silent, or is not believed'
            )
        return self._guide.hold() if self._guide.anchored else None
