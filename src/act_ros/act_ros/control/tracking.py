# SPDX-License-Identifier: Apache-2.0
"""Arms that do not go where they are commanded: blocked, without torque, or with a driver that hangs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from act_ros.robot.spec import RobotSpec
from act_ros.robot.types import Floats


class Tracking:
    """Compares, tick by tick, where arms are with where they were commanded. `lost`: (dof,) the joints that are off."""

    def __init__(self, spec: RobotSpec) -> None:
        """Allow as much, for as long, as the robot's description says (`tracking`, `tracking_s`)."""
        self._spec = spec
        self._ticks = np.zeros(spec.dof, dtype=np.int64)
        self._most = round(spec.tracking_s * spec.rate_hz)
        self.lost: NDArray[np.bool_] = np.zeros(spec.dof, np.bool_)

    def clear(self) -> None:
        """A new start."""
        self._ticks.fill(0)
        self.lost.fill(False)

    def look(self, command: Floats, measured: Floats) -> str:
        """Which joint has been too far off for too long, for a person; '' while none has.

        Args:
            command: (dof,) of the tick before.
            measured: (dof,) at this tick.
        """
        off = np.abs(measured - command)
        far = off > self._spec.tracking
        self._ticks += 1
        self._ticks *= far
        if not (self._ticks > self._most).any():
            return ''
        self.lost = far
        i = int(np.argmax(np.where(self._ticks > self._most, off / self._spec.tracking, 0.0)))
        return (
            f'{self._spec.joint_names[i]} is {off[i]:.2f} rad from its command, and has been too far off for '
            f'{self._most / self._spec.rate_hz:g} s: the arm does not follow. Look whether it is blocked, has no torque, '
            f'or its driver hangs'
        )
