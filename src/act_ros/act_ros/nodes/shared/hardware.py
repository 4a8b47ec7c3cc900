# SPDX-License-Identifier: Apache-2.0
"""What the motors of arms say of themselves, before they are commanded and meanwhile: hardware errors, and torque.

The drivers publish neither. So their registers are asked for, one of one motor at a time: a driver is busy for 1 to
2 ms with each, and sends no commands on meanwhile.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from interbotix_xs_msgs.srv import RegisterValues
from rclpy.node import Node

from act_ros.nodes.shared.driver_client import (
    ERRORS,
    MODE,
    PROFILES,
    SIMULATED,
    TORQUE,
    is_simulated,
)
from act_ros.nodes.shared.times import steady
from act_ros.nodes.shared.topics import robot_topic

PERIOD_S = 0.1
"""A register of each arm is read so often; all seven motors in 1.4 s."""
ASK_S, LATE_S = 0.6, 2.0
"""Patience with the answers before enabling, and with one that may be lost."""
MISSING = 50
"""A driver without the service is told of after so many looks: discovery takes its time."""
GRIPPER, ALL = 'gripper', 'all'
ERROR_BITS = {1: 'voltage', 4: 'heat', 8: 'encoder', 16: 'electrical shock', 32: 'overload'}


def hardware_error(value: int) -> str:
    """What a value of the register Hardware_Error_Status says, in words."""
    words = [word for bit, word in ERROR_BITS.items() if value & bit]
    return f'{", ".join(words) or "unknown"}; register {ERRORS} is {value}'


class Hardware:
    """Asks the drivers of some arms, without waiting for them but in `ask`."""

    def __init__(
        self,
        node: Node,
        arms: Sequence[str],
        joints: Sequence[str],
        found: Callable[[str], object],
    ) -> None:
        """Ask on `node`, whose thread calls `look`; `found` is called with what is wrong with a motor."""
        self._log, self._found = node.get_logger(), found
        self._motors = [*joints, GRIPPER]
        self._arms = [_Arm(node, arm, self._motors) for arm in arms]

    def look(self) -> None:
        """Read the next register of each arm; to be called every `PERIOD_S` while the arms are commanded."""
        for arm in self._arms:
            if not arm.client.service_is_ready():
                arm.missing += 1
                if arm.missing == MISSING:
                    self._log.warning(
                        f'the driver of {arm.name} has no get_motor_registers: hardware errors and torque of that arm '
                        'are not watched'
                    )
            elif not arm.simulated and steady() > arm.asked_at + LATE_S:
                motor, register = arm.turns[0]
                arm.asked_at = steady()
                arm.read(motor, register, partial(self._on_values, arm, motor, register))

    def ask(self) -> str:
        """What is wrong with the motors now, for a person, or ''; waits for the drivers, but not for long."""
        ready = [arm for arm in self._arms if not arm.simulated and arm.client.service_is_ready()]
        answers: dict[tuple[str, str], Sequence[int]] = {}
        for arm in ready:
            for register in (ERRORS, TORQUE):
                arm.read(ALL, register, partial(answers.__setitem__, (arm.name, register)))
        end = steady() + ASK_S
        while len(answers) < 2 * len(ready) and steady() < end:
            time.sleep(0.005)
        found = []
        for (name, register), values in sorted(answers.items()):
            for motor, value in zip(self._motors, values, strict=False):
                found.append(problem(name, motor, register, value))
        return '; '.join(filter(None, found))

    def _on_values(self, arm: _Arm, motor: str, register: str, values: Sequence[int]) -> None:
        """The answer for one motor; an empty one is asked for again, and then it is said."""
        arm.asked_at = -float('inf')
        if values:
            arm.empty = 0
            arm.turns.rotate(-1)
            if why := problem(arm.name, motor, register, values[0]):
                self._found(why)
            return
        arm.empty += 1
        if arm.empty == 1:
            self._recognize(arm)
        elif arm.empty > 2 and arm.known_real:
            arm.empty = 0
            self._found(
                f'{arm.name}/{motor} does not answer its driver: look at its cable and its power'
            )

    def _recognize(self, arm: _Arm) -> None:
        """A driver that knows no register: a simulated one, or motors that do not answer."""
        answers: dict[str, Sequence[int]] = {}

        def take(register: str, values: Sequence[int]) -> None:
            answers[register] = values
            if len(answers) == 5:
                arm.simulated = is_simulated(lambda name: answers[name])
                arm.known_real = not arm.simulated
                if arm.simulated:
                    self._log.warning(f'{arm.name} {SIMULATED}')

        for register in (ERRORS, TORQUE, MODE, *PROFILES):
            arm.read(ALL, register, partial(take, register))


class _Arm:
    """A driver that is asked."""

    def __init__(self, node: Node, name: str, motors: Sequence[str]) -> None:
        self.name = name
        topic = robot_topic(node, f'{name}/get_motor_registers')
        self.client: Any = node.create_client(RegisterValues, topic)
        self.turns = deque((motor, register) for register in (ERRORS, TORQUE) for motor in motors)
        self.asked_at = -float('inf')
        self.simulated = self.known_real = False
        self.empty = self.missing = 0
        self._pending: Any = None

    def read(self, motor: str, register: str, take: Callable[[Sequence[int]], object]) -> None:
        kind = 'group' if motor == ALL else 'single'
        request = RegisterValues.Request(cmd_type=kind, name=motor, reg=register)
        future = self.client.call_async(request)
        if motor != ALL:
            if self._pending is not None:  # a driver that hangs shall not make this process grow
                self.client.remove_pending_request(self._pending)
            self._pending = future
        future.add_done_callback(lambda done: take(list(done.result().values)))


def problem(arm: str, motor: str, register: str, value: int) -> str:
    """What is wrong with a motor by one of its registers, for a person; ''."""
    if register == ERRORS and value:
        return (
            f'{arm}/{motor} reports a hardware error ({hardware_error(value)}) and loses its torque: hold the arm, then '
            f'call {arm}/reboot_motors (docs/robot.md)'
        )
    if register == TORQUE and not value:
        return f'{arm}/{motor} has no torque: hold the arm, look at the motor, then call {arm}/torque_enable'
    return ''
