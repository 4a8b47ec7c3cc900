# SPDX-License-Identifier: Apache-2.0
"""Inputs and outputs of LeRobot's policies of ACT, as their `config.json` lists them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from act_ros.policy.config import BACKBONES
from act_ros.policy.errors import PolicyError
from act_ros.text import listed, shown

STATE, ACTION, ENVIRONMENT = 'observation.state', 'action', 'observation.environment_state'


@dataclass(frozen=True)
class Feature:
    """An input or output of a policy: VISUAL, STATE, ENV or ACTION, its shape, and how it is normalized."""

    kind: str
    shape: tuple[int, ...]
    mode: str | None = None


def read_features(data: Mapping[str, Any]) -> dict[str, Feature]:
    """Inputs and outputs by name, in the order of the file."""
    if 'input_shapes' in data and 'input_features' not in data:  # before 2025
        return _early_features(data)
    features = {}
    for group in ('input_features', 'output_features'):
        entries = data.get(group)
        if not isinstance(entries, dict) or not entries:
            raise PolicyError(f'"{group}" is {shown(entries)}; expected the features by name')
        for name, entry in entries.items():
            kind = entry.get('type') if isinstance(entry, dict) else None
            shape = entry.get('shape') if isinstance(entry, dict) else None
            if not isinstance(kind, str):
                raise PolicyError(f'"{group}", {listed([name])}: expected type and shape')
            features[name] = Feature(kind, _shape(name, shape))
    return features


def _early_features(data: Mapping[str, Any]) -> dict[str, Feature]:
    """The same from the entries that LeRobot wrote before 2025, when each feature had its own mode."""
    features = {}
    for side in ('input', 'output'):
        shapes, modes = data.get(f'{side}_shapes'), data.get(f'{side}_normalization_modes', {})
        if not isinstance(shapes, dict) or not isinstance(modes, dict):
            raise PolicyError(f'"{side}_shapes" is {shown(shapes)}; expected the features by name')
        for name, shape in shapes.items():
            kind = 'ENV' if name == ENVIRONMENT else 'STATE'
            kind = 'VISUAL' if name.startswith('observation.image') else kind
            kind = 'ACTION' if side == 'output' else kind
            mode = modes.get(name, 'identity')
            features[name] = Feature(kind, _shape(name, shape), str(mode).upper())
    return features


def _shape(name: str, shape: Any) -> tuple[int, ...]:
    good = isinstance(shape, list) and 1 <= len(shape) <= 3
    if not good or not all(type(n) is int and 0 < n <= 1 << 20 for n in shape):
        raise PolicyError(
            f'shape of {listed([name])} is {shown(shape)}; expected a list of lengths'
        )
    return tuple(shape)


def check_supported(data: Mapping[str, Any], features: Mapping[str, Feature]) -> list[str]:
    """Refuse by name what can't be run here; otherwise the names of the cameras' features, in order."""
    if data.get('type', 'act') != 'act':
        raise PolicyError(
            f'it is a LeRobot policy of type {shown(data["type"])}; act_ros runs ACT'
        )
    for key, only in (('n_obs_steps', 1), ('use_peft', False)):
        if data.get(key, only) != only:
            raise PolicyError(f'{key} is {shown(data[key])}; only {only} is supported')
    environment = [name for name, feature in features.items() if feature.kind == 'ENV']
    if environment:
        raise PolicyError(
            f'the policy needs the environment state {listed(environment)}, which an ALOHA robot does not '
            f'publish: policies with it are not supported'
        )
    for name, kind in ((STATE, 'STATE'), (ACTION, 'ACTION')):
        if name not in features or features[name].kind != kind:
            raise PolicyError(
                f'{name} is not among the features ({listed(features)}); policies without it are not supported'
            )
        if len(features[name].shape) != 1:
            raise PolicyError(f'{name} has shape {features[name].shape}; expected one length')
    images = [name for name, feature in features.items() if feature.kind == 'VISUAL']
    if not images:
        raise PolicyError('it has no camera; policies without one are not supported')
    sizes = {name: features[name].shape for name in images}
    for name, size in sizes.items():
        if len(size) != 3 or size[0] != 3:
            raise PolicyError(
                f'camera {listed([name])} has shape {size}; expected (3, height, width)'
            )
    if len(set(sizes.values())) > 1:
        raise PolicyError(
            f'its cameras have different sizes, which is not supported: {shown(sizes, 400)}'
        )
    if data.get('vision_backbone', 'resnet18') not in BACKBONES:
        raise PolicyError(
            f'vision_backbone is {shown(data["vision_backbone"])}; supported are {", ".join(BACKBONES)}'
        )
    return images
