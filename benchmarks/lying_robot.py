# SPDX-License-Identifier: Apache-2.0
"""Two followers and a camera as their drivers publish them, that do not tell the truth when asked not to.

They follow their commands as motors do, at no more than the speed limits.
"""

from __future__ import annotations

import threading
from array import array
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import rclpy
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from interbotix_xs_msgs.srv import RegisterValues
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.time import Time
from sensor_msgs.msg import Image, JointState

from act_ros.nodes.shared.driver_client import ERRORS, MODE, TORQUE
from act_ros.nodes.shared.hardware import GRIPPER, GRIPPER_MODES, JOINT_MODES
from act_ros.robot.spec import RobotSpec

PERIOD_S = 0.01
PICTURE_EVERY = 2


@dataclass
class Lies:
    """What is wrong with the robot; nothing at first.

    Attributes:
        silent: the drivers publish nothing.
        no_pictures, frozen: the camera publishes nothing, or one picture again and again.
        deaf: the arms do not follow.
        sinking: their shoulders fall, in rad/s.
        stamp_off_s, picture_off_s: added to stamps.
        off: (dof,) added to the pose that is told; NaN is a value, too.
        limp: entries (dof,) whose motors have no torque: they stay where they are, and their registers say so.
        errors: by entry (dof,), the register Hardware_Error_Status.
    """

    silent: bool = False
    no_pictures: bool = False
    frozen: bool = False
    deaf: bool = False
    sinking: float = 0.0
    stamp_off_s: float = 0.0
    picture_off_s: float = 0.0
    off: dict[int, float] = field(default_factory=dict)
    limp: tuple[int, ...] = ()
    errors: dict[int, int] = field(default_factory=dict)


class LyingRobot:
    """Publishes a hundred times a second from a thread of its own, until closed."""

    def __init__(self, node: Node, camera: str) -> None:
        """Begin at the start."""
        self.spec = spec = RobotSpec.load()
        self.lies = Lies()
        self.pose = spec.start.copy()
        self.target = self.pose.copy()
        self._node, self._lock = node, threading.Lock()
        self._names = [*spec.joints, 'gripper', 'left_finger', 'right_finger']
        self._joints = []
        for index, arm in enumerate(spec.arms):
            self._joints.append(
                node.create_publisher(JointState, f'/{arm.follower}/joint_states', 10)
            )
            topic = f'/{arm.follower}/commands/'
            group, single = partial(self._on_group, index), partial(self._on_single, index)
            node.create_subscription(JointGroupCommand, f'{topic}joint_group', group, 100)
            node.create_subscription(JointSingleCommand, f'{topic}joint_single', single, 100)
            service, answer = f'/{arm.follower}/get_motor_registers', partial(self._on_read, index)
            node.create_service(RegisterValues, service, answer)
        description = spec.cameras[camera]
        self._image = node.create_publisher(Image, f'/{description.topic}', 2)
        size = (description.height, description.width, 3)
        self._picture = np.random.default_rng(0).integers(0, 255, size, np.uint8)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop publishing."""
        self._stop.set()
        self._thread.join()

    def _on_group(self, index: int, msg: JointGroupCommand) -> None:
        values = np.array(msg.cmd, np.float64)
        with self._lock:
            self.target[self.spec.arm_slice(index)] = values

    def _on_single(self, index: int, msg: JointSingleCommand) -> None:
        with self._lock:
            unit = self.spec.follower_gripper.joint_to_unit(msg.cmd)
            self.target[self.spec.grippers[index]] = unit

    def _on_read(self, index: int, request: Any, response: Any) -> Any:
        """Answer for the motors of an arm as a driver does."""
        entries = self.spec.arm_entries(index)
        names = [*self.spec.joints, GRIPPER]
        for entry, name in zip(range(entries.start, entries.stop), names, strict=True):
            if request.name in ('all', name) or (request.name == 'arm' and name != GRIPPER):
                known = {
                    TORQUE: int(entry not in self.lies.limp),
                    ERRORS: self.lies.errors.get(entry, 0),
                    MODE: GRIPPER_MODES[-1] if name == GRIPPER else JOINT_MODES[0],
                }
                if request.reg in known:
                    response.values.append(known[request.reg])
        return response

    def _run(self) -> None:
        count, names = 0, self.spec.joint_names
        shoulders = [i for i, name in enumerate(names) if name.endswith('shoulder')]
        while not self._stop.wait(PERIOD_S):
            with self._lock:
                step = self.spec.velocity * PERIOD_S
                moved = np.clip(self.target - self.pose, -step, step)
                moved[list(self.lies.limp)] = 0.0
                if not self.lies.deaf:
                    self.pose += moved
                fallen = self.pose[shoulders] + self.lies.sinking * PERIOD_S
                self.pose[shoulders] = np.minimum(fallen, self.spec.upper[shoulders])
                told = self.pose.copy()
            for entry, value in self.lies.off.items():
                told[entry] += value
            if not self.lies.silent:
                for index, publisher in enumerate(self._joints):
                    publisher.publish(self.joint_state(told[self.spec.arm_entries(index)]))
            count += 1
            if count % PICTURE_EVERY == 0 and not self.lies.no_pictures:
                self._image.publish(self._shot(count))

    def joint_state(self, pose: NDArray[np.float64]) -> JointState:
        """What a driver says of an arm at a pose (7,)."""
        gripper = self.spec.follower_gripper
        finger = gripper.unit_to_finger(pose[-1])
        msg = JointState(name=self._names)
        msg.header.stamp = self._stamp(self.lies.stamp_off_s)
        msg.position = [*pose[:-1], gripper.unit_to_joint(pose[-1]), finger, -finger]
        msg.velocity = msg.effort = [0.0] * len(self._names)
        return msg

    def _shot(self, count: int) -> Image:
        if not self.lies.frozen:
            self._picture[::17, ::13, 0] = count % 256
        height, width, _ = self._picture.shape
        msg = Image(height=height, width=width, encoding='rgb8', step=3 * width)
        msg.header.stamp = self._stamp(self.lies.picture_off_s)
        msg.data = array('B', self._picture.tobytes())
        return msg

    def _stamp(self, off_s: float) -> Any:
        now = self._node.get_clock().now().nanoseconds + int(off_s * 1e9)
        return Time(nanoseconds=now).to_msg()


class Rival:
    """A second node that publishes on a topic of the robot, 50 times a second; `message` makes it of the scene."""

    def __init__(self, kind: Any, topic: str, message: Any) -> None:
        self._kind, self._topic, self._message = kind, topic, message

    def begin(self, scene: Any) -> None:
        """Start it."""
        self._node = rclpy.create_node('rival')
        publisher = self._node.create_publisher(self._kind, self._topic, 10)
        self._stop = threading.Event()

        def run() -> None:
            while not self._stop.wait(0.02):
                publisher.publish(self._message(scene))

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def end(self, _: Any) -> None:
        """Stop it."""
        self._stop.set()
        self._thread.join()
        self._node.destroy_node()
