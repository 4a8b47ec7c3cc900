# SPDX-License-Identifier: Apache-2.0
"""A policy in LeRobot's layout (0.4 and later), for LeRobot to load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from act_ros.policy.checkpoint import Loaded
from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.policy.formats.lerobot_features import ACTION, STATE
from act_ros.policy.formats.lerobot_stats import POSTPROCESSOR, PREPROCESSOR
from act_ros.policy.formats.source import BESIDE, JOINTS
from act_ros.policy.weights import save_weights

EPS = 1e-8
"""What LeRobot adds to a standard deviation before it divides by it."""
_MODES = {'VISUAL': 'MEAN_STD', 'STATE': 'MEAN_STD', 'ACTION': 'MEAN_STD'}


def check_exportable(config: PolicyConfig) -> None:
    """Check that LeRobot's ACT has all that a policy needs.

    Raises:
        PolicyError: it lacks something; the message names it.
    """
    if config.norm != 'frozen_batch':
        reason = f'norm {config.norm}: its backbone has frozen batch normalization only'
    elif config.backbone_layers != 4:
        reason = f'backbone_layers {config.backbone_layers}: its backbone has all 4 stages'
    elif config.per_camera:
        reason = 'per_camera: its cameras share one backbone'
    else:
        return
    raise PolicyError(
        f"LeRobot's ACT cannot hold this policy ({reason}). What is trained with the configuration "
        f"'paper', or with norm: frozen_batch and backbone_layers: 4, can be exported"
    )


def export_lerobot(folder: Path, loaded: Loaded) -> None:
    """Write a policy as LeRobot 0.4 and later save theirs.

    Args:
        folder: made where it isn't there.
        loaded: the policy, with its CVAE encoder where it has one.

    Raises:
        PolicyError: LeRobot's ACT lacks something that the policy needs.
    """
    config = loaded.config
    check_exportable(config)
    state = loaded.network.state_dict()
    vae = any(name.startswith('vae_encoder') for name in state)
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(
        folder / 'model.safetensors',
        {f'model.{name}': value.contiguous() for name, value in state.items()},
    )
    inputs, outputs = _features(config)
    stats = _statistics(loaded)
    normalizer = {'eps': EPS, 'norm_map': _MODES}
    steps: list[dict[str, Any]] = [
        {'registry_name': 'rename_observations_processor', 'config': {'rename_map': {}}},
        {'registry_name': 'to_batch_processor', 'config': {}},
        {'registry_name': 'device_processor', 'config': {'device': 'cpu', 'float_dtype': None}},
        {
            'registry_name': 'normalizer_processor',
            'config': {**normalizer, 'features': {**inputs, **outputs}},
        },
    ]
    _write_pipeline(folder / PREPROCESSOR, steps, 3, stats)
    steps = [
        {
            'registry_name': 'unnormalizer_processor',
            'config': {**normalizer, 'features': outputs},
        },
        {'registry_name': 'device_processor', 'config': {'device': 'cpu', 'float_dtype': None}},
    ]
    _write_pipeline(folder / POSTPROCESSOR, steps, 0, stats)
    _write_beside(folder / BESIDE, config)
    # Last: a folder without it passes for a policy with nobody.
    _write(folder / 'config.json', _config(config, inputs, outputs, vae))


def _write_beside(path: Path, config: PolicyConfig) -> None:
    """What LeRobot's files have no place for, where it is known: for whoever brings the policy back."""
    stated: dict[str, Any] = {} if config.rate_assumed else {'rate_hz': config.rate_hz}
    for name in JOINTS:
        if getattr(config, name):
            stated[name] = list(getattr(config, name))
    if stated:
        path.write_text(yaml.safe_dump(stated, sort_keys=False), encoding='utf-8')


def _features(config: PolicyConfig) -> tuple[dict[str, Any], dict[str, Any]]:
    image = {'type': 'VISUAL', 'shape': [3, *config.image_size]}
    inputs: dict[str, Any] = {STATE: {'type': 'STATE', 'shape': [config.state_dim]}}
    inputs.update({f'observation.images.{name}': image for name in config.cameras})
    return inputs, {ACTION: {'type': 'ACTION', 'shape': [config.action_dim]}}


def _config(
    config: PolicyConfig, inputs: dict[str, Any], outputs: dict[str, Any], vae: bool
) -> dict[str, Any]:
    """The entries of LeRobot's `ACTConfig` that all versions since 0.4 have."""
    return {
        'type': 'act',
        'n_obs_steps': 1,
        'input_features': inputs,
        'output_features': outputs,
        'device': 'cpu',
        'use_amp': False,
        'chunk_size': config.chunk,
        'n_action_steps': config.chunk,
        'normalization_mapping': _MODES,
        'vision_backbone': config.backbone,
        'pretrained_backbone_weights': None,
        'replace_final_stride_with_dilation': int(config.dilation),
        'pre_norm': config.pre_norm,
        'dim_model': config.d_model,
        'n_heads': config.heads,
        'dim_feedforward': config.feedforward,
        'feedforward_activation': config.activation,
        'n_encoder_layers': config.encoder_layers,
        'n_decoder_layers': config.decoder_layers,
        'use_vae': vae,
        'latent_dim': config.latent_dim,
        'n_vae_encoder_layers': config.vae_layers,
        'temporal_ensemble_coeff': None,
        'dropout': config.dropout,
    }


def _statistics(loaded: Loaded) -> dict[str, Tensor]:
    """The statistics by LeRobot's names; what it adds to a deviation of an input is taken off before."""
    config, stats = loaded.config, loaded.normalizer.stats()

    def less(std: Tensor) -> Tensor:
        return (std.double() - EPS).clamp(min=0).float()

    found = {
        f'{STATE}.mean': stats['qpos.mean'],
        f'{STATE}.std': less(stats['qpos.std']),
        f'{ACTION}.mean': stats['action.mean'],
        f'{ACTION}.std': stats['action.std'],
    }
    count = len(config.cameras)
    means = torch.tensor(config.image_mean, dtype=torch.float64).expand(count, 3)
    stds = torch.tensor(config.image_std, dtype=torch.float64).expand(count, 3)
    for name, mean, std in zip(config.cameras, means, stds, strict=True):
        found[f'observation.images.{name}.mean'] = mean.float().reshape(3, 1, 1)
        found[f'observation.images.{name}.std'] = less(std).reshape(3, 1, 1)
    return found


def _write_pipeline(
    path: Path, steps: list[dict[str, Any]], number: int, stats: dict[str, Tensor]
) -> None:
    """Write a pipeline, and beside it the statistics of its step `number`."""
    file = f'{path.stem}_step_{number}_{steps[number]["registry_name"]}.safetensors'
    save_weights(
        path.parent / file, {name: value.clone().contiguous() for name, value in stats.items()}
    )
    steps[number]['state_file'] = file
    _write(path, {'name': path.stem, 'steps': steps})


def _write(path: Path, data: dict[str, Any]) -> None:
    partial = path.with_name(f'{path.name}.partial')
    partial.write_text(json.dumps(data, indent=2) + '\n')
    partial.replace(path)
