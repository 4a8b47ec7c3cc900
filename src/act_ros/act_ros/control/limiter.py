# SPDX-License-Identifier: Apache-2.0
"""The last gate before the motors: commands are finite, inside limits, not too fast, and begin gently."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from act_ros.control.plausible import doubt_of
from act_ros.robot.spec import RobotSpec
from act_ros.robot.types import Floats

TRIMMED = 'trimmed'
RULES = ('finite', 'limits', TRIMMED, 'velocity', 'acceleration')
"""The rules in the order in which they are applied."""
TRIM = 0.05
"""Targets that are so little (rad, openings) outside the limits are ordinary: a network says 1.01 for an open gripper."""
SOFT = 0.2
"""Share of the velocity limits that a start, and a resumption after a hold, begins with."""
EASE_S = 0.8
"""Seconds from there to the full velocity limits."""
HOLD_S = 0.5
"""A hold of so long is followed by a new start; a shorter one by its part of one."""


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
        if self.rule == TRIMMED:
            return f'the action was a little outside the position limits and was clamped: {joints}'
        if self.rule == 'acceleration':
            return (
                f'the action asked for more than the acceleration limit and was slowed: {joints}'
            )
        return f'the action was faster than the velocity limit and was slowed: {joints}'


def extraordinary(reasons: Iterable[Reason]) -> bool:
    """Whether more was done to a target than to trim it."""
    return any(reason.rule != TRIMMED for reason in reasons)


class Limiter:
    """Makes commands safe: finite -> position limits -> velocity and acceleration, from the command before.

    The first command is relative to the measured pose, so that an arm approaches the policy's pose
    at no more than its velocity limit, of which a start has a fifth at first. A pose a little
    outside the limits (an ALOHA follower's sleep pose is) is no reason to jump: the arm is led back
    at the same speed. Acceleration is limited where a joint gets faster or turns round; braking is
    not, for an arm may always stop. Commands are float32, as they are sent; the guarantees hold for
    the float32 numbers exactly, not only for what they were rounded from.
    """

    def __init__(self, spec: RobotSpec) -> None:
        """Take the limits and the rate from the robot's description."""
        self.spec, self.names = spec, spec.joint_names
        lower, upper = spec.lower.astype(np.float32), spec.upper.astype(np.float32)
        # Rounded inwards: the nearest float32 may lie outside the limit it was rounded from.
        up, down = np.float32(np.inf), np.float32(-np.inf)
        self.lower: Floats = np.where(lower < spec.lower, np.nextafter(lower, up), lower)
        self.upper: Floats = np.where(upper > spec.upper, np.nextafter(upper, down), upper)
        self.step: NDArray[np.float64] = spec.velocity / spec.rate_hz
        self.gain: NDArray[np.float64] = spec.acceleration / spec.rate_hz**2
        """(dof,) by how much more than in the tick before a command may change."""
        self.counts = {rule: np.zeros(spec.dof, dtype=np.int64) for rule in RULES}
        self._last: Floats | None = None
        self._moved = np.zeros(spec.dof)  # what the last command changed
        self._eased = 0.0

    @property
    def last(self) -> Floats | None:
        """The last command or pose of a reset, (dof,) float32; None before the first reset."""
        return None if self._last is None else self._last.copy()

    @property
    def share(self) -> float:
        """The part of the velocity limits that the next command may use."""
        return SOFT + (1.0 - SOFT) * self._eased

    def reset(self, measured: NDArray[np.floating]) -> None:
        """Anchor the next command at a measured pose (dof,): a new start.

        Raises:
            ValueError: the pose has another shape, or an arm cannot be there (`doubt_of`).
        """
        pose = np.array(measured, dtype=np.float32)
        if pose.shape != (len(self.names),):
            raise ValueError(
                f'measured pose has shape {pose.shape}, expected ({len(self.names)},)'
            )
        if doubt := doubt_of(self.spec, pose):
            raise ValueError(f'measured pose: {doubt}')
        self._last = pose
        self._moved, self._eased = np.zeros(len(self.names)), 0.0

    def hold(self) -> Floats:
        """The last command once more; what comes next begins from a standstill.

        Raises:
            RuntimeError: as `apply`.
        """
        last: Floats = self._anchor().copy()
        self._moved = np.zeros(len(self.names))
        self._eased = max(self._eased - 1.0 / (HOLD_S * self.spec.rate_hz), 0.0)
        return last

    def yield_to(self, joints: NDArray[np.bool_], measured: Floats) -> Floats:
        """Hold, these joints (dof,) where they are measured: they do not follow, and shall not push on."""
        pose: Floats = np.where(joints, measured, self._anchor()).astype(np.float32)
        self._last = pose
        return self.hold()

    def apply(
        self, target: NDArray[np.floating], share: float = 1.0
    ) -> tuple[Floats, tuple[Reason, ...]]:
        """The command (dof,) float32 nearest to a target, and which rules made it differ.

        A target with any value that isn't finite is not followed at all: the last command is held.

        Args:
            target: (dof,) where the arms are to be.
            share: of the velocity limits, that is used at most.

        Raises:
            RuntimeError: there was no `reset` yet, so there is no pose to start from.
            ValueError: the target has another shape.
        """
        before = self._anchor()
        if target.shape != before.shape:
            raise ValueError(f'target has shape {target.shape}, expected {before.shape}')
        finite = np.isfinite(target)
        if not finite.all():
            return self.hold(), (self._count('finite', ~finite),)
        last = before.astype(np.float64)
        wanted = np.clip(target.astype(np.float64), self.lower, self.upper)
        step = min(share, self.share) * self.step
        most = np.minimum(np.maximum(self._moved, 0.0) + self.gain, step)
        least = np.maximum(np.minimum(self._moved, 0.0) - self.gain, -step)
        stepped = np.clip(wanted, last + least, last + most)
        command: Floats = stepped.astype(np.float32)
        moved = command.astype(np.float64) - last
        beyond = (moved > most) | (moved < least)
        if beyond.any():  # rounding to float32 carried it past the step: take the float32 before
            command = np.where(beyond, np.nextafter(command, before), command)
            moved = command.astype(np.float64) - last
        reasons = self._clamped(target) + self._slowed(wanted - last, stepped - last, step)
        self._last, self._moved = command, moved
        self._eased = min(self._eased + 1.0 / (EASE_S * self.spec.rate_hz), 1.0)
        return command.copy(), reasons

    def _anchor(self) -> Floats:
        if self._last is None:
            raise RuntimeError(
                'the limiter has no pose to start from; call reset() with the measured pose'
            )
        return self._last

    def _clamped(self, target: NDArray[np.floating]) -> tuple[Reason, ...]:
        beyond = np.maximum(self.spec.lower - target, target - self.spec.upper)
        if not (beyond > 0.0).any():
            return ()
        far = beyond > TRIM
        return self._reasons(('limits', far), (TRIMMED, (beyond > 0.0) & ~far))

    def _slowed(
        self, wanted: NDArray[np.float64], stepped: NDArray[np.float64], step: NDArray[np.float64]
    ) -> tuple[Reason, ...]:
        slowed = stepped != wanted
        if not slowed.any():
            return ()
        fast = slowed & (np.abs(stepped) >= (1.0 - 1e-9) * step)
        return self._reasons(('velocity', fast), ('acceleration', slowed & ~fast))

    def _reasons(self, *found: tuple[str, NDArray[np.bool_]]) -> tuple[Reason, ...]:
        return tuple(self._count(rule, changed) for rule, changed in found if changed.any())

    def _count(self, rule: str, changed: NDArray[np.bool_]) -> Reason:
        self.counts[rule] += changed
        return Reason(rule, tuple(self.names[i] for i in np.flatnonzero(changed)))
