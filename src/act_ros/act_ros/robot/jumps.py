# SPDX-License-Identifier: Apache-2.0
"""Poses that an arm cannot have reached: a second publisher, another arm's driver, or a torn reading."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from act_ros.robot.spec import RobotSpec, Vector
from act_ros.robot.types import Floats

TIMES_FASTER = 2.0
"""An arm that is pushed, or falls, is faster than its motors; a pose that jumps is faster than that."""
STAMP_S = 0.02
"""So much may a stamp be off: a driver reads seven motors one after the other."""
CONTESTED_S = 0.5
"""A jump that comes again within so long is no torn reading; its source is not believed for so long."""
CONFIRMED_S = 0.2
"""A pose that others agree with for so long is believed: the arm was moved while nobody heard it."""


def too_far(
    velocity: Vector, before: NDArray[Any], after: NDArray[Any], seconds: float
) -> NDArray[np.bool_]:
    """By entry whether an arm cannot have moved there.

    Args:
        velocity: (n,) of the joints, rad/s; grippers in openings a second.
        before: (n,) pose, or (ticks, n).
        after: the same.
        seconds: between the two.
    """
    reach = TIMES_FASTER * velocity * max(seconds, 0.0)
    return np.asarray(np.abs(np.asarray(after, np.float64) - before) > reach + 1e-4)


class JumpWatch:
    """Looks at the poses of one arm as they come. `again`: the newest jump came soon after another."""

    def __init__(self, names: Sequence[str], velocity: Vector) -> None:
        """Of these joints, (n,), with these speeds."""
        self._names, self._velocity = tuple(names), velocity
        self._believed: tuple[float, Floats] | None = None
        self._doubted: tuple[float, Floats] | None = None
        self._doubted_since = 0.0
        self.again = False
        self._jumped_s = -math.inf

    def jump(self, stamp_s: float, qpos: Floats) -> str:
        """What jumped, for a person; '' where the pose (n,) is to be believed."""
        far = self._far(self._believed, stamp_s, qpos)
        if not far.any():
            self._believed, self._doubted = (stamp_s, qpos), None
            return ''
        assert self._believed is not None
        if self._doubted is None or self._far(self._doubted, stamp_s, qpos).any():
            self._doubted_since = stamp_s
        self._doubted = stamp_s, qpos
        if stamp_s - self._doubted_since >= CONFIRMED_S:
            self._believed, self._doubted = self._doubted, None
            return ''
        self.again = stamp_s - self._jumped_s <= CONTESTED_S
        self._jumped_s = stamp_s
        worst = float(np.abs(qpos - self._believed[1]).max())
        names = ', '.join(self._names[i] for i in np.flatnonzero(far))
        return (
            f'{names} jumped by up to {worst:.2f} in {max(stamp_s - self._believed[0], 0.0):.3f} s, '
            f'which no arm can'
        )

    def _far(
        self, known: tuple[float, Floats] | None, stamp_s: float, qpos: Floats
    ) -> NDArray[np.bool_]:
        if known is None:
            return np.zeros(len(qpos), np.bool_)
        return too_far(self._velocity, known[1], qpos, stamp_s - known[0] + STAMP_S)


def jump_watches(spec: RobotSpec) -> dict[str, JumpWatch]:
    """By follower what notices poses that it cannot have reached."""
    names = (*spec.joints, 'gripper')
    return {
        arm.follower: JumpWatch(names, spec.velocity[spec.arm_entries(i)])
        for i, arm in enumerate(spec.arms)
    }
