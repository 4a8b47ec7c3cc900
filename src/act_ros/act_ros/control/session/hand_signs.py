# SPDX-License-Identifier: Apache-2.0
"""What the operator's hands ask of a recording session.

Gestures count in the phases that wait for one. While an episode is recorded only one does: all grippers
squeezed, with all arms still, for three seconds, announced after the first. So closing grippers on things,
one or both, moving or not for a moment, tells nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from act_ros.control.session.gesture import ENGAGE_S, LEFT, RIGHT, ArmStillness, Squeeze
from act_ros.control.session.types import Ask
from act_ros.robot.types import Floats

STOP_S, WARN_S = 3.0, 1.0
"""All grippers squeezed and arms still for STOP_S ends an episode; after WARN_S it is announced."""
ALONE_S = 2.0
"""One gripper alone squeezed for this time is about the last episode."""


class HandSigns:
    """The signs of a phase that waits: all squeezed goes on, one of two alone is about the last episode."""

    def __init__(self, grippers: Sequence[int]) -> None:
        """Look at these entries of the leaders' pose; what is closed now tells nothing before it is opened."""
        self._grippers = list(grippers)
        self._all = Squeeze([True] * len(grippers))
        two = len(grippers) == 2
        self._left = Squeeze(LEFT) if two else None
        self._right = Squeeze(RIGHT) if two else None

    def seen(self, leaders: Floats | None, now_s: float, success: bool) -> Ask | None:
        """What is asked for, if anything is.

        Args:
            leaders: (dof,) their pose; None if it isn't known.
            now_s: seconds that don't go back.
            success: whether the last episode is one: the right gripper makes it the other.
        """
        grippers = None if leaders is None else leaders[self._grippers].tolist()
        every = self._all.seen(grippers, now_s, ENGAGE_S)
        left = self._left is not None and self._left.seen(grippers, now_s, ALONE_S)
        right = self._right is not None and self._right.seen(grippers, now_s, ALONE_S)
        if every:
            return Ask.GO
        if left:
            return Ask.DISCARD
        if right:
            return Ask.FAILURE if success else Ask.SUCCESS
        return None


class StopSign:
    """The one sign that ends an episode."""

    def __init__(self, grippers: Sequence[int]) -> None:
        """Look at these entries of the leaders' pose; what is closed now tells nothing before it is opened."""
        self._grippers = list(grippers)
        self._squeeze, self._still = Squeeze([True] * len(grippers)), ArmStillness()
        self.in_s, self.given = 0.0, False

    def seen(self, leaders: Floats | None, now_s: float) -> bool:
        """Whether the episode is to end.

        `given`: the sign is given, however short; `in_s`: after how many more seconds it counts, once that is
        announced.
        """
        grippers = None
        if leaders is not None:
            still_s = self._still.still_s(np.delete(leaders, self._grippers), now_s)
            grippers = leaders[self._grippers].tolist() if still_s > 0.0 else None
        stop = self._squeeze.seen(grippers, now_s, STOP_S)
        self.given = stop or self._squeeze.begun
        held_s = self._squeeze.held_s(now_s)
        self.in_s = STOP_S - held_s if held_s >= WARN_S else 0.0
        return stop
