# SPDX-License-Identifier: Apache-2.0
"""What the motors of arms say of themselves, before they are commanded and meanwhile: errors, torque, operating mode.

The drivers publish none. So their registers are asked for, once enabled one of one motor at a time: a driver is busy for
1 to 2 ms with each, and sends no commands on meanwhile. A mode is not asked for then: who sets another takes the torque.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
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
ASK_S, LATE_S = 0.8, 2.0
"""Patience with the answers before enabling, and with one that may be lost."""
MISSING = 50
"""A driver without the service is told of after so many looks: discovery takes its time."""
GRIPPER, ALL = 'gripper', 'all'
MODES = {0: 'current', 1: 'velocity', 16: 'pwm'}
"""Those in which a command is no angle, by their values in the register Operating_Mode."""
JOINT_MODES, GRIPPER_MODES = (3, 4), (3, 4, 5)
"""position and ext_position; a gripper's may be limited by the current besides."""
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
        simulated: bool = False,
    ) -> None:
        """Ask on `node`, whose thread calls `look`; `found` is called with what is wrong with a motor.

        `simulated` drivers may be late: they share the machine with the physics, and nothing of theirs can fall.
        """
        self._log, self._found, self._in_simulation = node.get_logger(), found, simulated
        self._motors = [*joints, GRIPPER]
        self._arms = [_AskedDriver(node, arm, self._motors) for arm in arms]
        self.heeded: Sequence[str] = self._motors
        """Motors whose state matters."""
        self.left_out: Sequence[str] = ()
        """Arms that get no commands."""

    def look(self) -> None:
        """Read the next register of each arm; to be called every `PERIOD_S` while the arms are commanded."""
        for arm in self._led():
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
        ready = [arm for arm in self._led() if not arm.simulated and arm.client.service_is_ready()]
        end = steady() + ASK_S
        answers = self._answers(ready, (ERRORS, TORQUE, MODE), end)
        mute = [arm for arm in ready if not any(answers[arm.name].values())]
        for name, profiles in self._answers(mute, PROFILES, end).items():
            answers[name].update(profiles)
        return '; '.join(filter(None, (self._judge(arm, answers[arm.name]) for arm in ready)))

    def _led(self) -> list[_AskedDriver]:
        return [arm for arm in self._arms if arm.name not in self.left_out]

    def _answers(
        self, arms: Sequence[_AskedDriver], registers: Sequence[str], end: float
    ) -> dict[str, dict[str, Sequence[int]]]:
        """By arm what it has said by `end` of all its motors, by register."""
        answers: dict[str, dict[str, Sequence[int]]] = {arm.name: {} for arm in arms}
        for arm in arms:
            for register in registers:
                arm.read(ALL, register, partial(answers[arm.name].__setitem__, register))
        while steady() < end and any(len(given) < len(registers) for given in answers.values()):
            time.sleep(0.005)
        # Copies: what comes late changes nothing.
        return {name: dict(given) for name, given in answers.items()}

    def _judge(self, arm: _AskedDriver, given: Mapping[str, Sequence[int]]) -> str:
        """What is wrong with an arm by what its driver has answered, for a person; ''."""
        asked = (ERRORS, TORQUE, MODE)
        mute = not any(given.get(name) for name in asked)
        late = [name for name in (*asked, *PROFILES * mute) if name not in given]
        if late and self._in_simulation:
            return ''
        if late:
            return (
                f'the driver of {arm.name} did not say within {ASK_S:g} s how its motors are ({", ".join(late)}): look '
                'at the last lines of that driver, and try again'
            )
        if mute and is_simulated(lambda name: given[name]):
            self._simulated(arm)
            return ''
        if empty := [name for name in asked if not given[name]]:
            return (
                f'{arm.name}: its motors do not answer their driver ({", ".join(empty)}): look at its cable and its '
                'power'
            )
        found = [
            problem(arm.name, motor, register, value)
            for register in asked
            for motor, value in zip(self._motors, given[register], strict=False)
            if motor in self.heeded
        ]
        return '; '.join(filter(None, found))

    def _simulated(self, arm: _AskedDriver) -> None:
        if not arm.simulated:
            self._log.warning(f'{arm.name} {SIMULATED}')
        arm.simulated = True

    def _on_values(
        self, arm: _AskedDriver, motor: str, register: str, values: Sequence[int]
    ) -> None:
        """The answer for one motor; an empty one is asked for again, and then it is said."""
        arm.asked_at = -float('inf')
        if values:
            arm.empty = 0
            arm.turns.rotate(-1)
            why = problem(arm.name, motor, register, values[0])
            if why and motor in self.heeded:
                self._found(why)
            return
        arm.empty += 1
        if arm.empty == 1:
            self._recognize(arm)
        elif arm.empty > 2 and arm.known_real and motor in self.heeded:
            arm.empty = 0
            self._found(
                f'{arm.name}/{motor} does not answer its driver: look at its cable and its power'
            )

    def _recognize(self, arm: _AskedDriver) -> None:
        """A driver that knows no register: a simulated one, or motors that do not answer."""
        answers: dict[str, Sequence[int]] = {}

        def take(register: str, values: Sequence[int]) -> None:
            answers[register] = values
            if len(answers) == 5:
                if is_simulated(lambda name: answers[name]):
                    self._simulated(arm)
                arm.known_real = not arm.simulated

        for register in (ERRORS, TORQUE, MODE, *PROFILES):
            arm.read(ALL, register, partial(take, register))


class _AskedDriver:
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
    if register == MODE and value not in (GRIPPER_MODES if motor == GRIPPER else JOINT_MODES):
        wanted = 'current_based_position' if motor == GRIPPER else 'position'
        mode = f'{MODES[value]}, ' if value in MODES else ''
        return (
            f'{arm}/{motor} is in another operating mode ({mode}register {MODE} is {value}), in which it does not go '
            f'where it is told: hold the arm, then call {arm}/set_operating_modes with mode {wanted}'
        )
    return ''
