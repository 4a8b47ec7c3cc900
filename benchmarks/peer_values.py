# SPDX-License-Identifier: Apache-2.0
"""Weights, statistics and inputs for networks that are compared, each drawn from its name.

They come from NumPy's RandomState, whose numbers stay the same for ever, so that small files can hold what came out.
"""

from __future__ import annotations

import zlib

import numpy as np
import torch

SEED = 0
"""Other weights, statistics and inputs for each; the files of the tests are of 0."""


def drawing(name: str) -> np.random.RandomState:
    """Random numbers that belong to a name."""
    return np.random.RandomState((zlib.crc32(name.encode()) + SEED) % 2**32)


def values(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Weights of a tensor from its name.

    Scaled so that every input counts in the output, and rounding does not: with attention much sharper than
    this, two networks that differ in rounding alone differ in the fourth digit of their actions.
    """
    random = drawing(name)
    drawn = random.standard_normal(shape)
    if name.endswith('running_var'):
        drawn = 0.5 + random.random_sample(shape)
    elif len(shape) == 4:
        drawn /= np.sqrt(np.prod(shape[1:]))
    elif len(shape) == 2 and not name.endswith('pos_embed.weight'):
        drawn *= (1.0 if 'in_proj' in name else 0.7) / np.sqrt(shape[1])
    elif name.endswith('weight'):
        drawn = 1 + 0.1 * drawn
    else:
        drawn *= 0.1
    return drawn.astype(np.float32)


def fill(module: torch.nn.Module, skip: tuple[str, ...] = ()) -> None:
    """Give every tensor of a network's state the values of its name."""
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if (
                tensor.is_floating_point()
                and not name.startswith(skip)
                and 'pos_' not in name[-12:]
            ):
                tensor.copy_(torch.from_numpy(values(name, tuple(tensor.shape))))


def statistics(names: list[str]) -> dict[str, dict[str, np.ndarray]]:
    """Every statistic of each feature, float32."""
    found = {}
    for name in names:
        random = drawing(name)
        shape = (3, 1, 1) if 'image' in name else (14,)
        mean, std = 0.5 * random.random_sample(shape), 0.1 + random.random_sample(shape)
        found[name] = {
            'mean': mean, 'std': std, 'min': mean - 2 * std, 'max': mean + 3 * std,
            'q01': mean - 1.5 * std, 'q99': mean + 1.5 * std, 'q10': mean - std, 'q90': mean + std,
        }  # fmt: skip
    return {n: {k: v.astype(np.float32) for k, v in s.items()} for n, s in found.items()}


def observation(
    seed: int, cameras: tuple[str, ...], size: tuple[int, int]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """A random qpos (14,) float32 and a frame for each camera."""
    random = np.random.RandomState(seed + 100_000 * SEED)
    qpos = random.uniform(-1, 1, 14).astype(np.float32)
    frames = {n: random.randint(0, 256, (*size, 3)).astype(np.uint8) for n in cameras}
    return qpos, frames


def invented_task(
    step: int, chunk: int, cameras: int, size: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Four samples of a smooth task in normalized units: state (4, 14), actions (4, k, 14), images (4, C, 3, h, w)."""
    phase = torch.rand(4, 1, generator=torch.Generator().manual_seed(step)) * 6
    joints = torch.arange(14.0)
    times = phase[:, :, None] + 0.05 * torch.arange(1.0, chunk + 1)[None, :, None]
    height, width = size
    waves = [torch.sin(torch.linspace(0, 9, width) + phase + n) for n in range(cameras)]
    images = torch.stack(waves, 1)[:, :, None, None, :].expand(-1, -1, 3, height, -1)
    return torch.sin(phase + joints), torch.sin(times + joints), images
