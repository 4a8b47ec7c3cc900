# SPDX-License-Identifier: Apache-2.0
"""Hears what a policy's loop does, from outside: commands, what led to them, and what the nodes say of themselves."""

from __future__ import annotations

import time
from functools import partial

import numpy as np
from act_msgs.msg import Chunk, PolicyState, SimState
from diagnostic_msgs.msg import DiagnosticArray
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState

from act_ros.robot.spec import RobotSpec

TICK = ('commands_out.percentile_99', 'execution_time.percentile_99', 'execution_time.max')
"""What the policy node says on /diagnostics of how long its ticks take."""


class Observer(Node):
    """Keeps the stamps of all commands, and what the nodes say of themselves."""

    def __init__(self, namespace: str) -> None:
        """Subscribe, in the robot's namespace; commands are kept from `begin` on."""
        super().__init__('control_loop_benchmark')
        self.on = False
        self.stamps: dict[str, list[tuple[int, int]]] = {}
        self.joints: dict[str, list[int]] = {}  # when they were sent, by the topic they lead to
        self.chunks: list[int] = []  # ticks of their observations
        self.ticks_us: list[list[float]] = []  # `TICK`, each second, of the ticks of the last five
        self.policy: list[PolicyState] = []
        self.sim: list[SimState] = []
        prefix = f'/{namespace.strip("/")}'.rstrip('/')
        for arm in RobotSpec.load().arms:
            for kind, message in (
                ('joint_group', JointGroupCommand),
                ('joint_single', JointSingleCommand),
            ):
                topic = f'{prefix}/{arm.follower}/commands/{kind}'
                self.stamps[topic] = []
                # Untouched bytes: this process shall not take the time of those it measures.
                self.create_subscription(
                    message, topic, partial(self._command, topic), 50, raw=True
                )
            leads_to = f'{prefix}/{arm.follower}/commands/joint_group'
            self.joints[leads_to] = []
            heard = partial(self._joint_state, leads_to)
            joints = f'{prefix}/{arm.follower}/joint_states'
            self.create_subscription(JointState, joints, heard, 50, raw=True)
        seen = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
        self.create_subscription(Chunk, f'{prefix}/act/chunk', self._chunk, seen)
        self._loop = f'{prefix}/act/policy: control loop'.strip('/')
        self.create_subscription(DiagnosticArray, '/diagnostics', self._health, 50)
        latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(
            PolicyState, f'{prefix}/act/policy_state', self.policy.append, latched
        )
        self.create_subscription(SimState, f'{prefix}/act/sim_state', self.sim.append, latched)

    def _command(self, topic: str, _: bytes, info: dict[str, int]) -> None:
        if self.on:
            received = info.get('received_timestamp') or time.time_ns()
            self.stamps[topic].append((info['source_timestamp'], received))

    def _joint_state(self, leads_to: str, _: bytes, info: dict[str, int]) -> None:
        if self.on:
            self.joints[leads_to].append(info['source_timestamp'])

    def _chunk(self, msg: Chunk) -> None:
        self.chunks.append(msg.tick)

    def _health(self, msg: DiagnosticArray) -> None:
        for status in msg.status:
            if status.name == self._loop:
                values = {value.key: value.value for value in status.values}
                self.ticks_us.append([float(values.get(f'{name} [us]', 'nan')) for name in TICK])

    def delays_ms(self) -> np.ndarray:
        """From each arm's newest joint state to the command that was sent next, both as they were sent."""
        delays = []
        for topic, joints in self.joints.items():
            sent, known = np.array(self.stamps[topic])[:, 0], np.sort(joints)
            before = np.searchsorted(known, sent) - 1
            delays.append((sent - known[before])[before >= 0])
        return np.concatenate(delays) * 1e-6

    def begin(self) -> None:
        """Forget what was before."""
        for stamps in (*self.stamps.values(), *self.joints.values()):
            stamps.clear()
        self.chunks.clear()
        self.ticks_us.clear()
        self.policy.clear()
        self.sim.clear()
        self.on = True
