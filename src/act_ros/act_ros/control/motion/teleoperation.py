# SPDX-License-Identifier: Apache-2.0
"""Teleoperation's rule: followers go where the leaders are, but never by a jump."""

from __future__ import annotations

import numpy as np

from act_ros.control.limiter import Limiter
from act_ros.robot.types import Floats

SOFT = 0.2
"""Share of the velocity limits at which the followers approach the leaders at first."""


class Teleoperation:
    """Turns the leaders' pose into a command, tick by tick.

    It begins softly: at a fifth of the velocity limits until the followers are where the leaders are,
    then at the full limits. When the leaders fall silent the last command is held, and their return is
    a new beginning.
    """

    def __init__(self, limiter: Limiter) -> None:
        """Send everything through `limiter`."""
        self._limiter = limiter
        self._engaged = False
        self.soft = True

    def release(self) -> None:
        """Forget where the followers are: the next tick begins anew from where they are measured."""
        self._engaged = False

    def tick(self, leaders: Floats | None, measured: Floats | None) -> Floats | None:
        """The command (dof,) of this tick, or None while there is nothing safe to command.

        Args:
            leaders: (dof,) the leaders' pose; None if it isn't known or too old.
            measured: (dof,) the followers' pose; needed at the beginning only.
        """
        if not self._engaged:
            if leaders is None or measured is None:
                return None
            self._limiter.reset(measured)
            self._engaged = self.soft = True
        last = self._limiter.last
        assert last is not None
        if leaders is None:
            self.soft = True
            return self._limiter.apply(last)[0]
        share = SOFT if self.soft else 1.0
        if self.soft:  # a leader beyond the followers' limits is followed as far as they allow
            goal = np.clip(leaders, self._limiter.lower, self._limiter.upper)
            self.soft = bool((np.abs(goal - last) > SOFT * self._limiter.step).any())
        return self._limiter.apply(leaders, share)[0]
