# SPDX-License-Identifier: Apache-2.0
"""Teleoperation's rule: followers go where the leaders are, but never by a jump."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from act_ros.control.limiter import SOFT, Limiter
from act_ros.control.motion.patient import MAX_HOLD_S, PatientMotion
from act_ros.control.plausible import doubt_of
from act_ros.robot.types import Floats

FURTHER = 1.0
"""So much further (rad, openings) than a follower may a leader be found: a WidowX's limits are up to 0.74 rad wider."""


class Teleoperation(PatientMotion):
    """Turns the leaders' pose into a command, tick by tick.

    It begins softly: at a fifth of the velocity limits until the followers are where the leaders are,
    then at the full limits. When leaders or followers fall silent, or are where they cannot be, the last
    command is held, and their return is a new beginning.
    """

    def __init__(self, limiter: Limiter, max_hold_s: float = MAX_HOLD_S) -> None:
        """Send everything through `limiter`; for `max_hold_s` see `PatientMotion`."""
        super().__init__(limiter, max_hold_s)
        self._limiter = limiter
        self._reach = replace(limiter.spec, margin=limiter.spec.margin + FURTHER)
        self._leaders_doubt = ''
        self.soft = True

    @property
    def doubt(self) -> str:
        """Why where leaders or followers are measured cannot be believed; ''."""
        return '; '.join(filter(None, (self._leaders_doubt, self._guide.doubt)))

    def release(self) -> None:
        """Forget where the followers are: the next tick begins anew from where they are measured."""
        super().release()
        self._leaders_doubt = ''

    def tick(self, leaders: Floats | None, measured: Floats | None) -> Floats | None:
        """The command (dof,) of this tick, or None while there is nothing safe to command.

        Args:
            leaders: (dof,) the leaders' pose; None if it isn't known or too old.
            measured: (dof,) the followers' pose; the same.
        """
        guide = self._guide
        doubt = '' if leaders is None else doubt_of(self._reach, leaders)
        self._leaders_doubt = f'of a leader: {doubt}' if doubt else ''
        leaders = None if doubt else leaders
        heard = guide.see(measured)
        if not guide.anchored and not self._begin(leaders, measured if heard else None):
            return self._hold()
        if leaders is None or not heard or self.fault:
            self.soft = True
            return self._hold()
        self._moves()
        share = SOFT if self.soft else 1.0
        last = self._limiter.last
        if self.soft and last is not None:
            # A leader beyond the followers' limits is followed as far as they allow.
            goal = np.clip(leaders, self._limiter.lower, self._limiter.upper)
            self.soft = bool((np.abs(goal - last) > SOFT * self._limiter.step).any())
        return guide.follow(leaders, share)

    def _begin(self, leaders: Floats | None, measured: Floats | None) -> bool:
        """Begin where the followers are, if both sides are known."""
        if leaders is None or measured is None:
            return False
        self._guide.anchor(measured)
        self.soft = True
        return True
