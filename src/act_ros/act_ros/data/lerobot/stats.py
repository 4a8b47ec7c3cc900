# SPDX-License-Identifier: Apache-2.0
"""Statistics of a dataset as LeRobot keeps them: min, max, mean, std, count and five quantiles.

Those of vectors are of all rows; those of pictures of every fourth pixel each way of every frame,
from a histogram of the 256 values per channel, so that they add up over episodes without loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from act_ros.robot.types import Frame

QUANTILES = {'q01': 0.01, 'q10': 0.1, 'q50': 0.5, 'q90': 0.9, 'q99': 0.99}
STRIDE = 4


class PictureCounts:
    """Counts the values of the pixels of frames, per channel."""

    def __init__(self) -> None:
        self.counts = np.zeros((3, 256), np.int64)
        self.frames = 0

    def add(self, frame: Frame) -> None:
        """Count a frame (H, W, 3)."""
        for channel in range(3):
            values = frame[::STRIDE, ::STRIDE, channel].ravel()
            self.counts[channel] += np.bincount(values, minlength=256)
        self.frames += 1


def vector_stats(values: ArrayLike) -> dict[str, Any]:
    """Statistics of rows (T, n), each a list of n numbers; `count` is [T]."""
    rows = np.asarray(values, np.float64)
    rows = rows.reshape(len(rows), -1)
    quantiles = np.quantile(rows, list(QUANTILES.values()), axis=0)
    return {
        'min': rows.min(0).tolist(),
        'max': rows.max(0).tolist(),
        'mean': rows.mean(0).tolist(),
        'std': rows.std(0).tolist(),
        'count': [len(rows)],
        **{name: quantiles[i].tolist() for i, name in enumerate(QUANTILES)},
    }


def picture_stats(counts: NDArray[np.int64], frames: int) -> dict[str, Any]:
    """Statistics of pictures from counts (3, 256): values 0..1, shaped (3, 1, 1); `count` is [frames]."""
    values = np.arange(256) / 255.0
    share = counts / counts.sum(axis=1, keepdims=True)
    mean = share @ values
    deviation = np.sqrt(np.maximum(share @ values**2 - mean**2, 0.0))
    below = np.cumsum(share, axis=1)
    seen = [np.flatnonzero(row) for row in counts]

    def shaped(numbers: Sequence[float] | NDArray[np.float64]) -> list[list[list[float]]]:
        return [[[float(n)]] for n in numbers]

    def quantile(q: float) -> NDArray[np.float64]:
        return np.array([values[min(int(np.searchsorted(row, q - 1e-12)), 255)] for row in below])

    return {
        'min': shaped([values[s[0]] for s in seen]),
        'max': shaped([values[s[-1]] for s in seen]),
        'mean': shaped(mean),
        'std': shaped(deviation),
        'count': [frames],
        **{name: shaped(quantile(q)) for name, q in QUANTILES.items()},
    }
