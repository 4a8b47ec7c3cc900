# SPDX-License-Identifier: Apache-2.0
"""Pictures and joints of small LeRobot datasets."""

from __future__ import annotations

import numpy as np

NAMES = [f'{side}_{i}' for side in ('left', 'right') for i in range(7)]


def picture(t: int, camera: str) -> np.ndarray:
    """A smooth picture: what a codec loses of it is little."""
    image = np.zeros((64, 96, 3), np.uint8)
    image[..., 0] = np.arange(96) * 2
    image[..., 1] = (40 * t) % 200 if camera == 'cam_high' else 15 * t
    image[..., 2] = np.arange(64)[:, None] * 3
    return image


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))
