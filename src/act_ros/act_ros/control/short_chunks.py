# SPDX-License-Identifier: Apache-2.0
"""Chunks that are over when they come, or soon after: noticed, and said with what to do."""

from __future__ import annotations

from act_ros.robot.types import Chunk

GAP_SHOWN = 250
"""Ticks for which a gap is told after it was last seen: five seconds at 50 Hz."""


class ShortChunks:
    """Watches how late the chunks of a policy come, against how long they are."""

    def __init__(self) -> None:
        """Nothing has come yet."""
        self._late = self._rows = 0
        self._gap: int | None = None

    def came(self, chunk: Chunk, tick: int) -> None:
        """A chunk was taken in at a tick."""
        self._late, self._rows = tick - chunk.tick, len(chunk.actions)

    def gap(self, tick: int) -> None:
        """A tick had no action."""
        if self._rows:
            self._gap = tick

    @property
    def why(self) -> str:
        """What is the matter where they come so late that little or nothing is left of them; '' else."""
        if not self._rows or self._rows > 2 * self._late + 1:
            return ''
        return (
            f'chunks of {self._rows} actions are over when they come, {self._late} ticks late: set inference to sync '
            f'(ros2 param set /act/policy inference sync; inference:=sync at the launch), in the simulator with '
            f'lockstep:=true, or take a policy with longer chunks'
        )

    def lately(self, tick: int) -> str:
        """The same where it left a tick of the last seconds without an action."""
        return self.why if self._gap is not None and 0 <= tick - self._gap <= GAP_SHOWN else ''
