# SPDX-License-Identifier: Apache-2.0
"""What is changed of training samples: so that a policy looks at its pictures, and not at a camera's exact aim."""

from __future__ import annotations

import torch
from torch import Tensor

from act_ros.policy.training.recipe import Recipe


def augment_images(images: Tensor, recipe: Recipe) -> Tensor:
    """Shift each sample's frames (edges repeat), scale and offset their brightness, and add noise.

    The draws come from the default generator of the images' device. All cameras of a sample are moved and
    brightened alike; the noise is of each pixel.

    Args:
        images: (B, cameras, h, w, 3) uint8.
        recipe: how much; nothing at all gives `images` itself.

    Returns:
        The same shape: float32 in 0..255, or uint8 where nothing but places changed.
    """
    if recipe.augment_shift:
        images = _shift(images, recipe.augment_shift)
    bright, offset, noise = (
        recipe.augment_brightness,
        recipe.augment_offset,
        recipe.augment_noise,
    )
    if not bright and not offset and not noise:
        return images
    # Drawn in one order whatever is switched on; two numbers a sample cost nothing.
    draws = torch.rand(2, len(images), 1, 1, 1, 1, device=images.device).mul_(2).sub_(1)
    pixels = images.float().mul_(1 + bright * draws[0]).add_(offset * draws[1])
    if noise:
        pixels.add_(torch.randn_like(pixels), alpha=noise)
    return pixels.clamp_(0, 255)


def withhold_qpos(qpos: Tensor, share: float) -> Tensor:
    """Normalized joint positions (B, state_dim), with zeros in so large a share of the samples, drawn at random."""
    if not share:
        return qpos
    return qpos * (torch.rand(len(qpos), 1, device=qpos.device) >= share)


def _shift(images: Tensor, most: int) -> Tensor:
    """Each sample moved by up to `most` pixels both ways."""
    count, cameras, height, width = images.shape[:4]
    device = images.device
    moves = torch.randint(-most, most + 1, (2, count, 1), device=device)
    rows = (torch.arange(height, device=device) + moves[0]).clamp_(0, height - 1)  # (B, h)
    columns = (torch.arange(width, device=device) + moves[1]).clamp_(0, width - 1)  # (B, w)
    sample = torch.arange(count, device=device).view(-1, 1, 1, 1)
    camera = torch.arange(cameras, device=device).view(1, -1, 1, 1)
    return images[sample, camera, rows.view(count, 1, -1, 1), columns.view(count, 1, 1, -1)]
