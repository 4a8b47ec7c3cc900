# SPDX-License-Identifier: Apache-2.0
"""Camera nodes and joint-state node together: what the loop knows of the robot at a tick."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from rclpy.node import Node

from act_ros.control.tick_inputs import JOINTS, TickInputs
from act_ros.nodes.policy.camera import CameraNode, Size, Snapshot
from act_ros.nodes.shared.joint_state import JointSample, JointStateNode
from act_ros.policy.config import PolicyConfig
from act_ros.robot.spec import RobotSpec
from act_ros.robot.types import Observation


@dataclass(frozen=True)
class RobotView:
    """The newest of everything at one moment."""

    joints: JointSample | None
    cameras: Mapping[str, Snapshot]
    inputs: TickInputs

    def observation(self, config: PolicyConfig) -> Observation | None:
        """What a policy is given, or None while a part of it is missing."""
        if self.joints is None or any(name not in self.cameras for name in config.cameras):
            return None
        seen = {name: self.cameras[name] for name in config.cameras}
        if any(config.image_size not in shot.frames for shot in seen.values()):
            return None
        joints = self.joints
        return Observation(
            stamp_s=joints.stamp_s,
            qpos=joints.qpos,
            qvel=joints.qvel,
            effort=joints.effort,
            images={name: shot.frames[config.image_size] for name, shot in seen.items()},
            image_stamps_s={name: shot.stamp_s for name, shot in seen.items()},
        )

    def same_moment(self, cameras: Iterable[str]) -> float | None:
        """The stamp that joint states and these cameras share, as in lockstep; else None."""
        if self.joints is None:
            return None
        stamp_s = self.joints.stamp_s
        shots = [self.cameras.get(name) for name in cameras]
        return stamp_s if all(shot and shot.stamp_s == stamp_s for shot in shots) else None


class Observer:
    """Makes and holds the input nodes. `changed` is set at every usable message."""

    def __init__(
        self,
        owner: Node,
        spec: RobotSpec,
        now: Callable[[], float | None],
        future_s: float,
        simulated: bool,
    ) -> None:
        """Subscribe to the joint states, in the owner's namespace; cameras come with `watch`.

        What is stamped more than `future_s` seconds ahead of `now` is refused. A `simulated` arm may be elsewhere at
        once: its world is set up anew.
        """
        self.changed = threading.Event()
        self._spec, self._now = spec, now
        self._options = {'context': owner.context, 'namespace': owner.get_namespace()}
        self.joints = JointStateNode(spec, now, self.changed.set, True, **self._options)
        self.joints.future_s = self._future_s = future_s
        self.simulated = self.joints.simulated = simulated
        self.cameras: dict[str, CameraNode] = {}

    def watch(self, cameras: Iterable[str], size: Size) -> list[CameraNode]:
        """See to it that these cameras' frames come in this size; returns the new nodes."""
        new = []
        for name in cameras:
            if name in self.cameras:
                node = self.cameras[name]
                node.sizes = node.sizes | {size}
                continue
            camera = self._spec.cameras[name]
            node = CameraNode(camera, {size}, self._now, self.changed.set, **self._options)
            node.future_s, node.simulated = self._future_s, self.joints.simulated
            self.cameras = {**self.cameras, name: node}
            new.append(node)
        return new

    def keep(self, cameras: Iterable[str], size: Size) -> list[CameraNode]:
        """Keep these cameras, in this size only; returns the nodes of the others, now unused."""
        wanted = set(cameras)
        unused = [node for name, node in self.cameras.items() if name not in wanted]
        self.cameras = {name: node for name, node in self.cameras.items() if name in wanted}
        for node in self.cameras.values():
            node.sizes = frozenset({size})
        return unused

    def sources(self) -> dict[str, JointStateNode | CameraNode]:
        """The input nodes by the names that the runtime calls them."""
        return {JOINTS: self.joints, **self.cameras}

    def sight(self) -> RobotView:
        """The newest of everything."""
        joints = self.joints.newest
        shots = {name: node.newest for name, node in self.cameras.items()}
        cameras = {name: shot for name, shot in shots.items() if shot is not None}
        sources = self.sources().items()
        notes = {name: note for name, node in sources if (note := node.note)}
        contested = {name: why for name, node in sources if (why := node.contested)}
        rivals = {name: why for name, node in sources if (why := node.rivals)}
        inputs = TickInputs(
            qpos=None if joints is None else joints.qpos,
            stamp_s=0.0 if joints is None else joints.stamp_s,
            image_stamps_s={name: shot.stamp_s for name, shot in cameras.items()},
            notes=notes,
            contested=contested,
            rivals=rivals,
        )
        return RobotView(joints, cameras, inputs)

    def forget(self, before_s: float) -> None:
        """Drop what was seen before a ROS time: it is of another world."""
        for node in self.sources().values():
            node.forget(before_s)

    def restart(self) -> None:
        """Drop everything: ROS time itself has changed."""
        for node in self.sources().values():
            node.restart()

    def topic(self, name: str) -> str:
        """The topic of an input by its name in the runtime."""
        if name == JOINTS:
            return ', '.join(self.joints.topics.values())
        return self.cameras[name].topic if name in self.cameras else name
