# SPDX-License-Identifier: Apache-2.0
"""What an operator tells with the leaders' grippers, since both hands hold them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CLOSED = 0.06
"""A leader's gripper is squeezed at less than this opening (0..1), as in Interbotix's ALOHA."""
ENGAGE_S = 0.5
DISENGAGE_S = 3.0
"""Longer than to engage: a task may need both grippers closed, but rarely squeezed and still."""


class Squeeze:
    """Sees both leader grippers squeezed for some time; once, until one of them is let go."""

    def __init__(self) -> None:
        """Begin without having seen anything: grippers that are closed at first tell nothing."""
        self._since_s: float | None = None
        self._armed = False

    def seen(self, grippers: Sequence[float] | None, now_s: float, hold_s: float) -> bool:
        """Whether they have now been squeezed for `hold_s`.

        Args:
            grippers: their openings (0..1); None while they aren't known.
            now_s: seconds that don't go back.
            hold_s: how long they have to be squeezed.
        """
        if grippers is None:
            self._since_s = None
            return False
        if not np.less(grippers, CLOSED).all():
            self._since_s, self._armed = None, True
            return False
        if self._since_s is None or now_s < self._since_s:
            self._since_s = now_s
        if not self._armed or now_s - self._since_s < hold_s:
            return False
        self._armed = False
        return True
