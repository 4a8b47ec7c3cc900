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
HAND_FASTER = 6.0
"""The same of a leader that a person leads: a wrist turns, and a hand closes, faster than an arm falls."""
STAMP_S = 0.02
"""So much may a stamp be off: a driver reads seven motors one after the other."""
CONTESTED_S = 0.5
"""A jump that comes again within so long is no torn reading; its source is not believed for so long."""
CONFIRMED_S = 0.2
"""A pose that others agree with for so long is believed: the arm was moved while nobody heard it."""
HEARD_CONFIRMED_S = 1.0
"""The same where it was heard all along, by who commands the arm: that is hardly the arm."""
STAYED_S = 0.05
"""An arm that nobody hears stays where it was. One that is further away than it gets in so long was moved, or its
driver lies: who commands it does not believe that sooner than `HEARD_CONFIRMED_S`."""
SILENT_S = 0.2
"""Who commands an arm that was silent for longer does not take the first pose for its own."""


def too_far(
    velocity: Vector,
    before: NDArray[Any],
    after: NDArray[Any],
    seconds: float,
    faster: float = TIMES_FASTER,
) -> NDArray[np.bool_]:
    """By entry whether an arm cannot have moved there.

    Args:
        velocity: (n,) of the joints, rad/s; grippers in openings a second.
        before: (n,) pose, or (ticks, n).
        after: the same.
        seconds: between the two.
        faster: so many times as fast as its motors an arm may be moved.
    """
    reach = faster * velocity * max(seconds, 0.0)
    return np.asarray(np.abs(np.asarray(after, np.float64) - before) > reach + 1e-4)


class JumpWatch:
    """Looks at the poses of one arm as they come.

    Attributes:
        again: the newest jump came soon after another.
        settling: the newest pose is no jump; it waits for others that agree with it.
    """

    def __init__(
        self,
        names: Sequence[str],
        velocity: Vector,
        commands: bool = False,
        faster: float = TIMES_FASTER,
    ) -> None:
        """Of these joints, (n,), with these speeds.

        Args:
            names: of the joints, for a person.
            velocity: (n,) of their motors.
            commands: for who commands this arm, or another by it: the first pose, and the first after a silence, is
                believed only when others have agreed with it.
            faster: see `too_far`.
        """
        self._names, self._velocity, self._commands = tuple(names), velocity, commands
        self._faster = faster
        self._believed: tuple[float, Floats] | None = None
        self._doubted: tuple[float, Floats] | None = None
        self._doubted_since = 0.0
        self._confirmed_s, self._jumped = CONFIRMED_S, np.zeros(len(velocity), np.bool_)
        self.again = self.settling = False
        self._jumped_s = -math.inf

    def jump(self, stamp_s: float, qpos: Floats) -> str:
        """Why a pose (n,) is not to be believed, for a person; '' where it is."""
        # What has jumped stays so: that time passes makes it no nearer to where the arm was. Nor has an arm that
        # is heard, and not believed, got further meanwhile than one that was not heard for a moment.
        same = self._stays(stamp_s, qpos)
        heard = not self._silent(self._doubted or self._believed, stamp_s)
        most_s = SILENT_S if self._commands and heard else math.inf
        far = self._jumped if same else self._far(self._believed, stamp_s, qpos, most_s)
        self.settling = not far.any()
        anew = self._commands and (same or self._silent(self._believed, stamp_s))
        if self.settling and not anew:
            self._believed, self._doubted, self.settling = (stamp_s, qpos), None, False
            return ''
        if not same:
            known = self._believed
            old = known is not None and stamp_s - known[0] > HEARD_CONFIRMED_S
            slow = self._commands and heard and (old or far.any())
            self._confirmed_s = HEARD_CONFIRMED_S if slow else CONFIRMED_S
            self._doubted_since, self._jumped = stamp_s, far
        self._doubted = stamp_s, qpos
        if self._commands and self._moved(qpos):
            self._confirmed_s = HEARD_CONFIRMED_S
        if stamp_s - self._doubted_since >= self._confirmed_s:
            self._believed, self._doubted, self.settling = self._doubted, None, False
            return ''
        if self.settling or self._believed is None:
            return f'heard anew; it is believed when it has agreed with itself for {self._confirmed_s:g} s'
        self.again = stamp_s - self._jumped_s <= CONTESTED_S
        self._jumped_s = stamp_s
        worst = float(np.abs(qpos - self._believed[1]).max())
        names = ', '.join(self._names[i] for i in np.flatnonzero(far))
        return (
            f'{names} jumped by up to {_amount(worst)} in {max(stamp_s - self._believed[0], 0.0):.3f} s, '
            f'which no arm can'
        )

    def _moved(self, qpos: Floats) -> bool:
        """Whether a pose is elsewhere than where the arm was when it was last believed."""
        known = self._believed
        if known is None:
            return False
        return bool(too_far(self._velocity, known[1], qpos, STAYED_S, self._faster).any())

    def _stays(self, stamp_s: float, qpos: Floats) -> bool:
        """Whether a pose agrees with the one before, which was doubted."""
        known = self._doubted
        if known is None or stamp_s < known[0] or self._silent(known, stamp_s):
            return False
        return not self._far(known, stamp_s, qpos).any()

    def _silent(self, known: tuple[float, Floats] | None, stamp_s: float) -> bool:
        return known is None or stamp_s - known[0] > SILENT_S

    def _far(
        self,
        known: tuple[float, Floats] | None,
        stamp_s: float,
        qpos: Floats,
        most_s: float = math.inf,
    ) -> NDArray[np.bool_]:
        if known is None:
            return np.zeros(len(qpos), np.bool_)
        seconds = min(stamp_s - known[0], most_s) + STAMP_S
        return too_far(self._velocity, known[1], qpos, seconds, self._faster)


def jump_watches(spec: RobotSpec, commands: bool = False) -> dict[str, JumpWatch]:
    """By follower what notices poses that it cannot have reached. `commands`: for who commands the followers."""
    return {arm.follower: _watch(spec, i, commands) for i, arm in enumerate(spec.arms)}


def hand_watches(spec: RobotSpec) -> dict[str, JumpWatch]:
    """By leader what notices poses that it cannot have reached, led by a person, for who commands followers by it."""
    return {
        arm.leader: _watch(spec, i, commands=True, faster=HAND_FASTER)
        for i, arm in enumerate(spec.arms)
    }


def leader_watches(spec: RobotSpec) -> dict[str, JumpWatch]:
    """By leader what notices poses that its motors cannot have reached, for who commands the leaders."""
    return {arm.leader: _watch(spec, i, commands=True) for i, arm in enumerate(spec.arms)}


def _watch(spec: RobotSpec, index: int, commands: bool, faster: float = TIMES_FASTER) -> JumpWatch:
    names = (*spec.joints, 'gripper')
    return JumpWatch(names, spec.velocity[spec.arm_entries(index)], commands, faster)


def _amount(jump: float) -> str:
    """An angle or a length to the hundredth, and what no joint can be at by its order."""
    return f'{jump:.2f}' if jump < 1000.0 else f'{jump:.0e}'
