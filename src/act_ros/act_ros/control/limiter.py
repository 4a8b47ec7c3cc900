# SPDX-License-Identifier: Apache-2.0
"""The last gate before the motors: commands are finite, inside limits and not too fast."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from act_ros.robot.spec import RobotSpec
from act_ros.robot.types import Floats

RULES = ('finite', 'limits', 'velocity')
"""The rules in the order in which they are applied."""


class Reason(NamedTuple):
    """A rule that changed a command, and the joints it changed."""

    rule: str
    joints: tuple[str, ...]

    def __str__(self) -> str:
        """A sentence for the operator."""
        joints = ', '.join(self.joints)
        if self.rule == 'finite':
            return f'the action for {joints} was not a finite number, so the last command is held'
        if self.rule == 'limits':
            return f'the action was outside the position limits and was clamped: {joints}'
        return f'the action was faster than the velocity limit and was slowed: {joints}'


class Limiter:
    """Makes commands safe: finite -> position limits -> velocity, relative to the command before.

    The first command is relative to the measured pose, so that an arm approaches the policy's pose
    at no more than its velocity limit. A pose outside the limits (an ALOHA follower's sleep pose
    is) is no reason to jump: the arm is led back at the same speed. Commands are float32, as they
    are sent; the guarantees hold for the float32 numbers exactly, not only for what they were
    rounded from.
    """

    def __init__(self, spec: RobotSpec) -> None:
        """Take the limits and the rate from the robot's description."""
        self.names = spec.joint_names
        lower, upper = spec.lower.astype(np.float32), spec.upper.astype(np.float32)
        # Rounded inwards: the nearest float32 may lie outside the limit it was rounded from.
        up, down = np.float32(np.inf), np.float32(-np.inf)
        self.lower: Floats = np.where(lower < spec.lower, np.nextafter(lower, up), lower)
        self.upper: Floats = np.where(upper > spec.upper, np.nextafter(upper, down), upper)
        self._bounds = spec.lower, spec.upper
        self.step: NDArray[np.float64] = spec.velocity / spec.rate_hz
        self.counts = {rule: np.zeros(spec.dof, dtype=np.int64) for rule in RULES}
        self._last: Floats | None = None

    @property
    def last(self) -> Floats | None:
        """The last command or pose of a reset, (dof,) float32; None before the first reset."""
        return None if self._last is None else self._last.copy()

    def reset(self, measured: NDArray[np.floating]) -> None:
        """Anchor the next command at a measured pose (dof,).

        Raises:
            ValueError: the pose has another shape or a value that isn't finite.
        """
        pose = np.array(measured, dtype=np.float32)
        if pose.shape != (len(self.names),):
            raise ValueError(
                f'measured pose has shape {pose.shape}, expected ({len(self.names)},)'
            )
        if not np.isfinite(pose).all():
            raise ValueError(
                f'measured pose is not finite at {", ".join(self._named(~np.isfinite(pose)))}'
            )
        self._last = pose

    def apply(
        self, target: NDArray[np.floating], share: float = 1.0
    ) -> tuple[Floats, tuple[Reason, ...]]:
        """The command (dof,) float32 nearest to a target, and which rules made it differ.

        A target with any value that isn't finite is not followed at all: the last command is held.

        Args:
            target: (dof,) where the arms are to be.
            share: of the velocity limits, that is used.

        Raises:
            RuntimeError: there was no `reset` yet, so there is no pose to start from.
            ValueError: the target has another shape.
        """
        if self._last is None:
            raise RuntimeError(
                'the limiter has no pose to start from; call reset() with the measured pose'
            )
        if target.shape != self._last.shape:
            raise ValueError(f'target has shape {target.shape}, expected {self._last.shape}')
        finite = np.isfinite(target)
        if not finite.all():
            return self._last.copy(), (self._count('finite', ~finite),)
        last = self._last.astype(np.float64)
        wanted = np.clip(target.astype(np.float64), self.lower, self.upper)
        step = share * self.step
        stepped = np.clip(wanted, last - step, last + step)
        command = stepped.astype(np.float32)
        beyond = np.abs(command.astype(np.float64) - last) > step
        if beyond.any():  # rounding to float32 carried it past the step: take the float32 before
            command = np.where(beyond, np.nextafter(command, self._last), command)
        outside = (target < self._bounds[0]) | (target > self._bounds[1])
        reasons = [
            self._count(rule, changed)
            for rule, changed in (('limits', outside), ('velocity', stepped != wanted))
            if changed.any()
        ]
        self._last = command
        return command.copy(), tuple(reasons)

    def _count(self, rule: str, changed: NDArray[np.bool_]) -> Reason:
        self.counts[rule] += changed
        return Reason(rule, self._named(changed))

    def _named(self, mask: NDArray[np.bool_]) -> tuple[str, ...]:
        return tuple(self.names[i] for i in np.flatnonzero(mask))
