# SPDX-License-Identifier: Apache-2.0
"""The services of the arms' drivers: every call has a deadline, and what was written is read back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from interbotix_xs_msgs.srv import OperatingModes, Reboot, RegisterValues, TorqueEnable
from rclpy.node import Node
from std_srvs.srv import SetBool

from act_ros.nodes.shared.topics import robot_topic
from act_ros.text import PrintableError

ANSWER_S, SERVICE_S = 10.0, 10.0
"""Patience with an answer, and with a service that isn't there yet."""
ERRORS, TORQUE, MODE = 'Hardware_Error_Status', 'Torque_Enable', 'Operating_Mode'
PROFILES = ('Profile_Velocity', 'Profile_Acceleration')
SIMULATED = (
    "has Interbotix's simulated driver (xs_sdk_sim): no torque, currents, hardware errors or gravity compensation, "
    'so none is looked at; it jumps to its commands, and nothing of it can fall'
)
"""What a person is told of such an arm."""


class DriverError(PrintableError, RuntimeError):
    """A driver that doesn't answer, or a motor that is not as it was set; says what to do."""


def is_simulated(read: Callable[[str], Sequence[int]]) -> bool:
    """Whether a driver is Interbotix's xs_sdk_sim, by what it answers for registers of a group of motors.

    That one knows the two of its profile and no other. Motors that do not answer (cable, power) know none.
    """
    return not any(map(read, (ERRORS, TORQUE, MODE))) and all(map(read, PROFILES))


class DriverClient:
    """Calls to the drivers, from any thread but the one that spins `node`."""

    def __init__(self, node: Node) -> None:
        """Make the clients on `node` when they are needed."""
        self._node = node
        self._clients: dict[str, Any] = {}
        self._simulated: set[str] = set()

    def call(self, arm: str, service: str, kind: Any, request: Any) -> Any:
        """The answer of a service of an arm.

        Raises:
            DriverError: it isn't there, or gives no answer.
        """
        name = robot_topic(self._node, f'{arm}/{service}')
        client = self._client(name, kind)
        if not client.wait_for_service(SERVICE_S):
            raise DriverError(f'{name} is not there; does the driver of {arm} run?')
        answered = threading.Event()
        future = client.call_async(request)
        future.add_done_callback(lambda _: answered.set())
        if not answered.wait(ANSWER_S):
            client.remove_pending_request(future)
            raise DriverError(
                f'{name} gave no answer within {ANSWER_S:g} s; look at the last lines of that driver'
            )
        return future.result()

    def there(self, arm: str, service: str, kind: Any) -> bool:
        """Whether an arm has this service."""
        name = robot_topic(self._node, f'{arm}/{service}')
        return bool(self._client(name, kind).wait_for_service(1.0))

    def _client(self, name: str, kind: Any) -> Any:
        if name not in self._clients:
            self._clients[name] = self._node.create_client(kind, name)
        return self._clients[name]

    def read(self, arm: str, name: str, register: str, count: int) -> list[int]:
        """A register of the joint `name`, or of all joints where it is the group 'arm'.

        Raises:
            DriverError: the driver gives no answer, or not all `count` values.
        """
        values = self._values(arm, name, register)
        if len(values) != count:
            raise DriverError(
                f"{arm}: register '{register}' of {name} gave {len(values)} values, expected {count}; a motor "
                'does not answer (cable, power), or has no such register'
            )
        return values

    def _values(self, arm: str, name: str, register: str) -> list[int]:
        request = RegisterValues.Request(cmd_type=_kind(name), name=name, reg=register)
        return list(self.call(arm, 'get_motor_registers', RegisterValues, request).values)

    def simulated(self, arm: str) -> bool:
        """Whether an arm's driver is Interbotix's simulated one; then nothing that is set is read back.

        Raises:
            DriverError: it gives no answer.
        """
        if arm not in self._simulated and is_simulated(
            lambda name: self._values(arm, 'arm', name)
        ):
            self._simulated.add(arm)
        return arm in self._simulated

    def expect(self, arm: str, name: str, register: str, wanted: Sequence[int]) -> None:
        """Read a register back.

        Raises:
            DriverError: it is another value.
        """
        if arm in self._simulated:
            return
        values = self.read(arm, name, register, len(wanted))
        if values != list(wanted):
            raise DriverError(
                f"{arm}: register '{register}' of {name} reads {_short(values)} after it was set to "
                f'{_short(wanted)}; nothing is moved. Switch the arm off and on, and try again'
            )

    def write(self, arm: str, name: str, register: str, value: int) -> None:
        """Write a register of one joint, and read it back: the driver tells of nothing that fails.

        Raises:
            DriverError: it has another value after that.
        """
        request = RegisterValues.Request(
            cmd_type=_kind(name), name=name, reg=register, value=value
        )
        self.call(arm, 'set_motor_registers', RegisterValues, request)
        self.expect(arm, name, register, [value])

    def torque(self, arm: str, name: str, on: bool, count: int) -> None:
        """Switch torque, and read it back.

        Raises:
            DriverError: it is not as asked.
        """
        if self._reads(arm, name, TORQUE, [int(on)] * count):
            return
        request = TorqueEnable.Request(cmd_type=_kind(name), name=name, enable=on)
        self.call(arm, 'torque_enable', TorqueEnable, request)
        self.expect(arm, name, TORQUE, [int(on)] * count)

    def mode(self, arm: str, name: str, mode: str, number: int, count: int) -> None:
        """Set an operating mode where it is another one: the driver takes the torque while it does.

        Args:
            arm: whose.
            name: the joint or group.
            mode: as the driver calls it.
            number: as the motor's register does.
            count: of the joints.

        Raises:
            DriverError: it is not as asked.
        """
        if self._reads(arm, name, MODE, [number] * count):
            return
        request = OperatingModes.Request(
            cmd_type=_kind(name), name=name, mode=mode, profile_type='velocity'
        )
        self.call(arm, 'set_operating_modes', OperatingModes, request)
        self.expect(arm, name, MODE, [number] * count)

    def _reads(self, arm: str, name: str, register: str, wanted: Sequence[int]) -> bool:
        return arm not in self._simulated and self.read(arm, name, register, len(wanted)) == wanted

    def reboot(self, arm: str, name: str) -> None:
        """Reboot a motor; it has torque afterwards."""
        request = Reboot.Request(cmd_type=_kind(name), name=name, enable=True, smart_reboot=False)
        self.call(arm, 'reboot_motors', Reboot, request)

    def gravity_compensation(self, arm: str, on: bool) -> None:
        """Have the leader's weight carried, or have it hold where it is.

        Raises:
            DriverError: it was refused.
        """
        if arm in self._simulated and not self.there(arm, 'gravity_compensation_enable', SetBool):
            return  # such an arm has no weight
        request = SetBool.Request(data=on)
        answer = self.call(arm, 'gravity_compensation_enable', SetBool, request)
        if not answer.success:
            what = 'on' if on else 'off'
            raise DriverError(f'{arm}: gravity compensation is not {what}: {answer.message}')


def _kind(name: str) -> str:
    return 'group' if name in ('arm', 'all') else 'single'


def _short(values: Sequence[int]) -> str:
    """The one value that all have, or all of them."""
    return str(values[0]) if len(set(values)) == 1 else str(list(values))
