# SPDX-License-Identifier: Apache-2.0
"""Whether the arms stand: then what was planned for them is void, as it took them to move meanwhile."""

from __future__ import annotations

from act_ros.control.ensemble import Execution
from act_ros.robot.types import Chunk

STOOD_S = 0.2
"""Arms that were commanded no action for longer stand."""


class Standing:
    """Keeps an execution to what was seen while the arms move.

    A policy that looks at standing arms plans the same motion again and again, each time from its beginning, later.
    Of such chunks the mean is no motion that was ever shown; and the rows for now of one from a second ago are those
    of a second into a motion that has not begun. So while the arms stand the newest chunk is all there is.

    Attributes:
        void: whether a plan was dropped when they came to stand, and they stand still.
    """

    def __init__(self, rate_hz: float) -> None:
        """Begin standing; ticks are of this rate."""
        self._patience = round(STOOD_S * rate_hz)
        self._acted_tick: int | None = None
        self.void = False

    def begin(self) -> None:
        """Stand, whatever was planned before: nobody has commanded yet."""
        self._acted_tick, self.void = None, False

    def acted(self, tick: int) -> None:
        """An action was commanded at a tick."""
        self._acted_tick, self.void = tick, False

    def come_to_stand(self, tick: int, execution: Execution) -> bool:
        """Whether the arms begin to stand at a tick: the plan is to be dropped."""
        if self._acted_tick is None or tick - self._acted_tick <= self._patience:
            return False
        self._acted_tick, self.void = None, execution.count(tick) > 0
        return True

    def add(self, execution: Execution, chunk: Chunk) -> bool:
        """Let an execution take a chunk in, as the only one while the arms stand; as `Execution.add`."""
        taken = execution.add(chunk)
        if taken and self._acted_tick is None:
            execution.reset()
            execution.add(chunk)
        return taken
