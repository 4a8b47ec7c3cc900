# SPDX-License-Identifier: Apache-2.0
"""The commands of a tick as messages: to the drivers, and for who records or watches."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence

from act_msgs.msg import Chunk as ChunkMsg
from act_msgs.msg import Command
from builtin_interfaces.msg import Time
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from rclpy.node import Node

from act_ros.control.gate import Gate
from act_ros.nodes.shared.command_rivals import CommandRivals
from act_ros.nodes.shared.hardware import Hardware
from act_ros.nodes.shared.refused import Refused
from act_ros.nodes.shared.topics import COMMAND, SENSOR, robot_topic
from act_ros.nodes.shared.watchdog import Watchdog
from act_ros.robot.spec import GripperScale, RobotSpec
from act_ros.robot.types import Chunk, Floats


def to_time(seconds: float) -> Time:
    """ROS time in seconds as a message."""
    whole, nanoseconds = divmod(round(seconds * 1e9), 10**9)
    return Time(sec=whole, nanosec=nanoseconds)


class ArmCommands:
    """Publishes commands (dof,) to the drivers of some arms, in the drivers' own units."""

    def __init__(
        self, node: Node, spec: RobotSpec, arms: Sequence[str], gripper: GripperScale, gate: Gate
    ) -> None:
        """Advertise the topics of `arms`, which are named in the order of the vector, on the node.

        What is sent passes `gate`.
        """
        self._spec, self._gripper, self._gate = spec, gripper, gate
        self.topics: list[str] = []
        self.left_out: Sequence[str] = ()
        """Arms that get nothing."""
        self._arms = []
        for arm in arms:
            topics = [
                robot_topic(node, f'{arm}/commands/{kind}')
                for kind in ('joint_group', 'joint_single')
            ]
            self.topics += topics
            group = node.create_publisher(JointGroupCommand, topics[0], COMMAND)
            single = node.create_publisher(JointSingleCommand, topics[1], COMMAND)
            self._arms.append((arm, group, single))

    def send(self, action: Floats, opening: int | None = None) -> bool:
        """Send joints in rad, and grippers 0..1, which the drivers get in radians; False: the gate is shut.

        `opening`: of the gate, when the action was computed; one from before the last opening is not sent.
        """
        return self._gate.send(lambda: self._publish(action), opening)

    def grip(self, arms: Sequence[str], opening: float) -> bool:
        """Send the grippers of some of the arms to an opening, 0..1, at once; False: the gate is shut."""
        grippers = [single for arm, _, single in self._arms if arm in arms]
        msg = JointSingleCommand(name='gripper', cmd=self._gripper.unit_to_joint(opening))
        return self._gate.send(lambda: [single.publish(msg) for single in grippers])

    def _publish(self, action: Floats) -> None:
        for index, (arm, group, single) in enumerate(self._arms):
            if arm in self.left_out:
                continue
            joints = self._spec.arm_slice(index)
            # An array('f') passes the message's check as a whole, a list number by number.
            group.publish(JointGroupCommand(name='arm', cmd=array('f', action[joints].tobytes())))
            turn = self._gripper.unit_to_joint(float(action[joints.stop]))
            single.publish(JointSingleCommand(name='gripper', cmd=turn))


class CommandOutput:
    """Publishes commands to the followers, `command` and `chunk`. `gate`: what all commands of the process pass."""

    def __init__(self, node: Node, spec: RobotSpec, with_torque: bool = True) -> None:
        """Advertise the topics on the node; `with_torque`: see `permit`."""
        self.spec, self._node = spec, node
        self.gate = Gate()
        followers = [arm.follower for arm in spec.arms]
        self.followers = self.arms(followers, spec.follower_gripper)
        # Simulated leaders may have a hand besides, which commands their drivers.
        self.rivals = CommandRivals(node, self.followers.topics)
        self.hardware: Hardware | None = None
        """What watches the followers' motors; the node that keeps the gate has it."""
        self.with_torque = with_torque
        self._command = node.create_publisher(Command, 'command', COMMAND)
        self._chunk = node.create_publisher(ChunkMsg, 'chunk', SENSOR)

    def arms(self, arms: Sequence[str], gripper: GripperScale) -> ArmCommands:
        """Commands to other arms, through the same gate."""
        return ArmCommands(self._node, self.spec, arms, gripper, self.gate)

    def check_enabling(self, with_torque: bool = True) -> None:
        """Whether the arms may be enabled now. It opens nothing: what opens the gate is `permit`.

        A node that was just made waits a second: until it can know who else commands the arms.

        Args:
            with_torque: whether the motors have to be well; not where they are still set up.

        Raises:
            Refused: they must not be, and why.
        """
        stops = self.gate.stops
        refused = self.gate.refusal() or self.rivals.ask()
        if not refused and with_torque and self.hardware is not None:
            refused = self.hardware.ask()
        # Once more: meanwhile somebody may have stopped the robot, and even reset it.
        if refused := refused or self.gate.refusal():
            raise Refused(refused)
        if self.gate.stops != stops:
            raise Refused(
                'the robot was stopped while this was looked at; if it may move, enable once more'
            )

    def permit(self, with_torque: bool = True) -> None:
        """Open the gate after a fault. Not before what commands the arms has begun anew, from where they are.

        Args:
            with_torque: whether the motors have to be well from now on.
        """
        self.with_torque = with_torque
        self.gate.permit()

    def watchdog(self, fail: Callable[[int], object]) -> Watchdog:
        """What shuts the gate, and ends the process by `fail`, when the thread that commands hangs."""
        return Watchdog(self._node, self.gate, fail)

    def command(
        self, tick: int, stamp_s: float, action: Floats, opening: int | None = None
    ) -> bool:
        """Send a command (dof,): joints in rad, grippers 0..1, which the drivers get in radians.

        Args:
            tick: of the command.
            stamp_s: ROS time of the tick in seconds.
            action: (dof,) what is commanded.
            opening: see `ArmCommands.send`.

        Returns:
            Whether it was sent: the gate may be shut.
        """
        if not self.followers.send(action, opening):
            return False
        msg = Command(tick=tick, action=array('f', action.tobytes()))
        msg.header.stamp = to_time(stamp_s)
        self._command.publish(msg)
        return True

    def leave_out(self, followers: Sequence[str]) -> None:
        """Send nothing to these from now on."""
        self.followers.left_out = followers

    def chunk(self, chunk: Chunk) -> None:
        """Publish a chunk that came in."""
        rows, dof = chunk.actions.shape
        msg = ChunkMsg(tick=chunk.tick, rows=rows, dof=dof, inference_s=chunk.inference_s)
        msg.header.stamp = to_time(chunk.tick / self.spec.rate_hz)
        msg.actions = array('f', chunk.actions.astype('float32').tobytes())
        self._chunk.publish(msg)
