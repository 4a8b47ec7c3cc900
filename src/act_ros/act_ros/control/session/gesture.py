# SPDX-License-Identifier: Apache-2.0
"""What an operator tells with the leaders' grippers, since both hands hold them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from act_ros.robot.types import Floats

CLOSED, OPEN = 0.06, 0.08
"""A leader's gripper is squeezed at less than this opening (0..1), as in Interbotix's ALOHA, and let go
again at more than the other: a hand that trembles at the threshold doesn't count as two."""
ENGAGE_S = 0.5
DISENGAGE_S = 3.0
"""Longer than to engage: a task may need both grippers closed, but rarely squeezed and still."""
STILL_RAD = 0.1
"""Arms whose joints stay within this are still."""

LEFT = (True, False)
RIGHT = (False, True)


def every_gripper(count: int, whose: str = '') -> str:
    """All grippers of so many arms, for a person: 'both leader grippers' where `whose` is 'leader '."""
    if count == 1:
        return f'the {whose}gripper'
    return f'{"both" if count == 2 else "all"} {whose}grippers'


class Squeeze:
    """Sees some grippers squeezed, and the others open, for some time; once, until they are let go.

    Each gripper that is squeezed must have been seen open before: a gripper that is closed at first, or
    was left closed, tells nothing.
    """

    def __init__(self, which: Sequence[bool]) -> None:
        """Look for the grippers `which` squeezed and the others open."""
        self._which = np.array(which)
        self._shut = np.ones(len(which), dtype=bool)
        self._armed = np.zeros(len(which), dtype=bool)
        self._since_s: float | None = None

    def forget(self) -> None:
        """Begin anew: what is closed now tells nothing until it is opened."""
        self._armed[:] = False
        self._since_s = None

    @property
    def begun(self) -> bool:
        """Whether they are squeezed now, though it may be seen for the first time."""
        return self._since_s is not None

    def held_s(self, now_s: float) -> float:
        """For how long they have been squeezed."""
        return 0.0 if self._since_s is None else now_s - self._since_s

    def seen(self, grippers: Sequence[float] | None, now_s: float, hold_s: float) -> bool:
        """Whether they have now been squeezed for `hold_s`.

        Args:
            grippers: the openings of all grippers (0..1); None while they aren't known.
            now_s: seconds that don't go back.
            hold_s: how long they have to be squeezed.
        """
        if grippers is None:
            self._since_s = None
            return False
        openings = np.asarray(grippers, dtype=np.float64)
        self._shut = np.where(self._shut, ~(openings > OPEN), openings < CLOSED)
        self._armed |= ~self._shut
        squeezed = self._shut == self._which
        if not squeezed.all() or not self._armed[self._which].all():
            self._since_s = None
            return False
        if self._since_s is None or now_s < self._since_s:
            self._since_s = now_s
        if now_s - self._since_s < hold_s:
            return False
        self.forget()
        return True


class ArmStillness:
    """How long the arms have been still."""

    def __init__(self) -> None:
        """Begin without knowing."""
        self._pose: Floats | None = None
        self._since_s = 0.0

    def still_s(self, pose: Floats | None, now_s: float) -> float:
        """Seconds since the arms (their joints, any number, rad) last moved; 0 while they aren't known."""
        moved = (
            pose is None
            or self._pose is None
            or now_s < self._since_s
            or not (np.abs(pose - self._pose) <= STILL_RAD).all()
        )
        if moved:
            self._pose, self._since_s = None if pose is None else pose.copy(), now_s
        return 0.0 if pose is None else now_s - self._since_s
