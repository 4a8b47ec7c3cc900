# SPDX-License-Identifier: Apache-2.0
"""What the recorder hears: followers, cameras, commands, by a node with a thread of its own."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from functools import partial
from typing import Any

import numpy as np
from act_msgs.msg import Command
from nav_msgs.msg import Odometry
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState

from act_ros.control.ticker import SimTime
from act_ros.data.recording.grid import BASE, COMMAND, Heard, History, Picture
from act_ros.data.recording.source_watch import Wrong
from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.images import rgb
from act_ros.nodes.shared.rivals import Rivals
from act_ros.nodes.shared.times import seconds, steady
from act_ros.nodes.shared.topics import NEWEST, SENSOR, robot_topic
from act_ros.robot.arm_reader import ArmReader, JointStateError
from act_ros.robot.image import ImageError
from act_ros.robot.jumps import CONTESTED_S, JumpWatch, jump_watches
from act_ros.robot.spec import RobotSpec
from act_ros.robot.stillness import PictureStillness

_QUIET_S = 5.0


class RecorderInputs(BaseNode):
    """Puts what comes into a `Heard`, under a lock."""

    def __init__(
        self,
        spec: RobotSpec,
        heard: Heard,
        lock: threading.Lock,
        clock: SimTime | None,
        base_topic: str = '',
    ) -> None:
        """Subscribe to the sources of `heard`; tell `clock` the simulated time."""
        super().__init__(
            'recorder_inputs',
            parameter_overrides=[Parameter('use_sim_time', value=False)],
            start_parameter_services=False,
        )
        self._heard, self._lock, self._rate_hz = heard, lock, spec.rate_hz
        self._simulated = clock is not None
        self._still = {name: PictureStillness() for name in heard.frames}
        self._names, self._dof = spec.joint_names, len(spec.joint_names)
        self._topics: dict[str, str] = {}
        self._unusable: dict[str, str] = {}
        self._received: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._absent: dict[str, tuple[str, ...]] = dict.fromkeys(heard.joints, ())
        self._told: set[str] = set()
        self.not_measured: set[str] = set()
        """What the arms' drivers do not send, as 'effort of follower_left'; it is recorded as 0."""
        jumps = jump_watches(spec)
        self._doubted = dict.fromkeys([*heard.joints, COMMAND, BASE], (-math.inf, ''))
        for arm in heard.joints:
            reader = ArmReader(spec.joints, spec.follower_gripper)
            topic = self._topics[arm] = robot_topic(self, f'{arm}/joint_states')
            receive = partial(self._on_joints, arm, reader, jumps[arm])
            self.create_subscription(JointState, topic, receive, 10)
        for name in heard.frames:
            topic = self._topics[name] = robot_topic(self, spec.cameras[name].topic)
            self.create_subscription(Image, topic, partial(self._on_image, name), SENSOR)
        self._topics[COMMAND] = self.resolve_topic_name('command')
        self.create_subscription(Command, 'command', self._on_command, 10)
        if heard.base is not None:
            topic = self._topics[BASE] = robot_topic(self, base_topic)
            self.create_subscription(Odometry, topic, partial(self._on_base, heard.base), SENSOR)
        self._rivals = Rivals(self, {k: v for k, v in self._topics.items() if k != COMMAND})
        if clock:
            self.create_subscription(
                Clock, '/clock', lambda msg: clock.observe(seconds(msg.clock), steady()), NEWEST
            )

    def about(self, source: str, how: Wrong) -> str:
        """A source that is not as it should be; where one that lacks should come from, and whether anybody sends."""
        if how is Wrong.CONTESTED:
            return f'{source} ({self.contested.get(source, "")})'
        if how is not Wrong.LACKING:
            return source
        topic = self._topics[source]
        count = self.count_publishers(topic)
        text = f'{source} ({topic}, {count} publisher{"" if count == 1 else "s"}'
        return f'{text}: {self._unusable[source]})' if source in self._unusable else f'{text})'

    def counts(self, now_s: float) -> dict[str, tuple[float | None, dict[str, object]]]:
        """By source the age of its newest value at a ROS time, None if there is none, and what was counted."""
        with self._lock:
            newest = self._heard.newest_s()
        return {
            source: (
                None if newest.get(source) is None else now_s - newest[source],
                {
                    'topic': topic,
                    'received': self._received[source],
                    'dropped': self._dropped[source],
                },
            )
            for source, topic in self._topics.items()
        }

    def note(self, source: str) -> str:
        """Why the last message of a source could not be used, or none arrives; '' if all is well."""
        return self.qos.why(self._topics[source]) or self._unusable.get(source, '')

    @property
    def contested(self) -> dict[str, str]:
        """The sources that cannot be believed, with the reason."""
        late = time.monotonic() - CONTESTED_S
        doubted = {name: text for name, (at, text) in self._doubted.items() if at > late}
        return {**doubted, **self._rivals.found}

    def _on_joints(
        self, arm: str, reader: ArmReader, jumps: JumpWatch, msg: JointState, info: Any
    ) -> None:
        self._rivals.heard(arm, info)
        self._received[arm] += 1
        try:
            vectors = reader.read(msg.name, msg.position, msg.velocity, msg.effort)
        except JointStateError as error:
            self._refuse(arm, error)
            return
        stamp_s = self._stamp(arm, msg)
        # A simulated world that is set up anew has the arms elsewhere at once.
        if not self._simulated and (jump := jumps.jump(stamp_s, vectors[0])):
            self._refuse(arm, jump)
            if jumps.again:  # one torn reading is left out, and that is that
                self._doubt(arm, jump)
            return
        with self._lock:
            if reader.absent != self._absent[arm]:
                self._absent[arm] = reader.absent
                self._note_absent(arm, reader)
            self._heard.joints[arm].add(stamp_s, vectors)
        self._unusable.pop(arm, None)

    def _note_absent(self, arm: str, reader: ArmReader) -> None:
        self.not_measured = {f'{what} of {a}' for a, them in self._absent.items() for what in them}
        line = f'{arm}: {reader.lacking}; 0 is recorded, and marked'
        if reader.absent and line not in self._told:
            self._told.add(line)
            self.get_logger().warning(line)

    def _on_image(self, name: str, msg: Image, info: Any) -> None:
        self._rivals.heard(name, info)
        self._received[name] += 1
        try:
            frame = rgb(msg)
        except ImageError as error:
            self._refuse(name, error)
            return
        stamp = self._stamp(name, msg)
        # Simulated cameras have no noise, and what stands still looks the same.
        still = 0.0 if self._simulated else self._still[name].of(stamp, frame)
        with self._lock:
            self._heard.frames[name].add(stamp, Picture(frame, still))
        self._unusable.pop(name, None)

    def _on_command(self, msg: Command) -> None:
        self._received[COMMAND] += 1
        action = np.array(msg.action, np.float32)
        if action.shape != (self._dof,):
            self._refuse(COMMAND, f'{action.size} values; expected {self._dof}')
            return
        if not np.isfinite(action).all():
            bad = [self._names[i] for i in np.flatnonzero(~np.isfinite(action))]
            self._refuse(COMMAND, why := f'{", ".join(bad)} is not a finite number')
            self._doubt(COMMAND, why)
            return
        with self._lock:  # by its tick: the clock's jitter in the stamp is not the command's
            self._heard.commands.add(msg.tick / self._rate_hz, action)
        self._unusable.pop(COMMAND, None)

    def _on_base(self, history: History[tuple[float, float]], msg: Odometry) -> None:
        self._received[BASE] += 1
        twist = msg.twist.twist
        if not math.isfinite(twist.linear.x + twist.angular.z):
            self._refuse(BASE, why := 'its velocity is not a finite number')
            self._doubt(BASE, why)
            return
        with self._lock:  # what Interbotix's recorder calls base_action
            history.add(self._stamp(BASE, msg), (twist.linear.x, twist.angular.z))

    def _doubt(self, source: str, why: str) -> None:
        """What a source says is not believed for a while: the open episode is marked."""
        self._doubted[source] = time.monotonic(), why

    def _refuse(self, source: str, why: object) -> None:
        self._unusable[source] = str(why)
        self._dropped[source] += 1
        self.get_logger().warning(f'{source}: {why}', throttle_duration_sec=_QUIET_S)

    def _stamp(self, source: str, msg: Any) -> float:
        """Of a message; its arrival where a driver sets none (in simulation 0 is a time)."""
        stamp = seconds(msg.header.stamp)
        if stamp or self._simulated:
            return stamp
        self.get_logger().warning(
            f'{source}: messages have no stamp; their arrival is taken', throttle_duration_sec=60.0
        )
        return time.time()
