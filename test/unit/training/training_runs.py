# SPDX-License-Identifier: Apache-2.0
"""Short runs of training with a tiny network."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from act_ros.data.dataset import Dataset
from act_ros.policy.config import PolicyConfig
from act_ros.policy.training.curves import Curves
from act_ros.policy.training.placement import Placement
from act_ros.policy.training.recipe import Recipe
from act_ros.policy.training.trainer import Trainer
from synthetic import TINY

RECIPE = Recipe(
    pretrained=False,
    steps=6,
    batch=4,
    lr=1e-3,
    lr_backbone=1e-3,
    warmup=2,
    schedule='cosine',
    grad_clip=10.0,
    ema=0.9,
    precision='bf16',
    augment_shift=1,
    augment_brightness=0.1,
    augment_offset=4.0,
    augment_noise=2.0,
    qpos_dropout=0.3,
    validation=0.3,
    checkpoint_every=3,
    log_every=1,
)
CPU = Placement(torch.device('cpu'))


def trainer(episodes: Path, output: Path, seed: int = 1, **changes: Any) -> Trainer:
    data = Dataset(episodes, TINY['image_size'], TINY['chunk'])
    config = PolicyConfig(cameras=data.cameras, **TINY)
    recipe = dataclasses.replace(RECIPE, **changes)
    return Trainer(config, recipe, data, output, seed, CPU, Curves(None))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / 'model.safetensors')


def same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)
