# SPDX-License-Identifier: Apache-2.0
"""Small episodes and policies for the tests of training, checkpoints and inference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from act_ros.data.dataset import Dataset
from act_ros.data.recording.episode_writer import EpisodeWriter
from act_ros.policy.checkpoint import save_checkpoint
from act_ros.policy.config import PolicyConfig
from act_ros.policy.network import ACT
from act_ros.policy.normalize import Normalizer

TINY: dict[str, Any] = {
    'image_size': (48, 64),
    'chunk': 5,
    'backbone_layers': 3,
    'norm': 'group',
    'd_model': 32,
    'heads': 2,
    'feedforward': 48,
    'encoder_layers': 1,
    'decoder_layers': 1,
    'vae_layers': 1,
    'latent_dim': 4,
}
"""A network that trains a step in some tens of milliseconds."""

JOINTS = tuple(f'joint_{i}' for i in range(14))


def tiny_config(**changes: Any) -> PolicyConfig:
    """A small configuration with one camera."""
    return PolicyConfig(**{'cameras': ('cam_high',), **TINY, **changes})


def write_episode(
    path: Path,
    ticks: int = 12,
    cameras: tuple[str, ...] = ('cam_high',),
    seed: int = 0,
    attrs: dict[str, Any] | None = None,
) -> Path:
    """An episode whose action at tick t is t + 0.01 · joint, and whose frames brighten with t."""
    random = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    says = {'sim': True, 'task': 'test', 'rate_hz': 50.0, **(attrs or {})}
    writer = EpisodeWriter(path, JOINTS, cameras, says)
    for t in range(ticks):
        frame = np.full((96, 128, 3), 10 * t, np.uint8)
        action = t + 0.01 * np.arange(14)
        qpos = action + random.normal(0, 0.1, 14)
        ages = dict.fromkeys(cameras, 0.0)
        writer.append(
            qpos, 0 * qpos, 0 * qpos, action, dict.fromkeys(cameras, frame), t * 0.02, ages
        )
    return writer.finish(success=True)


def write_episodes(folder: Path, count: int = 3, ticks: int = 12) -> Path:
    """So many episodes of so many ticks, each with other values; returns the folder."""
    for i in range(count):
        write_episode(folder / f'episode_{i}.hdf5', ticks, seed=i)
    return folder


def all_frames(data: Dataset) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Every frame of a training set, (ticks, cameras, h, w, 3)."""
    into = np.empty(data.frames.shape, np.uint8)
    data.frames.gather(np.arange(len(data)), into)
    return into


def tiny_stats(config: PolicyConfig) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    """Statistics that change every value."""
    dims = {'qpos': config.state_dim, 'action': config.action_dim}
    stats = {f'{n}.mean': np.linspace(-1, 1, d, dtype=np.float32) for n, d in dims.items()}
    return {
        **stats,
        **{f'{n}.std': np.linspace(0.5, 2, d, dtype=np.float32) for n, d in dims.items()},
    }


def write_policy(folder: Path, config: PolicyConfig | None = None, seed: int = 0) -> PolicyConfig:
    """A checkpoint with random weights."""
    config = config or tiny_config()
    torch.manual_seed(seed)
    network = ACT(config)
    save_checkpoint(
        folder, config, network.state_dict(), Normalizer(config, tiny_stats(config)).stats()
    )
    return config


def some_images(
    config: PolicyConfig, seed: int = 0
) -> dict[str, np.ndarray[Any, np.dtype[np.uint8]]]:
    """A random frame for each camera of a policy."""
    random = np.random.default_rng(seed)
    return {
        name: random.integers(0, 256, (*config.image_size, 3), np.uint8) for name in config.cameras
    }
