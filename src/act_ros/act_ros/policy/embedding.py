# SPDX-License-Identifier: Apache-2.0
"""Where a token stands, as numbers that a transformer can read: sines and cosines of its place."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sine_embedding_1d(positions: int, width: int) -> Tensor:
    """(positions, width): sin and cos of position / 10000^(2i/width) in turns (Vaswani et al. 2017)."""
    # On the CPU also where a network is made without a device: PyTorch would load its compiler for that.
    place = torch.arange(positions, dtype=torch.float64, device='cpu').unsqueeze(1)
    pair = torch.arange(width, dtype=torch.float64, device='cpu') // 2
    angle = place / 10000 ** (2 * pair / width)  # (positions, width)
    angle[:, 0::2] = angle[:, 0::2].sin()
    angle[:, 1::2] = angle[:, 1::2].cos()
    return angle.float()


def sine_embedding_2d(
    height: int, width: int, d_model: int, device: torch.device | None = None
) -> Tensor:
    """(height·width, d_model): DETR's embedding of places in a feature map, rows then columns, each in d_model/2.

    Rows count 1..height and are scaled to end at 2π, columns likewise.
    """
    half = d_model // 2
    pair = torch.arange(half, dtype=torch.float32, device=device) // 2
    period = 10000 ** (2 * pair / half)  # (half,)

    def axis(length: int) -> Tensor:
        place = torch.arange(1, length + 1, dtype=torch.float32, device=device)
        angle = (place / (length + 1e-6) * (2 * math.pi)).unsqueeze(1) / period  # (length, half)
        return torch.stack([angle[:, 0::2].sin(), angle[:, 1::2].cos()], dim=2).flatten(1)

    rows = axis(height).unsqueeze(1).expand(height, width, half)
    columns = axis(width).unsqueeze(0).expand(height, width, half)
    return torch.cat([rows, columns], dim=2).flatten(0, 1)
