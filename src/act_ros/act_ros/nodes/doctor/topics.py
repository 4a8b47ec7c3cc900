# SPDX-License-Identifier: Apache-2.0
"""What the doctor hears: joint states and pictures of the robot's description, and who sends them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from rclpy.topic_endpoint_info import TopicEndpointInfo
from sensor_msgs.msg import Image, JointState

from act_ros.nodes.doctor.findings import Finding, problem, unsafe, warning, well
from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.images import rgb
from act_ros.nodes.shared.qos_events import name
from act_ros.nodes.shared.topics import NEWEST, SENSOR, robot_topic
from act_ros.robot.arm_reader import ArmReader, JointStateError
from act_ros.robot.image import ImageError
from act_ros.robot.spec import Camera, GripperScale, RobotSpec

LISTEN_S, LEAST_S = 8.0, 3.0
ENOUGH = 30
"""Messages that tell a rate."""
SIM = 'ros2 launch act_ros sim.launch.py'
ALOHA = 'ros2 launch act_ros hardware.launch.py rig:=…'


@dataclass
class TopicHeard:
    """What came on a topic: how often, when (steady clock, s), and the last message."""

    count: int = 0
    first_s: float = 0.0
    last_s: float = 0.0
    msg: Any = None

    def take(self, msg: Any) -> None:
        """Count a message."""
        self.last_s, self.msg = time.monotonic(), msg
        self.first_s = self.first_s or self.last_s
        self.count += 1

    @property
    def rate_hz(self) -> float:
        """Messages a second."""
        return (self.count - 1) / (self.last_s - self.first_s) if self.count > 1 else 0.0


class Ears:
    """Listens on `node` to all that the robot's description names; nothing is sent."""

    def __init__(self, node: BaseNode, spec: RobotSpec, simulated: bool) -> None:
        """Subscribe."""
        self._node, self._spec, self._simulated = node, spec, simulated
        self._start = SIM if simulated else ALOHA
        self._scales = {
            **{arm.leader: spec.leader_gripper for arm in spec.arms},
            **{arm.follower: spec.follower_gripper for arm in spec.arms},
        }
        self._followers = [arm.follower for arm in spec.arms]
        self._heard: dict[str, TopicHeard] = {}
        for arm in self._scales:
            self._listen(JointState, f'{arm}/joint_states', SENSOR)
        for camera in spec.cameras.values():
            self._listen(Image, camera.topic, NEWEST)

    def _listen(self, kind: Any, topic: str, qos: Any) -> None:
        full = robot_topic(self._node, topic)
        self._heard[topic] = TopicHeard()
        self._node.create_subscription(
            kind, full, partial(TopicHeard.take, self._heard[topic]), qos
        )

    def wait(self, stopped: Any, patience_s: float = 0.0) -> None:
        """Listen until every topic is known well, or no more is to be expected.

        First wait for the followers, as long as `patience_s`: their drivers may just have been started.
        """
        end = time.monotonic() + patience_s
        while not (stopped() or all(map(self.there, self._followers)) or time.monotonic() > end):
            time.sleep(0.1)
        begun = time.monotonic()
        while not stopped() and (waited := time.monotonic() - begun) < LISTEN_S:
            known = [heard.count >= ENOUGH for heard in self._heard.values() if heard.count]
            if waited > LEAST_S and known and all(known):
                return
            time.sleep(0.05)

    def findings(self) -> Iterator[Finding]:
        """How each arm and each camera is, and who commands the followers."""
        for arm, scale in self._scales.items():
            yield self._arm(arm, scale)
        for camera in self._spec.cameras.values():
            yield self._camera(camera)
        yield self._commands()

    def there(self, arm: str) -> bool:
        """Whether anybody publishes the joint states of an arm."""
        return bool(self.publishers(f'{arm}/joint_states'))

    def publishers(self, topic: str) -> list[TopicEndpointInfo]:
        """Who publishes a topic of the robot, named as in its description."""
        full = robot_topic(self._node, topic)
        found: list[TopicEndpointInfo] = self._node.get_publishers_info_by_topic(full)
        return found

    def _arm(self, arm: str, scale: GripperScale) -> Finding:
        topic = f'{arm}/joint_states'
        about, infos, heard = f'arm {arm}', self.publishers(topic), self._heard[topic]
        if not infos and arm not in self._followers:
            return warning(
                about, 'is not there', 'only recording needs the leaders: leaders:=true'
            )
        if found := self._ill(about, topic, infos, heard):
            return found
        reader = ArmReader(self._spec.joints, scale)
        msg = heard.msg
        try:
            reader.read(msg.name, msg.position, msg.velocity, msg.effort)
        except JointStateError as error:
            return problem(about, str(error), 'is its driver the right one, for the right model?')
        text = f'{len(msg.name)} joints, {_how(heard, infos[0])}'
        if heard.rate_hz < self._spec.rate_hz:
            return warning(
                about, text, f'{self._spec.rate_hz:g} Hz are needed; is the machine busy?'
            )
        if reader.absent:
            return warning(about, f'{text}; {reader.lacking}', 'recorded as 0, and marked')
        return well(about, text)

    def _camera(self, camera: Camera) -> Finding:
        about, infos, heard = (
            camera.name,
            self.publishers(camera.topic),
            self._heard[camera.topic],
        )
        if not infos and self._simulated and any(map(self.there, self._followers)):
            return warning(
                about, 'is not simulated', 'cameras:=… at the launch names those that are'
            )
        if found := self._ill(about, camera.topic, infos, heard):
            return found
        msg = heard.msg
        try:
            rgb(msg)
        except ImageError as error:
            return problem(about, str(error), "choose another format in the camera's driver")
        text = f'{msg.width}x{msg.height} {msg.encoding}, {_how(heard, infos[0])}'
        if (msg.width, msg.height) != (camera.width, camera.height) and not self._simulated:
            what = f'the description says {camera.width}x{camera.height}'
            return warning(about, text, f'{what}: change the driver, or the description')
        return well(about, text)

    def _ill(
        self, about: str, topic: str, infos: list[TopicEndpointInfo], heard: TopicHeard
    ) -> Finding | None:
        """What keeps a topic from being used at all, if anything does."""
        full = robot_topic(self._node, topic)
        if not infos:
            return problem(about, f'nobody publishes {full}', f'start its driver: {self._start}')
        names = sorted({name(info) for info in infos})
        if len(infos) > 1:
            several = f'{full} has {len(infos)} publishers ({", ".join(names)})'
            return unsafe(about, several, 'stop all but one')
        if not heard.count:
            why = self._node.qos.why(full) or f'{names[0]} publishes {full}, and nothing comes'
            return problem(about, why, 'is it on? look at the last lines of its driver')
        return None

    def _commands(self) -> Finding:
        topics = [
            f'{arm}/commands/{kind}'
            for arm in self._followers
            for kind in ('joint_group', 'joint_single')
        ]
        senders = {topic: {name(info) for info in self.publishers(topic)} for topic in topics}
        rivals = sorted({who for names in senders.values() if len(names) > 1 for who in names})
        if rivals:
            found = f'{" and ".join(rivals)} would command the same arm'
            return unsafe('commands', found, 'stop all but one')
        names = sorted(set().union(*senders.values()))
        return well(
            'commands', f'may come from {", ".join(names)}' if names else 'nobody sends any'
        )


def _how(heard: TopicHeard, info: TopicEndpointInfo) -> str:
    """Rate, quality of service and sender."""
    return f'{heard.rate_hz:.0f} Hz, {info.qos_profile.reliability.name}, from {name(info)}'
