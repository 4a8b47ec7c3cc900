# SPDX-License-Identifier: Apache-2.0
"""What the operator's hands ask of a recording session.

Gestures count in the phases that wait for one. While an episode is recorded only one does: both grippers
squeezed, with both arms still, for three seconds, announced after the first. So closing grippers on things,
one or both, moving or not for a moment, tells nothing.
"""

from __future__ import annotations

from act_ros.control.session.gesture import ENGAGE_S, LEFT, RIGHT, ArmStillness, Squeeze
from act_ros.control.session.types import Ask
from act_ros.robot.types import Floats

STOP_S, WARN_S = 3.0, 1.0
"""Both grippers squeezed and arms still for STOP_S ends an episode; after WARN_S it is announced."""
ALONE_S = 2.0
"""One gripper alone squeezed for this time is about the last episode."""
_GRIPPERS = [6, 13]


class HandSigns:
    """The signs of a phase that waits: both squeezed goes on, one alone is about the last episode."""

    def __init__(self) -> None:
        """Grippers that are closed now tell nothing before they are opened."""
        self._both, self._left, self._right = Squeeze(), Squeeze(LEFT), Squeeze(RIGHT)

    def seen(self, leaders: Floats | None, now_s: float, success: bool) -> Ask | None:
        """What is asked for, if anything is.

        Args:
            leaders: (14,) their pose; None if it isn't known.
            now_s: seconds that don't go back.
            success: whether the last episode is one: the right gripper makes it the other.
        """
        grippers = None if leaders is None else leaders[_GRIPPERS].tolist()
        both = self._both.seen(grippers, now_s, ENGAGE_S)
        left = self._left.seen(grippers, now_s, ALONE_S)
        right = self._right.seen(grippers, now_s, ALONE_S)
        if both:
            return Ask.GO
        if left:
            return Ask.DISCARD
        if right:
            return Ask.FAILURE if success else Ask.SUCCESS
        return None


class StopSign:
    """The one sign that ends an episode."""

    def __init__(self) -> None:
        """Grippers that are closed now tell nothing before they are opened."""
        self._squeeze, self._still = Squeeze(), ArmStillness()
        self.in_s, self.given = 0.0, False

    def seen(self, leaders: Floats | None, now_s: float) -> bool:
        """Whether the episode is to end.

        `given`: the sign is given, however short; `in_s`: after how many more seconds it counts, once that is
        announced.
        """
        grippers = None
        if leaders is not None:
            still_s = self._still.still_s(
                leaders[[i for i in range(14) if i not in _GRIPPERS]], now_s
            )
            grippers = leaders[_GRIPPERS].tolist() if still_s > 0.0 else None
        stop = self._squeeze.seen(grippers, now_s, STOP_S)
        self.given = stop or self._squeeze.begun
        held_s = self._squeeze.held_s(now_s)
        self.in_s = STOP_S - held_s if held_s >= WARN_S else 0.0
        return stop
