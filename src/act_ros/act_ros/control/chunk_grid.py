# SPDX-License-Identifier: Apache-2.0
"""Chunks lie on time: the rows of a policy of any rate, as the ticks of this robot have them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from act_ros.robot.types import Chunk


class ChunkGrid:
    """Lays the rows of a policy's chunks onto the robot's ticks.

    Row j is meant for j / `policy_hz` after its observation, tick i for i / `robot_hz`. Between two rows an action
    goes straight from the one to the other; the last row holds for as long as a row lasts. Where the rates are
    equal a chunk stays as it is, to the bit.

    Attributes:
        ticks: of a chunk.
    """

    def __init__(self, rows: int, policy_hz: float, robot_hz: float) -> None:
        """For chunks of so many rows."""
        self._rows, self._policy_hz, self._robot_hz = rows, policy_hz, robot_hz
        self.ticks = self.ticks_of(rows)
        at = np.minimum(np.arange(self.ticks) * policy_hz / robot_hz, rows - 1)
        self._before = np.floor(at).astype(np.int64)
        self._after = np.minimum(self._before + 1, rows - 1)
        self._share = (at - self._before).astype(np.float32)[:, None]

    def ticks_of(self, rows: int) -> int:
        """Ticks that so many rows last, the last one begun counted whole."""
        return int(np.ceil(np.round(rows * self._robot_hz / self._policy_hz, 9)))

    def lay(self, chunk: Chunk) -> Chunk:
        """The chunk with a row (dof,) for each tick; one of another length is left to who refuses it."""
        rows = chunk.actions
        if self._policy_hz == self._robot_hz or len(rows) != self._rows:
            return chunk
        before = rows[self._before]
        return replace(chunk, actions=before + self._share * (rows[self._after] - before))
