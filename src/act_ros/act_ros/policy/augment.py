# SPDX-License-Identifier: Apache-2.0
"""Small changes of the training images, so that a policy doesn't depend on a camera's exact aim and exposure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from act_ros.policy.recipe import Recipe


def augment_images(
    images: NDArray[np.uint8], recipe: Recipe, random: np.random.Generator
) -> NDArray[np.uint8]:
    """Shift each sample's frames by a few pixels (edges repeat) and scale their brightness.

    Args:
        images: (B, cameras, h, w, 3); all cameras of a sample get the same.
        recipe: how much.
        random: where the draws come from.
    """
    shift, bright = recipe.augment_shift, recipe.augment_brightness
    if shift == 0 and bright == 0:
        return images
    height, width = images.shape[2:4]
    result = np.empty_like(images)
    for i, sample in enumerate(images):
        dy, dx = random.integers(-shift, shift + 1, 2)
        rows = np.clip(np.arange(height) + dy, 0, height - 1)
        columns = np.clip(np.arange(width) + dx, 0, width - 1)
        moved = sample[:, rows][:, :, columns] if dy or dx else sample
        factor = 1 + bright * random.uniform(-1, 1)
        table = np.clip(np.arange(256) * factor + 0.5, 0, 255).astype(np.uint8)
        result[i] = table[moved]
    return result
