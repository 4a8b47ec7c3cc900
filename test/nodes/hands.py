# SPDX-License-Identifier: Apache-2.0
"""An operator for tests: has hands on the simulated leaders, through their drivers, as nothing else can."""

from __future__ import annotations

from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from interbotix_xs_msgs.srv import OperatingModes, TorqueEnable

from act_ros.robot.spec import RobotSpec


class Hands:
    """A hand on each leader. What they hold obeys them: a hand is stronger than gravity compensation."""

    def __init__(self, node, call) -> None:
        """`call(kind, name, request)` calls a service and returns its answer."""
        self._call, spec = call, RobotSpec.load()
        self._leaders, self._scale = [arm.leader for arm in spec.arms], spec.leader_gripper
        topic = '/{}/commands/joint_{}'
        self._group = {
            a: node.create_publisher(JointGroupCommand, topic.format(a, 'group'), 1)
            for a in self._leaders
        }
        self._single = {
            a: node.create_publisher(JointSingleCommand, topic.format(a, 'single'), 1)
            for a in self._leaders
        }

    def grip(self, *openings: float) -> None:
        """Bring the grippers, in the robot's order, to an opening (0..1) each."""
        for arm, opening in zip(self._leaders, openings, strict=True):
            self._take(arm, 'single', 'gripper')
            turn = self._scale.unit_to_joint(opening)
            self._single[arm].publish(JointSingleCommand(name='gripper', cmd=turn))

    def move(self, arm: str, joints) -> None:
        """Bring a leader to a pose (6,)."""
        self._take(arm, 'group', 'arm')
        self._group[arm].publish(
            JointGroupCommand(name='arm', cmd=[float(joint) for joint in joints])
        )

    def let_go(self) -> None:
        """The grippers move no more by these hands."""
        for arm in self._leaders:
            request = TorqueEnable.Request(cmd_type='single', name='gripper', enable=False)
            self._call(TorqueEnable, f'/{arm}/torque_enable', request)

    def _take(self, arm: str, kind: str, name: str) -> None:
        request = OperatingModes.Request(
            cmd_type=kind, name=name, mode='position', profile_type='velocity'
        )
        self._call(OperatingModes, f'/{arm}/set_operating_modes', request)
