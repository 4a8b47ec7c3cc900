# SPDX-License-Identifier: Apache-2.0
"""From one execution's actions to another's without a step: when a policy or its ensemble changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from act_ros.control.ensemble import Execution
from act_ros.robot.spec import Vector
from act_ros.robot.types import Floats

BLEND_TICKS = 25
"""Over so many ticks commands go over from one execution to another: half a second at 50 Hz."""


class Blend:
    """The way from one execution's actions to another's, without a step.

    The old chunks reach some way into the future, so for that time there are two actions for a
    tick; their mean moves from the old to the new. Where the old ones end, their last one stays.
    """

    def __init__(self, old: Callable[[int], Vector | None], command: Floats) -> None:
        """Begin with the actions of `old` by tick, the last of which was `command`."""
        self._old, self._last = old, np.asarray(command, dtype=np.float64)
        self._done = 0
        self._first_tick: int | None = None

    @property
    def over(self) -> bool:
        """Whether all is the new execution's by now."""
        return self._done >= BLEND_TICKS

    def mix(self, tick: int, action: Vector) -> Vector:
        """The action of a tick, between the old execution's and the new one's (dof,)."""
        old = self._old(tick)
        if old is not None:
            self._last = old
        if self._first_tick is None:
            self._first_tick = tick - 1
        self._done = min(max(tick - self._first_tick, 0), BLEND_TICKS)
        part = self._done / BLEND_TICKS
        weight = part * part * (3.0 - 2.0 * part)  # starts and ends with speed 0
        mixed: Vector = (1.0 - weight) * self._last + weight * action
        return mixed

    def of(self, execution: Execution) -> Callable[[int], Vector | None]:
        """An execution's actions as this blend mixes them: for a change in the middle of another."""

        def action(tick: int) -> Vector | None:
            new = execution.action(tick)
            return None if new is None else self.mix(tick, new)

        return action
