# SPDX-License-Identifier: Apache-2.0
"""Where arms are, for nodes that command them without a camera."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from sensor_msgs.msg import JointState

from act_ros.control.limiter import Limiter
from act_ros.control.ticker import Ticker
from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.diagnostics import Diagnostics, Health, commanding, heard
from act_ros.nodes.shared.times import FUTURE_S, SIM_FUTURE_S, ahead, seconds
from act_ros.nodes.shared.topics import SENSOR, robot_topic
from act_ros.robot.arm_reader import ArmReader, JointStateError
from act_ros.robot.jumps import JumpWatch, jump_watches
from act_ros.robot.spec import GripperScale, RobotSpec
from act_ros.robot.types import Floats

_QUIET_S = 5.0
LASTING_TICKS = 50
"""An arm that is silent for so long is warned of."""


@dataclass
class ArmSource:
    """What has come on an arm's topic, and why the last message could not be used."""

    topic: str
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
        self._sources: dict[str, ArmSource] = {}

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
        self._sources[arm] = ArmSource(topic)
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
        source = self._sources[arm]
        source.received += 1
        try:
            stamp_s = self._stamp(msg)
            pose, _, _ = reader.read(msg.name, msg.position, msg.velocity, msg.effort)
            if jumps and (jump := jumps.jump(stamp_s, pose)):
                if not jumps.settling:
                    raise JointStateError(jump)
                source.note = jump
                return
        except JointStateError as error:
            source.dropped, source.note = source.dropped + 1, str(error)
            self._node.get_logger().warning(f'{arm}: {error}', throttle_duration_sec=_QUIET_S)
            return
        if motor:
            pose[-1] = motor.joint_to_unit(msg.position[msg.name.index('gripper')])
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

    def why(self, arms: Sequence[str]) -> str:
        """Of these arms, with what is wrong with what they send, as far as that is known."""
        notes = {arm: self._sources[arm].note for arm in arms}
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
            found.append(heard(arm, age_s, limit_s, note, values=values))
        return found

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


class Silence:
    """Which arms say nothing, tick by tick. `arms`: those that are silent now."""

    def __init__(self, poses: ArmPoses, watched: Sequence[str]) -> None:
        """Watch these arms."""
        self.watched, self.arms = list(watched), list[str]()
        self._poses, self._ticks = poses, 0

    def look(self, oldest_s: float) -> str:
        """Names of the arms that have said nothing since `oldest_s`, and had at the tick before; ''."""
        known, self.arms = self.arms, self._poses.silent(self.watched, oldest_s)
        self._ticks = self._ticks + 1 if self.arms else 0
        return ', '.join(arm for arm in self.arms if arm not in known)

    @property
    def lasting(self) -> list[str]:
        """The same as `arms`, if that has lasted: at the start all are silent, for a moment."""
        return self.arms if self._ticks >= LASTING_TICKS else []
