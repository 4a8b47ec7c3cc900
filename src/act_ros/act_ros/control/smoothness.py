# SPDX-License-Identifier: Apache-2.0
"""How smooth the commands of an episode were, and what the limiter had to do to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from act_ros.control.limiter import RULES, Reason, extraordinary
from act_ros.robot.spec import RobotSpec
from act_ros.robot.types import Floats


def rms_jerk(positions: NDArray[np.floating], rate_hz: float) -> float | None:
    """Root of the mean squared jerk of positions (n, joints), in rad/s³; None of fewer than 4 rows.

    Jerk is the third derivative of position, whose mean square Flash and Hogan (J. Neuroscience 5,
    1985) take for the measure of smoothness; Hogan and Sternad (J. Motor Behavior 41, 2009) compare
    it with others. Here it is the third difference of a joint's successive positions times rate³;
    the mean is over all ticks and joints.
    """
    if len(positions) < 4:
        return None
    jerk = np.diff(positions.astype(np.float64), n=3, axis=0) * rate_hz**3
    return sqrt(float(np.mean(jerk * jerk)))


@dataclass(frozen=True)
class Smoothness:
    """Of the commands as they were sent, repeated ones included.

    Attributes:
        commands: ticks on which there was a command.
        jerk_rms: of the arms' joints, rad/s³ (`rms_jerk`; grippers, which have another unit, are
            left out). None of fewer than 4 commands.
        largest_step: largest change of a command in a tick, as the share of what the joint's
            velocity limit allows; the first is relative to the measured pose. 1: at the limit.
        largest_joint: whose that was; '' without a command.
        limited: ticks on which the limiter did more to the action than to trim it.
        limited_ticks: by the limiter's rule, ticks on which that did.
        limited_joints: by rule and joint, the same.
    """

    commands: int
    jerk_rms: float | None
    largest_step: float
    largest_joint: str
    limited: int
    limited_ticks: Mapping[str, int]
    limited_joints: Mapping[str, Mapping[str, int]]


class SmoothnessMeter:
    """Keeps the commands of one episode; all is computed at its end."""

    def __init__(self, spec: RobotSpec) -> None:
        """Measure for a robot."""
        self._spec = spec
        self._poses: list[Floats] = []
        self._limited = 0
        self._ticks: Counter[str] = Counter()
        self._joints: dict[str, Counter[str]] = {}

    def add(self, command: Floats, measured: Floats, limited: Sequence[Reason]) -> None:
        """Take in a tick's command (dof,), the measured pose (dof,), and why the limiter changed it."""
        if not self._poses:
            self._poses.append(measured)
        self._poses.append(command)
        self._limited += extraordinary(limited)
        for reason in limited:
            self._ticks[reason.rule] += 1
            self._joints.setdefault(reason.rule, Counter()).update(reason.joints)

    def result(self) -> Smoothness:
        """What all that comes to."""
        spec, commands = self._spec, max(len(self._poses) - 1, 0)
        jerk, largest, joint = None, 0.0, ''
        if commands:
            poses = np.array(self._poses, dtype=np.float64)
            jerk = rms_jerk(np.delete(poses[1:], spec.grippers, axis=1), spec.rate_hz)
            shares = np.abs(np.diff(poses, axis=0)).max(axis=0) * spec.rate_hz / spec.velocity
            largest, joint = float(shares.max()), spec.joint_names[int(shares.argmax())]
        by_rule = _sorted(self._ticks, self._joints)
        return Smoothness(commands, jerk, largest, joint, self._limited, *by_rule)


def pooled(parts: Sequence[Smoothness]) -> Smoothness:
    """Of several episodes as if they were one: the mean of the squares is over all their ticks."""
    ticks: Counter[str] = Counter()
    joints: dict[str, Counter[str]] = {}
    squares, count = 0.0, 0
    for part in parts:
        ticks.update(part.limited_ticks)
        for rule, counts in part.limited_joints.items():
            joints.setdefault(rule, Counter()).update(counts)
        if part.jerk_rms is not None:
            squares += part.jerk_rms**2 * (part.commands - 3)
            count += part.commands - 3
    largest = max(parts, key=lambda part: part.largest_step, default=None)
    return Smoothness(
        sum(part.commands for part in parts),
        sqrt(squares / count) if count else None,
        largest.largest_step if largest else 0.0,
        largest.largest_joint if largest else '',
        sum(part.limited for part in parts),
        *_sorted(ticks, joints),
    )


def _sorted(
    ticks: Counter[str], joints: Mapping[str, Counter[str]]
) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Rules in their order, joints by how often: the same episodes give the same file."""
    rules = [rule for rule in RULES if ticks[rule]]
    often = {rule: sorted(joints[rule].items(), key=lambda kv: (-kv[1], kv[0])) for rule in rules}
    return {rule: ticks[rule] for rule in rules}, {rule: dict(often[rule]) for rule in rules}
