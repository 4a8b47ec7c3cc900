# SPDX-License-Identifier: Apache-2.0
"""What an engine is to those who use it, and how near it must be to PyTorch in fp32."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from act_ros.policy.config import PolicyConfig
from act_ros.policy.engines.choice import EngineChoice, EngineError
from act_ros.robot.types import Floats

Pixels = NDArray[np.uint8]
Seen = tuple[Floats, Pixels]
"""Normalized qpos (state_dim,) and the cameras' frames (C, h, w, 3)."""

TOLERANCE = {'fp32': 1e-4, 'fp16': 1e-2, 'bf16': 5e-2, 'int8': 3e-2}
"""Largest difference from PyTorch in fp32, as `difference` has it, at which an engine is used."""


class InferenceEngine(Protocol):
    """A network that is ready to compute. One thread at a time uses it."""

    def run(self, state: Floats, frames: Pixels) -> Floats:
        """The normalized chunk (chunk, action_dim) float32.

        Vectors are normalized outside: in half precision their differences would drown before they are
        subtracted. Frames are normalized here.

        Args:
            state: (state_dim,) float32, normalized.
            frames: (C, h, w, 3) uint8, of the configuration's size.
        """

    def close(self) -> None:
        """Give back what it holds."""


def probes(config: PolicyConfig) -> list[Seen]:
    """Observations to compare engines on: noise, coarse patches as things make them, and darkness."""
    random = np.random.default_rng(0)
    height, width = config.image_size
    shape = (len(config.cameras), height, width, 3)
    noise = random.integers(0, 256, shape, np.uint8)
    coarse = random.integers(0, 256, (shape[0], -(-height // 16), -(-width // 16), 3), np.uint8)
    patches = np.ascontiguousarray(coarse.repeat(16, 1).repeat(16, 2)[:, :height, :width])
    states = random.standard_normal((3, config.state_dim)).astype(np.float32)
    return list(zip(states, (noise, patches, np.zeros_like(noise)), strict=True))


def difference(
    engine: InferenceEngine, seen: Sequence[Seen], expected: Sequence[Floats], precision: str
) -> float:
    """The largest difference of a value of a normalized chunk, relative to the chunk's largest value or to 1.

    1 is a standard deviation of the demonstrations. NaN where a value is not finite. In int8 it is the mean
    difference of the worst chunk: 0.05 was an insertion of 85 successes in 100, where fp32 has 100.
    """
    over = np.mean if precision == 'int8' else np.max
    worst = [
        over(np.abs(engine.run(*one) - want)) / max(1.0, np.abs(want).max())
        for one, want in zip(seen, expected, strict=True)
    ]
    return float(np.max(worst))


def check(choice: EngineChoice, found: float) -> None:
    """Refuse a difference that is larger than what is tolerated.

    Raises:
        EngineError: it is.
    """
    allowed = TOLERANCE[choice.precision]
    if not found <= allowed:
        again = '; make it anew with quantize, or set precision to bf16 or fp32'
        raise EngineError(
            f'{choice} differs from PyTorch in fp32 by {found:.2g}, and {allowed:g} is tolerated'
            f'{again if choice.precision == "int8" else ""}'
        )
