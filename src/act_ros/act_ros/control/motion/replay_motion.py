# SPDX-License-Identifier: Apache-2.0
"""A recorded motion, tick by tick: slowly to its first action, then as it was, slowly to where it ends."""

from __future__ import annotations

import numpy as np

from act_ros.control.limiter import Limiter
from act_ros.control.motion.teleoperation import SOFT
from act_ros.robot.types import Floats

ARRIVED = 1e-4
"""An arm within this (rad, openings) of a pose that it is led to is there."""


def soft_step(limiter: Limiter, goal: Floats) -> tuple[Floats, bool]:
    """A command toward `goal` (dof,) at a fifth of the velocity limits, and whether it is there.

    A goal outside the limits is reached as far as they allow.
    """
    goal = np.clip(goal, limiter.lower, limiter.upper)
    command, _ = limiter.apply(goal, SOFT)
    return command, bool((np.abs(command - goal) <= ARRIVED).all())


class ReplayMotion:
    """Commands of a replay. `phase`: 'waiting', 'approaching', 'playing', 'resting', 'done'."""

    def __init__(self, limiter: Limiter, actions: Floats, rest: Floats | None) -> None:
        """Play `actions` (T, dof) through `limiter`, then go to the pose `rest` (dof,), if given."""
        self._limiter, self._actions, self._rest = limiter, actions, rest
        self.row = 0
        self.limited = 0
        self.phase = 'waiting'

    def stop(self) -> None:
        """Wait again; the next start is from the first action."""
        self.row, self.phase = 0, 'waiting'

    def tick(self, measured: Floats | None) -> Floats | None:
        """The command (dof,) of this tick; None before the followers are known, and when all is done.

        Args:
            measured: (dof,) where the followers are; None if that isn't known or too old: then they hold.
        """
        if self.phase == 'done':
            return None
        if self.phase == 'waiting':
            if measured is None:
                return None
            self._limiter.reset(measured)
            self.phase = 'approaching'
        if measured is None:
            return self._limiter.last
        if self.phase == 'approaching':
            command, there = soft_step(self._limiter, self._actions[0])
            self.phase = 'playing' if there else self.phase
            return command
        if self.phase == 'playing':
            command, reasons = self._limiter.apply(self._actions[self.row])
            self.limited += bool(reasons)
            self.row += 1
            if self.row == len(self._actions):
                self.phase = 'done' if self._rest is None else 'resting'
            return command
        assert self._rest is not None
        command, there = soft_step(self._limiter, self._rest)
        self.phase = 'done' if there else self.phase
        return command
