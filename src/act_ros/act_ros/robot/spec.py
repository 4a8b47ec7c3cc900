# SPDX-License-Identifier: Apache-2.0
"""The robot as `config/aloha.yaml` describes it: the one home of joint order, limits, scales and topics."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from act_ros.paths import share_dir
from act_ros.text import PrintableError

Vector = NDArray[np.float64]


LEAST_HZ, MOST_HZ = 10.0, 200.0
"""Rates at which a robot can be commanded: drivers take no more, and with less an arm moves in steps."""
ROBOT = 'ACT_ROBOT'
"""Environment variable: path of the yaml file that describes the robot, in the place of `config/aloha.yaml`."""


class SpecError(PrintableError, ValueError):
    """The robot's configuration is wrong; the message names the file and the entry."""


@dataclass(frozen=True)
class Arm:
    """One side of the robot and the namespaces of its two drivers."""

    side: str
    leader: str
    follower: str


@dataclass(frozen=True)
class Camera:
    """A camera: its name in policies and episodes, its topic, its place in the simulated scene."""

    name: str
    topic: str
    sim: str
    height: int
    width: int


@dataclass(frozen=True)
class GripperScale:
    """Where a gripper's motor (rad) and finger (m) stand when it is open (1) and closed (0).

    Values outside the scale map outside 0..1: clipping is the limiter's work, not the scale's.
    """

    joint_open: float
    joint_closed: float
    finger_open: float
    finger_closed: float

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not math.isfinite(value):
                raise SpecError(f'gripper scale: {name} is {value}; expected a finite number')
        for what in ('joint', 'finger'):
            if getattr(self, f'{what}_open') == getattr(self, f'{what}_closed'):
                raise SpecError(
                    f'gripper scale: {what}_open and {what}_closed are equal; measure both ends of the gripper'
                )

    def joint_to_unit(self, joint_rad: float) -> float:
        """Opening (0..1) at a motor angle in radians."""
        return (joint_rad - self.joint_closed) / (self.joint_open - self.joint_closed)

    def unit_to_joint(self, unit: float) -> float:
        """Motor angle in radians at an opening (0..1)."""
        return self.joint_closed + unit * (self.joint_open - self.joint_closed)

    def finger_to_unit(self, finger_m: float) -> float:
        """Opening (0..1) at a finger position in metres."""
        return (finger_m - self.finger_closed) / (self.finger_open - self.finger_closed)

    def unit_to_finger(self, unit: float) -> float:
        """Finger position in metres at an opening (0..1)."""
        return self.finger_closed + unit * (self.finger_open - self.finger_closed)


@dataclass(frozen=True)
class RobotSpec:
    """Everything about the robot that more than one place must agree on.

    `lower`, `upper`, `velocity` (per second), `acceleration` (per second², of commands that get faster), `margin`
    (so far outside the limits may an arm be found), `tracking` (so far from its command may it be for `tracking_s`
    seconds), `start` and `rest` (folded: where torque may be taken) are vectors (dof,): arm after arm its joints, then
    its gripper; radians, grippers 0 (closed) to 1 (open). On an ALOHA [left 6, left gripper, right 6, right gripper].
    `gripper_current`: limit of the followers' gripper motors, in counts of their register Current_Limit. `rig`: name
    of what else only the drivers must know (`act_ros.robot.rig`).
    """

    rate_hz: float
    arms: tuple[Arm, ...]
    joints: tuple[str, ...]
    lower: Vector
    upper: Vector
    velocity: Vector
    acceleration: Vector
    margin: Vector
    tracking: Vector
    tracking_s: float
    start: Vector
    rest: Vector
    leader_gripper: GripperScale
    follower_gripper: GripperScale
    gripper_current: int
    cameras: Mapping[str, Camera]
    rig: str

    @property
    def dof(self) -> int:
        """Entries of the command vector: 14 on an ALOHA."""
        return len(self.arms) * self.arm_size

    @property
    def arm_size(self) -> int:
        """Entries of one arm in the vector, its joints and its gripper: 7."""
        return len(self.joints) + 1

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the vector's entries in order: 'left_waist' ... 'right_gripper'."""
        return tuple(
            f'{arm.side}_{joint}' for arm in self.arms for joint in (*self.joints, 'gripper')
        )

    @property
    def grippers(self) -> tuple[int, ...]:
        """Indices of the grippers in the vector: (6, 13) on an ALOHA."""
        return tuple(self.arm_size * (i + 1) - 1 for i in range(len(self.arms)))

    def arm_slice(self, index: int) -> slice:
        """The arm joints (without the gripper) of arm `index` in the vector."""
        return slice(self.arm_size * index, self.arm_size * (index + 1) - 1)

    def arm_entries(self, index: int) -> slice:
        """All of arm `index` in the vector: joints and gripper."""
        return slice(self.arm_size * index, self.arm_size * (index + 1))

    @classmethod
    def load(cls, path: str | Path | None = None) -> RobotSpec:
        """Read the robot from a yaml file, by default the one that the environment variable `ACT_ROBOT` names.

        Without that it is the suite's own `config/aloha.yaml`.

        Raises:
            SpecError: an entry is missing, unknown, of another type, or its limits make no sense.
        """
        path = Path(path) if path else description_path()
        try:
            return _parse(_read(path))
        except OSError as error:
            raise SpecError(
                f'cannot read the robot configuration {error.filename}: {error.strerror}'
            ) from error
        except (
            KeyError,
            TypeError,
            AttributeError,
            ValueError,
            OverflowError,
            yaml.YAMLError,
        ) as error:
            why = f'entry {error} is missing' if isinstance(error, KeyError) else str(error)
            raise SpecError(
                f'{path}: {why}; compare it with config/aloha.yaml of act_ros'
            ) from error


def description_path() -> Path:
    """The file that describes the robot of this process."""
    chosen = os.environ.get(ROBOT)
    return Path(chosen) if chosen else share_dir() / 'config' / 'aloha.yaml'


def _read(path: Path) -> dict[str, Any]:
    """A description; the entries that it lacks are those of the complete one that it names under `like`."""
    raw: dict[str, Any] = yaml.safe_load(path.read_text(encoding='utf-8'))
    if 'like' not in raw:
        return raw
    other = path.parent / raw.pop('like')
    return {**yaml.safe_load(other.read_text(encoding='utf-8')), **raw}


def _parse(raw: dict[str, Any]) -> RobotSpec:
    arms = tuple(Arm(**arm) for arm in raw['arms'])
    _check_names(arms)
    rows = [*raw['joints'].items(), ('gripper', raw['gripper'])]

    def column(key: str) -> Vector:
        if lacking := [name for name, row in rows if key not in row]:
            raise SpecError(f'{lacking[0]}: entry {key} is missing')
        values = np.array([float(row[key]) for _, row in rows] * len(arms))
        values.flags.writeable = False
        return values

    spec = RobotSpec(
        rate_hz=float(raw['rate_hz']),
        arms=arms,
        joints=tuple(raw['joints']),
        lower=column('lower'),
        upper=column('upper'),
        velocity=column('velocity'),
        acceleration=column('acceleration'),
        margin=column('margin'),
        tracking=column('tracking'),
        tracking_s=float(raw['tracking_s']),
        start=column('start'),
        rest=column('rest'),
        leader_gripper=GripperScale(**raw['gripper_scales']['leader']),
        follower_gripper=GripperScale(**raw['gripper_scales']['follower']),
        gripper_current=int(raw['gripper_current']),
        cameras={name: Camera(name=name, **entry) for name, entry in raw['cameras'].items()},
        rig=str(raw.get('rig', 'stationary')),
    )
    _check(spec)
    return spec


def _check_names(arms: tuple[Arm, ...]) -> None:
    if not arms:
        raise SpecError('arms is empty; name at least one, with its side, leader and follower')
    for what, names in (
        ('side', [arm.side for arm in arms]),
        ('driver', [name for arm in arms for name in (arm.leader, arm.follower)]),
    ):
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise SpecError(f'arms: the {what} {", ".join(twice)} is there more than once')


def _check(spec: RobotSpec) -> None:
    # Not `tracking`: that of a gripper, which holds things, has no end.
    for what in ('lower', 'upper', 'velocity', 'acceleration', 'margin', 'start', 'rest'):
        values = getattr(spec, what)
        if wrong := [i for i in range(spec.dof) if not math.isfinite(values[i])]:
            name = spec.joint_names[wrong[0]]
            raise SpecError(f'{name}: {what} is {values[wrong[0]]}; expected a finite number')
    for name, lower, upper, velocity, start, rest in zip(
        spec.joint_names,
        spec.lower,
        spec.upper,
        spec.velocity,
        spec.start,
        spec.rest,
        strict=True,
    ):
        if not lower <= start <= upper:
            raise SpecError(
                f'{name}: start {start} is not between lower {lower} and upper {upper}'
            )
        if not lower <= rest <= upper:
            raise SpecError(f'{name}: rest {rest} is not between lower {lower} and upper {upper}')
        if not velocity > 0:
            raise SpecError(f'{name}: velocity must be positive, got {velocity}')
    for what in ('acceleration', 'margin', 'tracking'):
        values = getattr(spec, what)
        if wrong := [i for i in range(spec.dof) if not values[i] > 0]:
            name = spec.joint_names[wrong[0]]
            raise SpecError(f'{name}: {what} must be positive, got {values[wrong[0]]}')
    if not 0 < spec.tracking_s < math.inf:
        raise SpecError(f'tracking_s must be positive and finite, got {spec.tracking_s}')
    if not LEAST_HZ <= spec.rate_hz <= MOST_HZ:
        raise SpecError(
            f'rate_hz is {spec.rate_hz:g}; expected {LEAST_HZ:g} to {MOST_HZ:g} commands a second'
        )
