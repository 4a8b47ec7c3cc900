# SPDX-License-Identifier: Apache-2.0
"""Where arms are, for nodes that command them without a camera."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import JointState

from act_ros.nodes.shared.joint_state import (
    FUTURE_S,
    SIM_FUTURE_S,
    ArmReader,
    JointStateError,
    jump_watches,
)
from act_ros.nodes.shared.times import seconds
from act_ros.nodes.shared.topics import SENSOR, robot_topic
from act_ros.robot.jumps import JumpWatch
from act_ros.robot.spec import GripperScale, RobotSpec
from act_ros.robot.types import Floats

_QUIET_S = 5.0


class ArmPoses:
    """The arms' last joint states, as poses: joints, then the gripper. Safe to ask from any thread."""

    def __init__(self, node: Node, now: Callable[[], float | None], simulated: bool) -> None:
        """Listen on `node`; `now` is ROS time, which a message has whose driver sets no stamp.

        A `simulated` arm may be elsewhere at once: its world is set up anew.
        """
        self._node, self._now, self._lock = node, now, threading.Lock()
        self._simulated = simulated
        self._future_s = SIM_FUTURE_S if simulated else FUTURE_S
        self._poses: dict[str, tuple[float, Floats]] = {}
        self._notes: dict[str, str] = {}

    def follow(self, spec: RobotSpec) -> None:
        """Hear the followers, whose poses commands begin at: one that no arm can have is not taken."""
        jumps = {} if self._simulated else jump_watches(spec, commands=True)
        for arm in spec.arms:
            reader = ArmReader(spec.joints, spec.follower_gripper)
            self._listen(arm.follower, reader, None, jumps.get(arm.follower))

    def lead(self, spec: RobotSpec) -> None:
        """Hear the leaders, too. What a leader's hand is told by is its motor, not its fingers."""
        for arm in spec.arms:
            reader = ArmReader(spec.joints, spec.leader_gripper)
            self._listen(arm.leader, reader, spec.leader_gripper, None)

    def _listen(
        self, arm: str, reader: ArmReader, motor: GripperScale | None, jumps: JumpWatch | None
    ) -> None:
        topic = robot_topic(self._node, f'{arm}/joint_states')
        receive = partial(self._on_state, arm, reader, motor, jumps)
        self._node.create_subscription(JointState, topic, receive, SENSOR)

    def _on_state(
        self,
        arm: str,
        reader: ArmReader,
        motor: GripperScale | None,
        jumps: JumpWatch | None,
        msg: JointState,
    ) -> None:
        try:
            stamp_s = self._stamp(msg)
            pose, _, _ = reader.read(msg.name, msg.position, msg.velocity, msg.effort)
            if jumps and (jump := jumps.jump(stamp_s, pose)):
                if not jumps.settling:
                    raise JointStateError(jump)
                self._notes[arm] = jump
                return
        except JointStateError as error:
            self._notes[arm] = str(error)
            self._node.get_logger().warning(f'{arm}: {error}', throttle_duration_sec=_QUIET_S)
            return
        if motor:
            pose[-1] = motor.joint_to_unit(msg.position[msg.name.index('gripper')])
        with self._lock:
            self._poses[arm] = stamp_s, pose
            self._notes.pop(arm, None)

    def _stamp(self, msg: JointState) -> float:
        now = self._now()
        stamp_s = seconds(msg.header.stamp) or now or 0.0
        if now is not None and stamp_s - now > self._future_s:
            raise JointStateError(
                f'stamp is {stamp_s - now:.2f} s ahead of our clock; synchronise the clocks of the two machines'
            )
        return stamp_s

    def forget(self) -> None:
        """Drop what was heard: the clock has jumped."""
        with self._lock:
            self._poses = {arm: pose for arm, pose in self._poses.items() if pose[0] == math.inf}

    def why(self, arms: Sequence[str]) -> str:
        """Of these arms, with what is wrong with what they send, as far as that is known."""
        return ', '.join(
            f'{arm} ({self._notes[arm]})' if arm in self._notes else arm for arm in arms
        )

    def take_for(self, arm: str, pose: Floats) -> None:
        """Let a silent arm count as one that stands at a pose."""
        with self._lock:
            self._poses[arm] = math.inf, pose

    def pose(self, arms: Sequence[str], oldest_s: float) -> Floats | None:
        """The pose (dof,) of these arms; None if one has said nothing since `oldest_s` (ROS time)."""
        with self._lock:
            known = [self._poses.get(arm) for arm in arms]
        poses = [pose for stamp_s, pose in filter(None, known) if stamp_s >= oldest_s]
        return np.concatenate(poses) if len(poses) == len(arms) else None

    def silent(self, arms: Sequence[str], oldest_s: float = -math.inf) -> list[str]:
        """Which of these arms have said nothing since `oldest_s`, or ever."""
        with self._lock:
            known = {arm: self._poses.get(arm) for arm in arms}
        return [arm for arm, pose in known.items() if pose is None or pose[0] < oldest_s]
