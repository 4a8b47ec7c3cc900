# SPDX-License-Identifier: Apache-2.0
"""Where the followers are, for nodes that command them without a camera."""

from __future__ import annotations

import threading
from functools import partial

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import JointState

from act_ros.nodes.shared.joint_state import ArmReader, JointStateError
from act_ros.nodes.shared.times import seconds
from act_ros.nodes.shared.topics import SENSOR, robot_topic
from act_ros.robot.spec import RobotSpec
from act_ros.robot.types import Floats

_QUIET_S = 5.0


class FollowerPose:
    """The followers' last joint states. Safe to ask from any thread."""

    def __init__(self, node: Node, spec: RobotSpec) -> None:
        """Listen on `node`."""
        self._node, self._lock = node, threading.Lock()
        self._poses: dict[str, tuple[float, Floats]] = {}
        self._arms = [arm.follower for arm in spec.arms]
        for arm in self._arms:
            receive = partial(self._receive, arm, ArmReader(spec.joints, spec.follower_gripper))
            topic = robot_topic(node, f'{arm}/joint_states')
            node.create_subscription(JointState, topic, receive, SENSOR)

    def _receive(self, arm: str, reader: ArmReader, msg: JointState) -> None:
        try:
            pose, _, _ = reader.read(msg.name, msg.position, msg.velocity, msg.effort)
        except JointStateError as error:
            self._node.get_logger().warning(f'{arm}: {error}', throttle_duration_sec=_QUIET_S)
            return
        with self._lock:
            self._poses[arm] = seconds(msg.header.stamp), pose

    def pose(self, oldest_s: float) -> Floats | None:
        """All followers' pose (dof,); None if one has said nothing since `oldest_s` (ROS time)."""
        with self._lock:
            known = [self._poses.get(arm) for arm in self._arms]
        poses = [pose for stamp_s, pose in filter(None, known) if stamp_s >= oldest_s]
        return np.concatenate(poses) if len(poses) == len(self._arms) else None
