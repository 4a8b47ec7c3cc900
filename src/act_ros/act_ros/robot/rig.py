# SPDX-License-Identifier: Apache-2.0
"""The rig: what only the drivers must know of a robot, read from a folder as `config/hardware`.

The robot's description names arms and cameras; the file RIG.yaml of the folder says of each how it is driven.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from act_ros.robot.spec import ROBOT, RobotSpec, description_path
from act_ros.text import PrintableError, shown

Parameter = bool | int | float | str | list[int] | list[float] | list[str]
ELSEWHERE = 'none'
"""The driver of a camera that another program drives."""


class RigError(PrintableError, ValueError):
    """The rig cannot be used; the message names the file and what to do."""


@dataclass(frozen=True)
class RigArm:
    """How an arm is driven: Interbotix's model, its place in `world` (m, quaternion x y z w), its modes and port."""

    model: str
    at: tuple[float, ...]
    modes: Path
    port: str


@dataclass(frozen=True)
class CameraDriver:
    """A program that drives a camera, see config/hardware/camera_drivers.yaml."""

    package: str
    executable: str
    name: str
    which: str
    find: str
    images: tuple[str, ...]
    camera_info: str
    parameters: Mapping[str, Parameter]

    @property
    def knows_which(self) -> bool:
        """Whether it is told which camera it is to drive."""
        return bool(self.parameters.get(self.which))


@dataclass(frozen=True)
class NodeCall:
    """A node as it is started, in the namespace of the launch."""

    package: str
    executable: str
    name: str
    namespace: str = ''
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    remappings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Rig:
    """What only the drivers must know. `cameras` has no entry for those that another program drives."""

    path: Path
    arms: Mapping[str, RigArm]
    cameras: Mapping[str, CameraDriver]
    nodes: tuple[NodeCall, ...]

    @classmethod
    def load(cls, folder: Path, spec: RobotSpec) -> Rig:
        """Read how the arms and cameras of a robot are driven.

        Raises:
            RigError: the file is not there, is wrong, or lacks an arm or a camera of the robot.
        """
        path = folder / f'{spec.rig}.yaml'
        raw = _read(path)
        drivers = _read(folder / 'camera_drivers.yaml') if raw.get('cameras') else {}
        arms = [name for arm in spec.arms for name in (arm.leader, arm.follower)]
        for what, names in (('arms', arms), ('cameras', list(spec.cameras))):
            if lacking := [name for name in names if name not in (raw.get(what) or {})]:
                raise RigError(
                    f'{path}: {what} has no {", ".join(lacking)}, which the robot of {description_path()} has; '
                    f'write it there, or name the description of your robot in {ROBOT}'
                )
        try:
            return cls(
                path,
                {name: _arm(folder, name, **raw['arms'][name]) for name in arms},
                {
                    name: _camera(name, drivers, **raw['cameras'][name])
                    for name in spec.cameras
                    if raw['cameras'][name]['driver'] != ELSEWHERE
                },
                tuple(_node(**entry) for entry in raw.get('nodes') or ()),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            why = f'entry {error} is missing' if isinstance(error, KeyError) else str(error)
            raise RigError(
                f'{path}: {why}; it is written like config/hardware/stationary.yaml'
            ) from error


def _read(path: Path) -> dict[str, Any]:
    """A file of the rig, which is a dictionary."""
    try:
        raw = yaml.safe_load(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise RigError(
            f'cannot read {path}: {error.strerror}; a rig is a copy of config/hardware'
        ) from error
    except (ValueError, yaml.YAMLError) as error:
        raise RigError(f'{path} is not YAML: {error}') from error
    if not isinstance(raw, dict):
        raise RigError(f'{path} has no entries; it is written like that of config/hardware')
    return raw


def _arm(folder: Path, name: str, *, model: str, at: list[float], modes: str = '') -> RigArm:
    place = tuple(float(number) for number in at)
    if len(place) != 7:
        raise ValueError(
            f'{name}: at has {len(place)} numbers, expected 7 (x y z and a quaternion x y z w)'
        )
    path = folder / (modes or f'{name}.yaml')
    port = _read(path).get('port')
    if not isinstance(port, str):
        raise RigError(f'{path}: port is {shown(port)}, expected one as /dev/ttyDXL_{name}')
    return RigArm(_text(name, 'model', model), place, path, port)


def _camera(name: str, drivers: Mapping[str, Any], *, driver: str, **own: Any) -> CameraDriver:
    if driver not in drivers:
        known = ', '.join([*map(str, drivers), ELSEWHERE])
        raise ValueError(
            f'{name}: the driver is {shown(driver)}, expected one of {known} (camera_drivers.yaml)'
        )
    entry = dict(drivers[driver])
    parameters = _parameters({**(entry.pop('parameters', None) or {}), **own})
    made = CameraDriver(
        **{**entry, 'images': tuple(entry['images'])},
        parameters=parameters,
    )
    _text(name, made.which, parameters.setdefault(made.which, ''))
    return made


def _node(
    *,
    package: str,
    executable: str,
    name: str,
    namespace: str = '',
    parameters: Mapping[str, Any] | None = None,
) -> NodeCall:
    words = {'package': package, 'executable': executable, 'name': name, 'namespace': namespace}
    for key, word in words.items():
        _text('nodes', key, word)
    return NodeCall(package, executable, name, namespace, _parameters(parameters or {}))


def _parameters(given: Mapping[str, Any]) -> dict[str, Parameter]:
    for name, value in given.items():
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, (bool, int, float, str)):
                raise ValueError(
                    f'{name} is {shown(value)}, expected a number, a text, true or false, or a list of one of them'
                )
    return dict(given)


def _text(of: str, name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f'{of}: {name} is {shown(value)}, expected a text; write it in quotes')
    return value
