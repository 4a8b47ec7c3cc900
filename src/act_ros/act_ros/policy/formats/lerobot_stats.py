# SPDX-License-Identifier: Apache-2.0
"""Where LeRobot's checkpoints keep their statistics and the names of their inputs.

From 0.4 on in two pipelines of processor steps, JSON files that name a safetensors file for each step that
has tensors. Until 0.3.3 as buffers among the weights, named by the feature with its dots made underscores:
which of `observation.images.cam_high` and `observation.images_cam.high` a buffer belongs to, its name does not
tell. So each feature of the configuration is looked up by the name that its buffer must have, and none is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from act_ros.policy.errors import PolicyError
from act_ros.policy.formats.affine import NEEDED, Floats64
from act_ros.policy.formats.files import (
    TensorEntry,
    plain_name,
    read_header,
    read_json,
    read_vectors,
)
from act_ros.policy.formats.lerobot_features import Feature
from act_ros.text import listed, shown

PREPROCESSOR, POSTPROCESSOR = 'policy_preprocessor.json', 'policy_postprocessor.json'
BUFFERS = ('normalize_inputs.', 'normalize_targets.', 'unnormalize_outputs.')
_EPS = 1e-8

_RENAME, _NORMALIZE, _UNNORMALIZE = (
    'rename_observations_processor',
    'normalizer_processor',
    'unnormalizer_processor',
)
_HARMLESS = ('to_batch_processor', 'device_processor')
"""Steps that move tensors and don't change their values."""
_CLASSES = {
    'RenameObservationsProcessorStep': _RENAME,
    'NormalizerProcessorStep': _NORMALIZE,
    'UnnormalizerProcessorStep': _UNNORMALIZE,
    'AddBatchDimensionProcessorStep': _HARMLESS[0],
    'DeviceProcessorStep': _HARMLESS[1],
}


@dataclass
class Norms:
    """How the features of a checkpoint are normalized.

    Attributes:
        old: the formulas are those of 0.3.3 and before.
        modes: by feature one of `affine.NEEDED`.
        stats: by feature its statistics.
        where: by feature the file that they come from.
        renames: by feature the name that the observation has outside of the policy.
        eps: added against divisions by zero, for the inputs.
        eps_out: the same for the actions.
        notes: what is worth telling.
    """

    old: bool
    modes: dict[str, str] = field(default_factory=dict)
    stats: dict[str, dict[str, Floats64]] = field(default_factory=dict)
    where: dict[str, Path] = field(default_factory=dict)
    renames: dict[str, str] = field(default_factory=dict)
    eps: float = _EPS
    eps_out: float = _EPS
    notes: list[str] = field(default_factory=list)


def read_pipelines(folder: Path, inputs: list[str], action: str) -> Norms:
    """Read both pipelines of a checkpoint of LeRobot 0.4 or later.

    Args:
        folder: of the checkpoint.
        inputs: names of the features that the network sees.
        action: name of its output.

    Raises:
        PolicyError: a pipeline has a step that isn't known here, or no statistics for a feature.
    """
    norms = Norms(old=False)
    path = folder / PREPROCESSOR
    steps = _steps(path, (_RENAME, _NORMALIZE, *_HARMLESS))
    norms.renames = _outside_names(path, inputs, [c for name, c, _ in steps if name == _RENAME])
    norms.eps = _normalizer(path, steps, _NORMALIZE, inputs, norms)
    path = folder / POSTPROCESSOR
    steps = _steps(path, (_UNNORMALIZE, *_HARMLESS))
    norms.eps_out = _normalizer(path, steps, _UNNORMALIZE, [action], norms)
    return norms


Step = tuple[str, dict[str, Any], Any]
"""Name, configuration and file of a step."""


def _steps(path: Path, known: tuple[str, ...]) -> list[Step]:
    steps = read_json(path).get('steps')
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise PolicyError(f'{path}: "steps" is {shown(steps)}; expected a list of processor steps')
    found = []
    for step in steps:
        name = step.get('registry_name')
        if name is None and isinstance(step.get('class'), str):
            name = _CLASSES.get(step['class'].rsplit('.', 1)[-1], step['class'])
        config = step.get('config', {})
        if name not in known or not isinstance(config, dict):
            raise PolicyError(
                f'{path}: step {shown(name)} is not supported here; supported are {", ".join(known)}'
            )
        if name == _HARMLESS[1] and config.get('float_dtype') not in (None, 'float32'):
            raise PolicyError(
                f'{path}: device_processor makes everything {shown(config["float_dtype"])}; only float32 '
                f'is supported'
            )
        found.append((name, config, step.get('state_file')))
    return found


def _outside_names(
    path: Path, inputs: list[str], configs: Iterable[Mapping[str, Any]]
) -> dict[str, str]:
    """For each input of the network the name before the renaming steps, of which the last comes first here."""
    outside = {name: name for name in inputs}
    for config in reversed(list(configs)):
        renames = config.get('rename_map', {})
        if not isinstance(renames, dict) or not all(isinstance(v, str) for v in renames.values()):
            raise PolicyError(f'{path}: rename_map is {shown(renames)}; expected name: name')
        for feature, inner in outside.items():
            origins = [name for name, target in renames.items() if target == inner]
            if inner not in renames:
                origins += [] if origins else [inner]
            if len(origins) != 1:
                raise PolicyError(
                    f'{path}: rename_map gives {listed([feature])} '
                    f'{"two origins: " + listed(origins) if origins else "no origin: it is renamed away"}'
                )
            outside[feature] = origins[0]
    return outside


def _normalizer(path: Path, steps: list[Step], kind: str, names: list[str], norms: Norms) -> float:
    """Take in the statistics of a pipeline's normalizing step; its eps."""
    found = [(config, file) for name, config, file in steps if name == kind]
    if len(found) != 1:
        raise PolicyError(
            f'{path} has {len(found)} steps {kind}; expected one: without it the policy would act in wrong units'
        )
    config, file = found[0]
    features, modes, only = (
        config.get(key) for key in ('features', 'norm_map', 'normalize_observation_keys')
    )
    eps = config.get('eps', _EPS)
    if not isinstance(features, dict) or not isinstance(modes, dict):
        raise PolicyError(f'{path}: step {kind} lacks "features" or "norm_map"')
    if isinstance(eps, bool) or not isinstance(eps, (int, float)) or not 0 <= eps < 1:
        raise PolicyError(f'{path}: eps is {shown(eps)}; expected a small number')
    if only is not None and not isinstance(only, list):
        raise PolicyError(f'{path}: normalize_observation_keys is {shown(only)}; expected a list')
    for name in names:
        entry = features.get(name)
        if not isinstance(entry, dict) or not isinstance(entry.get('type'), str):
            raise PolicyError(
                f'{path}: step {kind} has no feature {listed([name])}: it would pass without normalization; '
                f'it has {listed(features)}'
            )
        mode = modes.get(entry['type'], 'IDENTITY')
        if kind == _NORMALIZE and only is not None and name not in only:
            mode = 'IDENTITY'
        norms.modes[name] = _mode(path, name, mode)
    _read_stats(path, file, names, norms)
    return float(eps)


def _mode(path: Path, name: str, mode: object) -> str:
    if not isinstance(mode, str) or mode not in NEEDED:
        raise PolicyError(
            f'{path}: normalization of {listed([name])} is {shown(mode)}; supported are {", ".join(NEEDED)}'
        )
    return mode


def _read_stats(path: Path, file: object, names: list[str], norms: Norms) -> None:
    """Read the statistics of a step from the file that it names."""
    for name in names:
        norms.where[name] = path
    if all(norms.modes[name] == 'IDENTITY' for name in names):
        return
    if file is None:
        raise PolicyError(
            f'{path} names no file with the statistics of {listed(names)}: they would pass without '
            f'normalization; save the pipeline with its dataset statistics'
        )
    source = path.parent / plain_name(path, file)
    entries = read_header(source)
    for name in names:
        norms.where[name] = source
        stored = _stored_name(name, names, entries)
        if stored != name:
            norms.notes.append(
                f"{source.name} has the statistics of {name} under {stored}, a mistake of LeRobot's own "
                f'migration (its issue 4451), and LeRobot would pass this input without normalization'
            )
        keys = {f'{stored}.{stat}': stat for stat in NEEDED[norms.modes[name]]}
        missing = [key for key in keys if key not in entries]
        if missing:
            raise PolicyError(
                f'{source}: the statistic {listed(missing)} is missing; without it the policy would act in '
                f'wrong units'
            )
        vectors = read_vectors(source, entries, keys)
        norms.stats[name] = {stat: vectors[key] for key, stat in keys.items()}


def _stored_name(name: str, names: list[str], entries: Mapping[str, TensorEntry]) -> str:
    """The name of a feature in a file of statistics.

    LeRobot's migration from 0.3.3 to 0.4 takes each underscore of a buffer's name for a dot. A feature is
    looked up by the name that this makes of its own, where no other makes the same.
    """
    mistaken = name.replace('_', '.')
    if any(key.startswith(f'{name}.') for key in entries):
        return name
    sharing = [other for other in names if other.replace('_', '.') == mistaken]
    there = any(key.startswith(f'{mistaken}.') for key in entries)
    return mistaken if there and sharing == [name] and mistaken not in names else name


def read_buffers(
    path: Path,
    entries: dict[str, TensorEntry],
    config_path: Path,
    data: Mapping[str, Any],
    features: Mapping[str, Feature],
) -> Norms:
    """Read the statistics among the weights, as LeRobot 0.3.3 and before wrote them.

    Args:
        path: the model file.
        entries: its header.
        config_path: the file that `data` is from.
        data: the configuration.
        features: inputs and outputs, by name.

    Raises:
        PolicyError: a buffer is missing, or belongs to no feature, or to two.
    """
    norms = Norms(old=True)
    modes = data.get('normalization_mapping', {})
    if not isinstance(modes, dict):
        raise PolicyError(
            f'{config_path}: normalization_mapping is {shown(modes)}; expected modes by type'
        )
    owners: dict[str, str] = {}
    for name, feature in features.items():
        mode = feature.mode or modes.get(feature.kind, 'IDENTITY')
        norms.modes[name] = _mode(config_path, name, mode)
        norms.where[name] = path
        if mode == 'IDENTITY':
            continue
        output = feature.kind == 'ACTION'
        buffer = f'{BUFFERS[2] if output else BUFFERS[0]}buffer_{name.replace(".", "_")}'
        if buffer in owners:
            raise PolicyError(
                f'{config_path}: {listed([owners[buffer], name])} would share the statistics {listed([buffer])}'
            )
        owners[buffer] = name
        keys = {f'{buffer}.{stat}': stat for stat in NEEDED[norms.modes[name]]}
        missing = [key for key in keys if key not in entries]
        if missing:
            raise PolicyError(
                f'{path}: tensor {listed(missing)} is missing, the statistics of {listed([name])}; without it '
                f'the policy would act in wrong units'
            )
        vectors = read_vectors(path, entries, keys)
        norms.stats[name] = {stat: vectors[key] for key, stat in keys.items()}
    for key in entries:
        if key.startswith((BUFFERS[0], BUFFERS[2])) and key.rpartition('.')[0] not in owners:
            raise PolicyError(
                f'{path}: tensor {listed([key])} is the statistic of no feature of {config_path}, which has '
                f'{listed(features)}'
            )
    return norms
