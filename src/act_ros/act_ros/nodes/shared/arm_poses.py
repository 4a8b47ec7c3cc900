# SPDX-License-Identifier: Apache-2.0
"""Where arms are, for nodes that command them without a camera."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from sensor_msgs.msg import JointState

from act_ros.control.limiter import Limiter
from act_ros.control.ticker import Ticker
from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.diagnostics import Diagnostics, Health, commanding, heard
from act_ros.nodes.shared.rivals import Rivals
from act_ros.nodes.shared.times import FUTURE_S, SIM_FUTURE_S, ahead, seconds
from act_ros.nodes.shared.topics import SENSOR, robot_topic
from act_ros.robot.arm_reader import ArmReader, JointStateError
from act_ros.robot.jumps import JumpWatch, hand_watches, jump_watches, leader_watches
from act_ros.robot.spec import GripperScale, RobotSpec
from act_ros.robot.types import Floats

_QUIET_S = 5.0


@dataclass
class ArmSource:
    """What has come on an arm's topic, and why the last message could not be used.

    `motor`: scale of a leader's gripper motor, by which its hand is told. `jumps`: what notices poses that cannot be;
    `led`: the same for who commands a leader: no hand moves it then, so less is believed; `doubt`: what that one says.
    """

    topic: str
    reader: ArmReader
    motor: GripperScale | None = None
    jumps: JumpWatch | None = None
    led: JumpWatch | None = None
    doubt: str = ''
    received: int = 0
    dropped: int = 0
    note: str = ''


class ArmPoses:
    """The arms' last joint states, as poses: joints, then the gripper. Safe to ask from any thread."""

    def __init__(self, node: BaseNode, now: Callable[[], float | None], simulated: bool) -> None:
        """Listen on `node`; `now` is ROS time, which a message has whose driver sets no stamp.

        A `simulated` arm may be elsewhere at once: its world is set up anew.
        """
        self._node, self._now, self._lock = node, now, threading.Lock()
        self._simulated = simulated
        self._future_s = SIM_FUTURE_S if simulated else FUTURE_S
        self._poses: dict[str, tuple[float, Floats]] = {}
        self._led: dict[str, tuple[float, Floats]] = {}
        self._sources: dict[str, ArmSource] = {}
        self._topics: dict[str, str] = {}
        self._rivals = Rivals(node, self._topics)

    def follow(self, spec: RobotSpec) -> None:
        """Hear the followers, whose poses commands begin at: one that no arm can have is not taken."""
        jumps = {} if self._simulated else jump_watches(spec, commands=True)
        for arm in spec.arms:
            reader = ArmReader(spec.joints, spec.follower_gripper)
            self._listen(arm.follower, reader, None, jumps.get(arm.follower))

    def lead(self, spec: RobotSpec) -> None:
        """Hear the leaders, too. What a leader's hand is told by is its motor, not its fingers.

        What no hand can do to a leader is not taken. Where leaders are commanded, see `led`.
        """
        jumps = {} if self._simulated else hand_watches(spec)
        led = {} if self._simulated else leader_watches(spec)
        for arm in spec.arms:
            name, reader = arm.leader, ArmReader(spec.joints, spec.leader_gripper)
            self._listen(name, reader, spec.leader_gripper, jumps.get(name), led.get(name))

    def _listen(
        self,
        arm: str,
        reader: ArmReader,
        motor: GripperScale | None,
        jumps: JumpWatch | None,
        led: JumpWatch | None = None,
    ) -> None:
        topic = self._topics[arm] = robot_topic(self._node, f'{arm}/joint_states')
        self._sources[arm] = ArmSource(topic, reader, motor, jumps, led)
        receive = partial(self._on_state, arm)
        self._node.create_subscription(JointState, topic, receive, SENSOR)

    def _on_state(self, arm: str, msg: JointState, info: Mapping[str, int | None]) -> None:
        source = self._sources[arm]
        source.received += 1
        self._rivals.heard(arm, info)
        try:
            stamp_s = self._stamp(msg)
            pose = _read(source, msg)
            source.doubt = source.led.jump(stamp_s, pose) if source.led else ''
            if not source.doubt:
                with self._lock:
                    self._led[arm] = stamp_s, pose
            jumps = source.jumps
            if jumps and (jump := jumps.jump(stamp_s, pose)):
                if not jumps.settling:
                    raise JointStateError(jump)
                source.note = jump
                return
        except JointStateError as error:
            source.dropped, source.note = source.dropped + 1, str(error)
            self._node.get_logger().warning(f'{arm}: {error}', throttle_duration_sec=_QUIET_S)
            return
        with self._lock:
            self._poses[arm] = stamp_s, pose
            source.note = ''

    def _stamp(self, msg: JointState) -> float:
        now = self._now()
        stamp_s = seconds(msg.header.stamp) or now or 0.0
        if why := ahead(stamp_s, now, self._future_s):
            raise JointStateError(why)
        return stamp_s

    def forget(self) -> None:
        """Drop what was heard: the clock has jumped."""
        with self._lock:
            self._poses = {arm: pose for arm, pose in self._poses.items() if pose[0] == math.inf}
            self._led = {}

    def why(self, arms: Sequence[str]) -> str:
        """Of these arms, with what is wrong with what they send, as far as that is known."""
        found = self._rivals.found
        notes = {arm: found.get(arm, '') or self._sources[arm].note for arm in arms}
        return ', '.join(f'{arm} ({note})' if note else arm for arm, note in notes.items())

    def report(
        self, ticker: Ticker, limiter: Limiter, active: Callable[[], bool], limit_s: float
    ) -> None:
        """Say on `/diagnostics` how the node's loop and the arms are that it commands while it is `active`."""

        def tell() -> list[Health]:
            loop = self._node.get_name(), ticker.cadence, limiter, active()
            return commanding(*loop, self.health(limit_s))

        Diagnostics(self._node, tell)

    def health(self, limit_s: float) -> list[Health]:
        """How each arm is; a pose older than `limit_s` is of no use."""
        with self._lock:
            poses = dict(self._poses)
        found, now_s = [], self._now()
        for arm, source in self._sources.items():
            age_s = None if arm not in poses or now_s is None else now_s - poses[arm][0]
            note = self._node.qos.why(source.topic) or source.note
            values = {
                'topic': source.topic,
                'received': source.received,
                'dropped': source.dropped,
            }
            found.append(heard(arm, age_s, limit_s, note, self._rivals.found.get(arm, ''), values))
        return found

    def take_for(self, arm: str, pose: Floats) -> None:
        """Let a silent arm count as one that stands at a pose."""
        with self._lock:
            self._poses[arm] = math.inf, pose

    def pose(self, arms: Sequence[str], oldest_s: float) -> Floats | None:
        """The pose (dof,) of these arms; None if one has said nothing since `oldest_s` (ROS time), or is contested."""
        return self._whole(self._poses, arms, oldest_s)

    def led(self, arms: Sequence[str], oldest_s: float) -> Floats | None:
        """The same of leaders that are commanded: what their motors cannot have done is not taken, either."""
        return self._whole(self._led, arms, oldest_s)

    def doubts(self, arms: Sequence[str]) -> str:
        """Why these leaders are not commanded from where they are said to be, with their names; ''."""
        found = [f'{arm}: {self._sources[arm].doubt}' for arm in arms if self._sources[arm].doubt]
        return '; '.join(found)

    def contested(self, arms: Sequence[str]) -> str:
        """Which of these arms' joint states several nodes publish, as a sentence; ''."""
        return '; '.join(self._contested(arms).values())

    def silent(self, arms: Sequence[str], oldest_s: float = -math.inf) -> list[str]:
        """Which of these arms have said nothing that counts since `oldest_s`, or ever."""
        with self._lock:
            known = {arm: self._poses.get(arm) for arm in arms}
        contested = self._contested(arms) if oldest_s > -math.inf else {}
        return [
            arm
            for arm, pose in known.items()
            if pose is None or pose[0] < oldest_s or arm in contested
        ]

    def _contested(self, arms: Sequence[str]) -> dict[str, str]:
        """By arm; not those that others are led without."""
        found = self._rivals.found
        if not found:  # as ever; this is asked several times a tick
            return {}
        with self._lock:
            left_out = {arm for arm, pose in self._poses.items() if pose[0] == math.inf}
        return {arm: found[arm] for arm in arms if arm in found and arm not in left_out}

    def _whole(
        self, poses: dict[str, tuple[float, Floats]], arms: Sequence[str], oldest_s: float
    ) -> Floats | None:
        if self._contested(arms):
            return None
        with self._lock:
            known = [poses.get(arm) for arm in arms]
        fresh = [pose for stamp_s, pose in filter(None, known) if stamp_s >= oldest_s]
        return np.concatenate(fresh) if len(fresh) == len(arms) else None


def _read(source: ArmSource, msg: JointState) -> Floats:
    """The pose (7,) of a message.

    Raises:
        JointStateError: it has not all of it, or a value that is no number.
    """
    pose, _, _ = source.reader.read(msg.name, msg.position, msg.velocity, msg.effort)
    if source.motor:
        with np.errstate(over='ignore'):  # too large for float32: infinite, and refused
            pose[-1] = source.motor.joint_to_unit(msg.position[msg.name.index('gripper')])
        if not math.isfinite(pose[-1]):
            raise JointStateError("position of the gripper's motor is not a finite number")
    return pose
