# SPDX-License-Identifier: Apache-2.0
"""Arms led slowly from where they are to one pose after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from act_ros.control.limiter import Limiter
from act_ros.control.motion.patient import MAX_HOLD_S, PatientMotion
from act_ros.control.motion.replay_motion import soft_step
from act_ros.robot.types import Floats

ASTRAY = 0.3
"""Arms that are further (rad) than this from where they were led have met something, or have no torque."""
SETTLED = 0.08
"""Arms that are as near (rad) as this have come to rest, but for what their own weight does."""


class PoseMotion(PatientMotion):
    """Commands that lead all arms of a kind (leaders, followers) to poses, at a fifth of the velocity limits."""

    def __init__(
        self, limiter: Limiter, path: Sequence[Floats], max_hold_s: float = MAX_HOLD_S
    ) -> None:
        """Lead to each pose (dof,) of `path` through `limiter`, which begins at the measured pose."""
        super().__init__(limiter, max_hold_s)
        self._path = list(path)

    @property
    def done(self) -> bool:
        """Whether the last pose was commanded."""
        return not self._path

    def tick(self, measured: Floats | None) -> Floats | None:
        """The command (dof,) of this tick; None before the arms are known, and when all is done.

        Args:
            measured: (dof,) where the arms are; None if that isn't known or too old: then they hold.
        """
        if self.done:
            return None
        heard = self._guide.see(measured)
        if not heard or measured is None or self.fault:
            return self._hold()
        self._moves()
        self._guide.anchor(measured)
        command, there = soft_step(self._guide, self._path[0])
        if there:
            self._path.pop(0)
        return command


def astray(
    measured: Floats | None,
    goal: Floats,
    names: Sequence[str],
    grippers: Sequence[int],
    tolerance: float = ASTRAY,
) -> str:
    """The joints that are not where they were led, as words; '' if all are. Grippers may hold something."""
    if measured is None:
        return 'an arm does not report its joints'
    off = np.abs(measured - goal)
    off[list(grippers)] = 0.0
    far = np.flatnonzero(~(off <= tolerance)).tolist()
    return ', '.join(f'{names[i]} by {off[i]:.2f} rad' for i in far)
