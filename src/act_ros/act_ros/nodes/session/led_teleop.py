# SPDX-License-Identifier: Apache-2.0
"""Teleoperation that a session leads: it says when the followers follow, and leads the arms to poses itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from act_ros.control.limiter import Limiter
from act_ros.control.motion.pose_motion import PoseMotion
from act_ros.nodes.teleop import TeleopNode
from act_ros.robot.types import Floats


class LedTeleop(TeleopNode):
    """`act/teleop` in the process of a session, or of `rest`."""

    def follow(self) -> None:
        """Let the followers follow, softly at first; raises Refused where they must not."""
        with self._lock:
            self._moves = []
            self._engage('session')

    def hold(self) -> None:
        """Let all arms hold where they are."""
        with self._lock:
            self._moves = []
            self._disengage('session')

    def go(
        self,
        followers: Sequence[Floats],
        leaders: Sequence[Floats] | None,
        with_torque: bool = True,
    ) -> None:
        """Lead the arms slowly to poses (dof,), one after the other; raises Refused where they must not move.

        Leaders, if any, must be in position mode: what is commanded to them are angles. `with_torque`: whether the
        followers' motors have to be well; not where they are still set up.
        """
        if leaders is not None and self._lead is None:
            self._lead = self.output.arms(self._leader_arms, self._spec.leader_gripper)
        arms = self._follower_arms if leaders is None else self.silence.watched
        with self._lock:
            self._check(arms, with_torque)
            self._disengage('session')
            paths = [followers] if leaders is None else [followers, leaders]
            self._moves = [PoseMotion(Limiter(self._spec), path) for path in paths]
            self.output.permit(with_torque)

    def leave_out(self, followers: Sequence[str]) -> None:
        """Lead the others without these, which are silent: they get no command, and count as at rest."""
        self.output.leave_out(followers)
        rest = self._spec.rest[self._spec.arm_entries(0)].astype(np.float32)
        for arm in followers:
            self._poses.take_for(arm, rest)

    @property
    def arrived(self) -> bool:
        """Whether the arms have been led to where they were to go."""
        with self._lock:
            return all(move.done for move in self._moves)

    @property
    def following(self) -> bool:
        """Whether the followers are where the leaders are, and follow at full speed."""
        with self._lock:
            return self.engaged and self.leaders is not None and not self._teleoperation.soft
