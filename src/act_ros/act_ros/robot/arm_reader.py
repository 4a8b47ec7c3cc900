# SPDX-License-Identifier: Apache-2.0
"""Reads one arm's vectors from the lists of a joint state, its entries found by joint name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from act_ros.robot.spec import GripperScale
from act_ros.robot.types import Floats
from act_ros.text import PrintableError

_GRIPPER, _FINGER = 'gripper', 'left_finger'


class JointStateError(PrintableError, ValueError):
    """A joint state that cannot be used; the message says what came and what was expected."""


class ArmReader:
    """Reads `sensor_msgs/JointState` of an Interbotix arm: six joints, gripper motor, left finger.

    Position and velocity of the gripper are those of the left finger (position as opening, 0..1),
    its effort is the motor's: what the original ALOHA records. A driver may leave out velocity or
    effort altogether (Interbotix's xs_sdk_sim does), or give NaN of all joints (ros2_control's
    joint_state_broadcaster does); they are 0 then, and `absent` names them.
    """

    def __init__(self, joints: Sequence[str], gripper: GripperScale) -> None:
        """Read these joints, in this order, and the gripper by this scale."""
        self.absent: tuple[str, ...] = ()
        self._joints, self._gripper = tuple(joints), gripper
        self._names: list[str] | None = None
        self._position: list[int] = []
        self._effort: list[int] = []

    @property
    def lacking(self) -> str:
        """What of `absent` a person is told."""
        return f'no {" and no ".join(self.absent)} is published'

    def read(
        self,
        names: Sequence[str],
        position: Sequence[float],
        velocity: Sequence[float],
        effort: Sequence[float],
    ) -> tuple[Floats, Floats, Floats]:
        """Position, velocity, effort, each (7,) float32.

        Raises:
            JointStateError: a joint is missing or named twice, or values are missing or not
                finite.
        """
        if names != self._names:
            self._find(list(names))
        count = len(names)
        for what, values in (('position', position), ('velocity', velocity), ('effort', effort)):
            if len(values) != count and (what == 'position' or len(values) > 0):
                raise JointStateError(f'{len(values)} values of {what} for {count} joints')
        qpos = _pick(position, self._position)
        qpos[-1] = self._gripper.finger_to_unit(float(qpos[-1]))
        qvel, current = _pick(velocity, self._position), _pick(effort, self._effort)
        optional = (('velocity', qvel), ('effort', current))
        self.absent = tuple(what for what, vector in optional if np.isnan(vector).all())
        for what, vector in optional:
            if what in self.absent:
                vector.fill(0.0)
        result = (qpos, qvel, current)
        for what, vector in zip(('position', 'velocity', 'effort'), result, strict=True):
            if not np.isfinite(vector).all():
                bad = [(*self._joints, _GRIPPER)[i] for i in np.flatnonzero(~np.isfinite(vector))]
                raise JointStateError(f'{what} of {", ".join(bad)} is not a finite number')
        return result

    def _find(self, names: list[str]) -> None:
        """Where the joints are in the message; kept until the message's order changes."""
        self._names = None
        wanted = (*self._joints, _GRIPPER, _FINGER)
        missing = [name for name in wanted if name not in names]
        if missing:
            raise JointStateError(
                f'no joint {", ".join(missing)} among {", ".join(names) or "no names at all"}; '
                f'is it the driver of a follower arm?'
            )
        twice = sorted({name for name in wanted if names.count(name) > 1})
        if twice:
            raise JointStateError(f'joint {", ".join(twice)} is there more than once')
        joints = [names.index(name) for name in self._joints]
        self._position = [*joints, names.index(_FINGER)]
        self._effort = [*joints, names.index(_GRIPPER)]
        self._names = names


def _pick(values: Sequence[float], places: list[int]) -> Floats:
    """The values at these places; NaN where there are none at all."""
    if not len(values):
        return np.full(len(places), np.nan, dtype=np.float32)
    with np.errstate(over='ignore'):  # what float32 cannot hold becomes infinite, and is refused
        return np.array([values[place] for place in places], dtype=np.float32)
