# SPDX-License-Identifier: Apache-2.0
"""The followers' joint states as one 14-vector, its entries found by joint name."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState

from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.diagnostics import Health, heard
from act_ros.nodes.shared.rivals import Rivals
from act_ros.nodes.shared.times import FUTURE_S, ahead, seconds
from act_ros.nodes.shared.topics import SENSOR, robot_topic
from act_ros.robot.arm_reader import ArmReader, JointStateError
from act_ros.robot.jumps import CONTESTED_S, jump_watches
from act_ros.robot.spec import RobotSpec
from act_ros.robot.types import Floats

_QUIET_S = 5.0


@dataclass(frozen=True)
class ArmSample:
    """One arm's (7,) position, velocity and effort, gripper last; stamp in seconds of ROS time."""

    stamp_s: float
    qpos: Floats
    qvel: Floats
    effort: Floats


@dataclass(frozen=True)
class JointSample:
    """All arms' (dof,) position, velocity and effort; the stamp is that of the older arm."""

    stamp_s: float
    qpos: Floats
    qvel: Floats
    effort: Floats


class JointStateNode(BaseNode):
    """Keeps the newest joint states of all followers; says why a message cannot be used."""

    def __init__(
        self,
        spec: RobotSpec,
        now: Callable[[], float | None],
        arrived: Callable[[], object] = lambda: None,
        commands: bool = False,
        **options: Any,
    ) -> None:
        """Subscribe to the followers' joint states.

        Args:
            spec: the robot.
            now: ROS time in seconds, None while it isn't known.
            arrived: called after each usable message.
            commands: whether the arms are commanded by it (see `JumpWatch`).
            options: of the node, such as its namespace.
        """
        super().__init__(
            'joint_state',
            parameter_overrides=[Parameter('use_sim_time', value=False)],
            start_parameter_services=False,
            **options,
        )
        self._counts = {arm.follower: {'received': 0, 'dropped': 0} for arm in spec.arms}
        self.future_s = FUTURE_S
        self.simulated = False
        self._now, self._arrived = now, arrived
        self._not_before_s = -float('inf')
        self._arms = [arm.follower for arm in spec.arms]
        self.topics = {arm: robot_topic(self, f'{arm}/joint_states') for arm in self._arms}
        self._notes: dict[str, str] = {}
        self._jumped: dict[str, tuple[float, str]] = {}
        self._samples: dict[str, ArmSample] = {}
        self._told: set[str] = set()
        self._rivals = Rivals(self, self.topics)
        self._jumps = jump_watches(spec, commands)
        for arm, topic in self.topics.items():
            reader = ArmReader(spec.joints, spec.follower_gripper)
            self.create_subscription(
                JointState, topic, partial(self._on_state, arm, reader), SENSOR
            )

    @property
    def newest(self) -> JointSample | None:
        """The newest (dof,) vectors, or None until every arm has been heard."""
        samples = self._samples
        arms = [samples.get(arm) for arm in self._arms]
        if None in arms:
            return None
        known = [arm for arm in arms if arm is not None]
        return JointSample(
            min(arm.stamp_s for arm in known),
            np.concatenate([arm.qpos for arm in known]),
            np.concatenate([arm.qvel for arm in known]),
            np.concatenate([arm.effort for arm in known]),
        )

    @property
    def note(self) -> str:
        """What is wrong: arms that were never heard, and why messages could not be used."""
        notes, samples = dict(self._notes), self._samples
        silent = [
            self.topics[arm] for arm in self._arms if arm not in samples and arm not in notes
        ]
        lines = [f'{self.topics[arm]}: {note}' for arm, note in notes.items()]
        return '; '.join([*lines, *([f'silent: {", ".join(silent)}'] if silent else [])])

    @property
    def received(self) -> int:
        """How many messages came, of all arms."""
        return sum(counts['received'] for counts in self._counts.values())

    @property
    def contested(self) -> str:
        """Why what comes cannot be believed: several publishers, or poses that no arm can reach; or ''."""
        return '; '.join(filter(None, map(self._doubt, self._arms)))

    @property
    def rivals(self) -> str:
        """Who else has published for a while what should come from one driver, or ''."""
        return '; '.join(self._rivals.lasting.values())

    def _doubt(self, arm: str) -> str:
        """Why what comes of an arm cannot be believed, or ''."""
        at, jump = self._jumped.get(arm, (-math.inf, ''))
        jumps = time.monotonic() - at <= CONTESTED_S
        return self._rivals.found.get(arm, '') or (jump if jumps else '')

    def health(self, now_s: float | None, limit_s: float) -> list[Health]:
        """How each arm is at a ROS time; joint states older than `limit_s` are of no use."""
        found = []
        for arm, topic in self.topics.items():
            sample = self._samples.get(arm)
            age_s = None if sample is None or now_s is None else now_s - sample.stamp_s
            note = self.qos.why(topic) or self._notes.get(arm, '')
            values = {'topic': topic, **self._counts[arm]}
            found.append(heard(arm, age_s, limit_s, note, self._doubt(arm), values))
        return found

    def forget(self, before_s: float) -> None:
        """Drop what was seen before a ROS time: it is of another world."""
        self._not_before_s = before_s
        self._samples = {a: s for a, s in self._samples.items() if s.stamp_s >= before_s}

    def restart(self) -> None:
        """Drop everything: ROS time itself has changed."""
        self._not_before_s = -float('inf')
        self._samples = {}

    def _on_state(
        self, arm: str, reader: ArmReader, msg: JointState, info: dict[str, int | None]
    ) -> None:
        counts = self._counts[arm]
        counts['received'] += 1
        self._rivals.heard(arm, info)
        try:
            stamp_s = self._stamp(arm, msg)
            if stamp_s < self._not_before_s:
                return
            vectors = reader.read(msg.name, msg.position, msg.velocity, msg.effort)
            if settling := self._look_for_jump(arm, stamp_s, vectors[0]):
                self._notes[arm] = settling
                return
        except JointStateError as error:
            counts['dropped'] += 1
            self._notes[arm] = str(error)
            self.get_logger().warning(
                f'{self.topics[arm]}: {error}; {counts["dropped"]} of {counts["received"]} dropped',
                throttle_duration_sec=_QUIET_S,
            )
            return
        if reader.absent:
            self._tell(arm, f'{reader.lacking}; taken as 0')
        self._notes.pop(arm, None)
        self._samples[arm] = ArmSample(stamp_s, *vectors)
        self._arrived()

    def _look_for_jump(self, arm: str, stamp_s: float, qpos: Floats) -> str:
        """Why a pose has to wait for others that agree with it; JointStateError where it cannot be."""
        if self.simulated:  # a world that is set up anew has the arms elsewhere at once
            return ''
        watch = self._jumps[arm]
        if jump := watch.jump(stamp_s, qpos):
            if watch.settling:
                return jump
            if watch.again:  # one torn reading is left out, and that is that
                self._jumped[arm] = time.monotonic(), f'{self.topics[arm]}: {jump}'
            raise JointStateError(jump)
        return ''

    def _stamp(self, arm: str, msg: JointState) -> float:
        now = self._now()
        stamp_s = seconds(msg.header.stamp)
        if stamp_s == 0.0 and now is not None:
            if now > 1.0:  # the first moments of a simulation are truly 0
                self._tell(arm, 'joint states have no stamp; their arrival is taken')
            return now
        if why := ahead(stamp_s, now, self.future_s):
            raise JointStateError(why)
        return stamp_s

    def _tell(self, arm: str, text: str) -> None:
        """Warn once."""
        line = f'{self.topics[arm]}: {text}'
        if line not in self._told:
            self._told.add(line)
            self.get_logger().warning(line)
