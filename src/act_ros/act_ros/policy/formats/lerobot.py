# SPDX-License-Identifier: Apache-2.0
"""LeRobot's checkpoints of ACT: `config.json`, `model.safetensors`, and from 0.4 on two processor pipelines.

`lerobot/policies/act/configuration_act.py` names the entries of the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.policy.formats.affine import mean_and_std
from act_ros.policy.formats.files import TensorEntry, read_header, read_json
from act_ros.policy.formats.lerobot_features import (
    ACTION,
    STATE,
    Feature,
    check_supported,
    read_features,
)
from act_ros.policy.formats.lerobot_stats import (
    BUFFERS,
    PREPROCESSOR,
    Norms,
    read_buffers,
    read_pipelines,
)
from act_ros.policy.formats.source import (
    BESIDE,
    DEFAULT_RATE_HZ,
    JOINTS,
    Source,
    check_unwrapped,
    read_beside,
    renamed,
    source_shapes,
    stated_joints,
)
from act_ros.robot.joint_names import names_in
from act_ros.text import listed, shown

CONFIG, MODEL, TRAINING = 'config.json', 'model.safetensors', 'train_config.json'
_IMAGES = 'observation.images.'

_SIZES = {
    'chunk': ('chunk_size', 100),
    'd_model': ('dim_model', 512),
    'heads': ('n_heads', 8),
    'feedforward': ('dim_feedforward', 3200),
    'encoder_layers': ('n_encoder_layers', 4),
    'decoder_layers': ('n_decoder_layers', 1),
    'vae_layers': ('n_vae_encoder_layers', 4),
    'latent_dim': ('latent_dim', 32),
    'dropout': ('dropout', 0.1),
    'backbone': ('vision_backbone', 'resnet18'),
    'pre_norm': ('pre_norm', False),
    'activation': ('feedforward_activation', 'relu'),
    'vae': ('use_vae', True),
}
"""Our entry: LeRobot's, and the default that LeRobot gives it."""


def is_lerobot_config(data: Mapping[str, Any]) -> bool:
    """Whether the content of a `config.json` is LeRobot's."""
    return 'format' not in data and any(
        key in data for key in ('type', 'input_features', 'input_shapes', 'n_action_steps')
    )


def read_lerobot(folder: Path) -> Source:
    """Read all of a checkpoint but its weights.

    Raises:
        PolicyError: a file is missing, damaged or wrong, a statistic is missing, or it is something that
            isn't supported; the message says which.
    """
    path = folder / CONFIG
    data = read_json(path)
    try:
        features = read_features(data)
        images = check_supported(data, features)
    except PolicyError as error:
        raise PolicyError(f'{path}: {error}') from error
    entries = read_header(folder / MODEL)
    check_unwrapped(folder / MODEL, entries)
    if (folder / PREPROCESSOR).exists():
        norms, version = read_pipelines(folder, [STATE, *images], ACTION), 'LeRobot 0.4 or later'
    elif any(name.startswith(BUFFERS) for name in entries) or _needs_none(data, features):
        norms = read_buffers(folder / MODEL, entries, path, data, features)
        version = 'LeRobot 0.3.3 or before'
    else:
        raise PolicyError(
            f'{folder} has no statistics: neither {PREPROCESSOR} (LeRobot 0.4 and later) nor tensors '
            f'{BUFFERS[0]}* in {MODEL} (0.3.3 and before); copy the whole folder, without them the policy '
            f'would act in wrong units'
        )
    beside = read_beside(folder, ('rename', 'rate_hz', *JOINTS))
    rate = _rate(folder, beside)
    joints = {**_joint_names(data), **stated_joints(beside, folder / BESIDE)}
    stats, colours = _statistics(features, images, norms)
    names = [_camera_name(norms.renames.get(key, key)) for key in images]
    try:
        own = {**colours, **joints, 'vae_layers': _vae_layers(entries)}
        config = _config(data, features, images, names, rate, own)
        config = renamed(config, beside.get('rename', {}), f'rename in {folder / BESIDE}')
    except PolicyError as error:
        raise PolicyError(f'{path}: {error}') from error
    tensors = _tensors(folder / MODEL, entries)
    return Source(
        version,
        folder,
        config,
        stats,
        folder / MODEL,
        tensors,
        source_shapes(tensors, entries),
        {
            'qpos': norms.modes[STATE],
            'action': norms.modes[ACTION],
            **{
                f'camera {name}': norms.modes[key] for name, key in zip(names, images, strict=True)
            },
        },
        (*norms.notes, *_hints(data)),
    )


def _needs_none(data: Mapping[str, Any], features: Mapping[str, Feature]) -> bool:
    """Whether a configuration says of every feature that it isn't normalized; then 0.3.3 has no buffers."""
    modes = data.get('normalization_mapping')
    return isinstance(modes, dict) and all(
        modes.get(feature.kind) == 'IDENTITY' for feature in features.values()
    )


def _config(
    data: Mapping[str, Any],
    features: Mapping[str, Feature],
    images: list[str],
    names: list[str],
    rate: Any,
    more: dict[str, Any],
) -> PolicyConfig:
    dilation = data.get('replace_final_stride_with_dilation', False)
    if dilation not in (0, 1):
        raise PolicyError(
            f'replace_final_stride_with_dilation is {shown(dilation)}; expected true or false'
        )
    entries: dict[str, Any] = {
        ours: data.get(theirs, default) for ours, (theirs, default) in _SIZES.items()
    }
    # Until September 2024 LeRobot built the CVAE encoder with n_encoder_layers; its tensors tell.
    entries['vae_layers'] = more.pop('vae_layers') or entries['vae_layers']
    return PolicyConfig(
        cameras=tuple(names),
        image_size=features[images[0]].shape[1:],  # type: ignore[arg-type]
        state_dim=features[STATE].shape[0],
        action_dim=features[ACTION].shape[0],
        rate_hz=DEFAULT_RATE_HZ if rate is None else rate,
        rate_assumed=rate is None,
        dilation=bool(dilation),
        **more,
        **entries,
    )


def _camera_name(key: str) -> str:
    """'observation.images.cam_high' -> 'cam_high'."""
    return key.removeprefix(_IMAGES).removeprefix('observation.')


def _statistics(
    features: Mapping[str, Feature], images: list[str], norms: Norms
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The statistics by our keys, and the images' mean and deviation as the configuration has them."""

    def line(key: str, length: int) -> tuple[Any, Any]:
        output = key == ACTION
        eps = norms.eps_out if output else norms.eps
        try:
            return mean_and_std(
                norms.modes[key], norms.stats.get(key, {}), length, eps, norms.old, output
            )
        except PolicyError as error:
            raise PolicyError(
                f'{norms.where[key]}, {listed([key])} ({norms.modes[key]}): {error}'
            ) from error

    stats = {}
    for ours, key in (('qpos', STATE), ('action', ACTION)):
        mean, std = line(key, features[key].shape[0])
        stats[f'{ours}.mean'], stats[f'{ours}.std'] = (
            mean.astype(np.float32),
            std.astype(np.float32),
        )
    lines = [line(key, 3) for key in images]
    means = tuple(tuple(mean.tolist()) for mean, _ in lines)
    stds = tuple(tuple(std.tolist()) for _, std in lines)
    if len({*zip(means, stds, strict=True)}) == 1:
        return stats, {'image_mean': means[0], 'image_std': stds[0]}
    return stats, {'image_mean': means, 'image_std': stds}


def _vae_layers(entries: Mapping[str, TensorEntry]) -> int:
    """How many layers the CVAE encoder has in the file."""
    start = 'model.vae_encoder.layers.'
    return len({name.split('.')[3] for name in entries if name.startswith(start)})


def _tensors(path: Path, entries: Mapping[str, TensorEntry]) -> dict[str, str]:
    """Our names of the network's tensors, which are LeRobot's without `model.`."""
    names = {}
    for stored in entries:
        if stored.startswith('model.'):
            names[stored.removeprefix('model.')] = stored
        elif not stored.startswith(BUFFERS):
            raise PolicyError(
                f'{path}: tensor {listed([stored])} is not one of an ACT policy of LeRobot'
            )
    return names


def _joint_names(data: Mapping[str, Any]) -> dict[str, Any]:
    """Names of joints, where a configuration has any; that of LeRobot's ACT has none of its own."""
    found = {}
    for group, key, ours in (
        ('input_features', STATE, 'joint_names'),
        ('output_features', ACTION, 'action_names'),
    ):
        entry = data[group].get(key) if isinstance(data.get(group), dict) else None
        names = names_in(entry.get('names')) if isinstance(entry, dict) else ()
        if names:
            found[ours] = names
    return found


def _rate(folder: Path, beside: Mapping[str, Any]) -> Any:
    """The control rate; None where nobody stated it: LeRobot's checkpoints have no place for it."""
    if 'rate_hz' in beside:
        return beside['rate_hz']
    if (folder / TRAINING).exists():
        environment = read_json(folder / TRAINING).get('env')
        rate = environment.get('fps') if isinstance(environment, dict) else None
        if isinstance(rate, (int, float)) and not isinstance(rate, bool):
            return float(rate) if abs(rate) < 1e6 else rate
    return None


def _hints(data: Mapping[str, Any]) -> list[str]:
    """How LeRobot would have executed the chunks; here the node's parameters say it."""
    m, momentum = data.get('temporal_ensemble_coeff'), data.get('temporal_ensemble_momentum')
    if m is not None:
        return [f'LeRobot executes it with temporal ensembling, m = {shown(m)}']
    if momentum is not None:  # until July 2024, with weights that no m gives
        return [
            f'LeRobot executed it with temporal ensembling, of a momentum of {shown(momentum)}; here it is m '
            f'that says how'
        ]
    return [f'LeRobot executes {shown(data.get("n_action_steps", 100))} actions of each chunk']
