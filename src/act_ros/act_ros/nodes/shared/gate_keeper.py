# SPDX-License-Identifier: Apache-2.0
"""What shuts the gate of a node that commands arms: a node beside it, with a thread and an executor of its own.

So it acts within a tick where the other's executor is busy, its loop hangs, or its network does.
"""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node
from sensor_msgs.msg import Joy

from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.commands import CommandOutput
from act_ros.nodes.shared.diagnostics import ERROR, OK, Diagnostics, Health
from act_ros.nodes.shared.hardware import PERIOD_S, Hardware
from act_ros.nodes.shared.parameters import Param
from act_ros.nodes.shared.stop_line import StopLine
from act_ros.nodes.shared.times import steady
from act_ros.nodes.shared.topics import COMMAND, SENSOR

STOP_PARAMETERS = (
    Param('stop_joy', '', 'Topic of a joystick or pedal (sensor_msgs/Joy) with a button that stops the arms; empty: none.'),
    Param('stop_button', 0, 'Which of its buttons, from 0 on.', 0, 255),
    Param('stop_hold', False, 'The button has to be held: letting it go, or 0.5 s without a message, stops the arms.'),
)  # fmt: skip
ANSWER_S = 1.5
"""Patience with a tick that is running, before a stop is reset; a synchronous one of a policy takes up to a second."""
LOOK_S, ACTIVE_S = 0.5, 1.0
"""How often rivals are looked for, and for how long after a command of our own."""


class GateKeeper(BaseNode):
    """`NODE_gate`: serves `NODE/stop` and `NODE/stop_reset`, hears `stop` and a button, looks for rivals and at motors."""

    def __init__(
        self,
        owner: Node,
        output: CommandOutput,
        disarm: Callable[[], bool],
        changed: Callable[[], object] = lambda: None,
    ) -> None:
        """Keep the gate of `output`; `owner` has `STOP_PARAMETERS`. For the rest see `StopLine`.

        Raises:
            ValueError: a button is to be held, and none is named.
        """
        # Its own clock is the system's, and no parameter is for it: it need not hear of either.
        super().__init__(
            f'{owner.get_name()}_gate',
            namespace=owner.get_namespace(),
            context=owner.context,
            use_global_arguments=False,
            start_parameter_services=False,
        )
        self._output, self._gate = output, output.gate
        self._line = StopLine(self, output.gate, disarm, changed)
        self._line.serve(owner.get_fully_qualified_name())
        self.create_timer(LOOK_S, self._look)
        spec = output.spec
        followers = [arm.follower for arm in spec.arms]
        simulated = bool(owner.get_parameter('use_sim_time').value)
        output.hardware = self._hardware = Hardware(
            self, followers, spec.joints, self._fail, simulated
        )
        self.create_timer(PERIOD_S, self._look_at_motors)
        Diagnostics(self, self._health, owner.get_name())
        self._button = int(owner.get_parameter('stop_button').value)
        self._hold = bool(owner.get_parameter('stop_hold').value)
        topic = str(owner.get_parameter('stop_joy').value)
        if self._hold and not topic:
            raise ValueError(
                'stop_hold is true and stop_joy is empty; name the topic of the button that is to be held'
            )
        if topic:
            for quality in (COMMAND, SENSOR):
                self.create_subscription(Joy, topic, self._on_joy, quality)
            self._button_name = f'button {self._button} of {self.resolve_topic_name(topic)}'
            if self._hold:
                self._gate.require(self._button_name)

    def _health(self) -> list[Health]:
        why = self._gate.why
        return [Health('gate', ERROR if why else OK, why or 'open: commands may go out')]

    def _on_joy(self, msg: Joy) -> None:
        there = self._button < len(msg.buttons)
        down = there and bool(msg.buttons[self._button])
        if self._hold:
            self._gate.held(down)
        elif down and not self._gate.stopped_by:
            self._line.stop(self._button_name)
        if not there:
            self.get_logger().error(
                f'there is no {self._button_name}, only {len(msg.buttons)} buttons: it cannot stop the arms',
                throttle_duration_sec=5.0,
            )

    def _look(self) -> None:
        """While this process commands the arms, nobody else may: else both would move them in turns."""
        if self._idle():
            return
        if rivals := self._output.rivals.look():
            self._fail(rivals)

    def _look_at_motors(self) -> None:
        """While this process commands the arms: a motor in error, or without torque, does not follow."""
        if self._output.with_torque and not self._idle():
            self._hardware.look()

    def _idle(self) -> bool:
        return bool(self._gate.fault) or steady() - self._gate.passed_at > ACTIVE_S

    def _fail(self, why: str) -> None:
        self._gate.block(f'{why}, then enable again')
        self.get_logger().error(f'NOTHING IS COMMANDED any more: {why}')
