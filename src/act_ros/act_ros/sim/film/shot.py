# SPDX-License-Identifier: Apache-2.0
"""One frame of a film before it is drawn: what the simulator sends to the process that draws it, and loads for it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FPS = 25
TICKS_PER_FRAME = 2
"""A frame of the film is every second tick of 20 ms."""


class Shot(NamedTuple):
    """One frame of a film before it is drawn.

    Attributes:
        episode: number from 1 on.
        seed: seed of the episode.
        reached: highest stage of the task so far, 0 to 4.
        elapsed_s: seconds since the episode began.
        physics: the world's state (`WorldState.physics`).
    """

    episode: int
    seed: int
    reached: int
    elapsed_s: float
    physics: NDArray[np.float64]

    def to_bytes(self) -> bytes:
        """Four numbers and the state, as float64."""
        return np.concatenate([self[:4], self.physics]).tobytes()

    @classmethod
    def from_bytes(cls, row: bytes) -> Shot:
        """What `to_bytes` made."""
        values = np.frombuffer(row)
        episode, seed, reached = (int(value) for value in values[:3])
        return cls(episode, seed, reached, float(values[3]), values[4:])
