# SPDX-License-Identifier: Apache-2.0
"""What a reader found out about a checkpoint, the same for every format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.policy.formats.files import TensorEntry, read_yaml
from act_ros.robot.joint_names import names_in
from act_ros.text import listed, shown

JOINTS = ('joint_names', 'action_names')
BESIDE = 'act_ros.yaml'
"""A small file beside a checkpoint of another project: what that project doesn't write down."""

DEFAULT_RATE_HZ = 50.0
"""ALOHA's control rate: the original code fixes it, LeRobot's checkpoints don't tell."""


@dataclass(frozen=True)
class Source:
    """A checkpoint of any format.

    Attributes:
        format: what it is, for people.
        path: its folder, or its .ckpt file.
        config: what rebuilds its network.
        stats: the statistics by `normalize.KEYS`, in float32. Whatever its way of normalizing is called,
            x -> (x - mean) / std for qpos and y -> y · std + mean for actions is what it comes to.
        model: the file with the weights.
        names: for each tensor of the network the name in that file.
        shapes: for each tensor of the network its shape in that file.
        normalization: by input or output the way of normalizing, in the format's own words.
        notes: what was taken otherwise or left out; what was assumed of it, its configuration tells (`assumptions`).
        keep: how many rows of the action head to keep, where it has more than `config.action_dim`.
    """

    format: str
    path: Path
    config: PolicyConfig
    stats: Mapping[str, NDArray[np.float32]]
    model: Path
    names: Mapping[str, str]
    shapes: Mapping[str, tuple[int, ...]]
    normalization: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    keep: int | None = None


def source_shapes(
    names: Mapping[str, str], entries: Mapping[str, TensorEntry], keep: int | None = None
) -> dict[str, tuple[int, ...]]:
    """Shapes by the network's names; rows of the action head beyond `keep` are left out."""
    shapes = {name: entries[stored].shape for name, stored in names.items()}
    if keep is not None:
        for name in ('action_head.weight', 'action_head.bias'):
            shapes[name] = (keep, *shapes[name][1:])
    return shapes


def check_unwrapped(path: Path, names: Iterable[str]) -> None:
    """Refuse weights that were saved with what training wraps a network in; names it."""
    for part, wrapper in (('_orig_mod.', 'torch.compile'), ('module.', 'DistributedDataParallel')):
        found = next((n for n in names if n.startswith(part) or f'.{part}' in n), None)
        if found is not None:
            raise PolicyError(
                f'{path}: tensor {listed([found])} has the name that {wrapper} gives it; save the policy '
                f'without that wrapper, or take {part!r} out of the names'
            )


def read_beside(folder: Path, known: tuple[str, ...]) -> dict[str, Any]:
    """The entries of the small file in a folder; none where there is no file.

    Raises:
        PolicyError: it can't be read, or has an entry that isn't known.
    """
    path = folder / BESIDE
    if not path.exists():
        return {}
    data = read_yaml(path)
    unknown = [name for name in data if name not in known]
    if unknown:
        raise PolicyError(
            f'{path}: unknown entries: {listed(unknown)}; known are {", ".join(known)}'
        )
    return data


def stated_joints(beside: Mapping[str, Any], where: Path) -> dict[str, Any]:
    """The names of joints in the small file, as entries of a configuration.

    Raises:
        PolicyError: they are no list of names.
    """
    found = {}
    for name in JOINTS:
        if name in beside:
            found[name] = names_in(beside[name])
            if not found[name]:
                raise PolicyError(
                    f'{where}: {name} is {shown(beside[name])}; expected a list of the names of the joints, in order'
                )
    return found


def renamed(config: PolicyConfig, names: object, where: str) -> PolicyConfig:
    """A configuration with other names for some of its cameras.

    Args:
        config: with the policy's names.
        names: by the policy's name of a camera the robot's.
        where: who says so, for the error.

    Raises:
        PolicyError: one of the cameras isn't the policy's, or two get the same name.
    """
    if not isinstance(names, dict) or not all(isinstance(value, str) for value in names.values()):
        raise PolicyError(f'{where} is {shown(names)}; expected camera: name')
    unknown = [str(name) for name in names if name not in config.cameras]
    if unknown:
        raise PolicyError(
            f'{where} names camera {listed(unknown)}; the policy has {listed(config.cameras)}'
        )
    try:
        return replace(
            config, cameras=tuple(str(names.get(name, name)) for name in config.cameras)
        )
    except PolicyError as error:
        raise PolicyError(f'{where}: {error}') from error
