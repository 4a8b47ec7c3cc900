# SPDX-License-Identifier: Apache-2.0
"""A recorded motion, tick by tick: slowly to its first action, then as it was, slowly to where it ends."""

from __future__ import annotations

import numpy as np

from act_ros.control.guide import Guide
from act_ros.control.limiter import SOFT, Limiter, extraordinary
from act_ros.control.motion.patient import MAX_HOLD_S, PatientMotion
from act_ros.robot.types import Floats

ARRIVED = 1e-4
"""An arm within this (rad, openings) of a pose that it is led to is there."""


def soft_step(guide: Guide, goal: Floats) -> tuple[Floats, bool]:
    """A command toward `goal` (dof,) at a fifth of the velocity limits, and whether it is there.

    A goal outside the limits is reached as far as they allow.
    """
    goal = np.clip(goal, guide.limiter.lower, guide.limiter.upper)
    command = guide.follow(goal, SOFT)
    return command, bool((np.abs(command - goal) <= ARRIVED).all())


class ReplayMotion(PatientMotion):
    """Commands of a replay. `phase`: 'waiting', 'approaching', 'playing', 'resting', 'done'."""

    def __init__(
        self,
        limiter: Limiter,
        actions: Floats,
        rest: Floats | None,
        max_hold_s: float = MAX_HOLD_S,
    ) -> None:
        """Play `actions` (T, dof) through `limiter`, then go to the pose `rest` (dof,), if given."""
        super().__init__(limiter, max_hold_s)
        self._actions, self._rest = actions, rest
        self.row = 0
        self.limited = 0
        self.phase = 'waiting'

    def stop(self) -> None:
        """Wait again; the next start is from the first action."""
        self.row, self.phase = 0, 'waiting'
        self.release()

    def tick(self, measured: Floats | None) -> Floats | None:
        """The command (dof,) of this tick; None before the followers are known, and when all is done.

        Args:
            measured: (dof,) where the followers are; None if that isn't known or too old: then they hold.
        """
        if self.phase == 'done':
            return None
        guide = self._guide
        heard = guide.see(measured)
        if not heard or measured is None or self.fault:
            return self._hold()
        self._moves()
        if not guide.anchored:  # at the beginning, and where the followers were away for long
            guide.anchor(measured)
            self.phase = 'resting' if self.phase == 'resting' else 'approaching'
        if self.phase == 'approaching':
            command, there = soft_step(guide, self._actions[self.row])
            self.phase = 'playing' if there else self.phase
            return command
        if self.phase == 'playing':
            return self._play()
        assert self._rest is not None
        command, there = soft_step(guide, self._rest)
        self.phase = 'done' if there else self.phase
        return command

    def _play(self) -> Floats:
        command = self._guide.follow(self._actions[self.row])
        self.limited += extraordinary(self._guide.limited)
        self.row += 1
        if self.row == len(self._actions):
            self.phase = 'done' if self._rest is None else 'resting'
        return command
