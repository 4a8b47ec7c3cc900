# SPDX-License-Identifier: Apache-2.0
"""What the doctor asks the arms' drivers: limits, hardware errors, torque and modes. Nothing is set."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from interbotix_xs_msgs.srv import RobotInfo
from rclpy.node import Node

from act_ros.nodes.doctor.findings import Finding, problem, unsafe, warning, well
from act_ros.nodes.session.driver_client import DriverClient, DriverError
from act_ros.nodes.shared.topics import robot_topic
from act_ros.robot.spec import RobotSpec

SERVICES = ('get_robot_info', 'get_motor_registers', 'set_motor_registers', 'set_operating_modes',
            'torque_enable')  # fmt: skip
TOLERANCE = 1e-3
"""Radians: limits are written with five digits here, and computed there."""


def drivers(node: Node, spec: RobotSpec, arms: list[str]) -> Iterator[Finding]:
    """How the drivers of these arms are, which are heard."""
    client = DriverClient(node)
    offered = {name for name, _ in node.get_service_names_and_types()}
    for arm in arms:
        about = f'driver {arm}'
        missing = [s for s in SERVICES if robot_topic(node, f'{arm}/{s}') not in offered]
        if missing:
            what = f'it has no {", ".join(missing)}'
            yield problem(about, what, "start Interbotix's xs_sdk; a policy may do without")
            continue
        try:
            yield from _ask(client, spec, arm, about)
        except DriverError as error:
            yield problem(about, str(error), 'look at the last lines of that driver')


def _ask(client: DriverClient, spec: RobotSpec, arm: str, about: str) -> Iterator[Finding]:
    request = RobotInfo.Request(cmd_type='group', name='arm')
    info = client.call(arm, 'get_robot_info', RobotInfo, request)
    yield limits(spec, arm, info)
    names = [*spec.joints, 'gripper']
    if list(info.joint_names) != list(spec.joints):
        return  # that is said; registers come in its order
    read = {
        register: [
            *client.read(arm, 'arm', register, len(spec.joints)),
            *client.read(arm, 'gripper', register, 1),
        ]
        for register in ('Hardware_Error_Status', 'Torque_Enable', 'Operating_Mode')
    }
    bad = [f'{n} ({v})' for n, v in zip(names, read['Hardware_Error_Status'], strict=True) if v]
    if bad:
        yield unsafe(
            about,
            f'hardware error of {", ".join(bad)}: overload, heat or voltage',
            f'hold the arm, it will drop, and call /{arm}/reboot_motors; docs/robot.md',
        )
    free = [n for n, torque in zip(names, read['Torque_Enable'], strict=True) if not torque]
    modes = ', '.join(map(str, read['Operating_Mode']))
    text = f'no hardware error, torque {_torque(free, names)}, modes {modes}'
    is_follower = arm in [each.follower for each in spec.arms]
    if free and is_follower:
        yield warning(about, text, 'hold the arm; a session switches torque on by itself')
    elif not bad:
        yield well(about, text)


def _torque(free: list[str], names: list[str]) -> str:
    if not free:
        return 'on'
    return 'off' if len(free) == len(names) else f'off at {", ".join(free)}'


def limits(spec: RobotSpec, arm: str, info: RobotInfo.Response) -> Finding:
    """Whether the driver's joints are ours, and, of a follower, whether ours are within its limits."""
    about, names = f'limits {arm}', list(info.joint_names)
    if names != list(spec.joints):
        found = f'its joints are {", ".join(names) or "none"}, expected {", ".join(spec.joints)}'
        return problem(about, found, 'another `model` in the file of your rig')
    side = next((i for i, each in enumerate(spec.arms) if each.follower == arm), None)
    if side is None:
        return well(about, f'{len(names)} joints as described')
    own = spec.arm_slice(side)
    lower, upper = np.array(info.joint_lower_limits), np.array(info.joint_upper_limits)
    beyond = (spec.lower[own] < lower - TOLERANCE) | (spec.upper[own] > upper + TOLERANCE)
    wrong = [
        f'{name} {spec.lower[own][i]:g}…{spec.upper[own][i]:g}, its driver {lower[i]:g}…{upper[i]:g}'
        for i, name in enumerate(names)
        if beyond[i]
    ]
    if wrong:
        found = f'commands may go where the driver does not: {"; ".join(wrong)}'
        return unsafe(about, found, 'write limits within those into the description of the robot')
    return well(about, f"{len(names)} joints, ours are within the driver's")
