# SPDX-License-Identifier: Apache-2.0
"""What the motors' registers say is heeded before arms are enabled and while they are commanded."""

from __future__ import annotations

import threading

import pytest
from fakes import SPEC
from test_gate import Commander

from act_ros.nodes.shared import hardware as hardware_module
from act_ros.nodes.shared.driver_client import PROFILES
from act_ros.nodes.sim.driver import SimDriver
from act_ros.sim.motors import ArmMotors
from act_ros.sim.simulation import Simulation

LEFT, RIGHT = (arm.follower for arm in SPEC.arms)


@pytest.fixture(scope='module')
def simulation():
    return Simulation('transfer_cube', 0, SPEC, scripted=False)


@pytest.fixture
def robot(ros, simulation, monkeypatch):
    """A node that commands, and the drivers of its arms: their motors, by arm."""
    monkeypatch.setattr(hardware_module, 'ASK_S', 60.0)
    lock, arms = threading.Condition(), {}
    for name in (LEFT, RIGHT):
        before = simulation.motors[name]
        arms[name] = simulation.motors[name] = ArmMotors(
            before.model, before.scale, SPEC, torque=True
        )
        ros.add(SimDriver(f'/{name}', name, simulation, lock, context=ros.context).node)
    commander = Commander(ros)
    hardware = commander.output.hardware
    ros.wait_until(lambda: all(arm.client.service_is_ready() for arm in hardware._arms))
    commander.motors = arms
    return commander


def enabled(robot):
    """Enable as a node does that begins anew."""
    refused = robot.output.refusal()
    if not refused:
        robot.output.permit()
    return not refused


def test_arms_are_not_enabled_while_a_motor_has_no_torque_or_is_in_error(robot):
    assert robot.output.refusal() == ''
    robot.motors[LEFT].set_torque('single', 'elbow', enable=False)
    assert f'{LEFT}/elbow has no torque' in robot.output.refusal()
    assert robot.output.refusal(with_torque=False) == ''  # who sets the motors up gives it to them
    robot.motors[LEFT].set_torque('single', 'elbow', enable=True)
    robot.motors[RIGHT].registers[6]['Hardware_Error_Status'] = 36
    refused = robot.output.refusal()
    assert f'{RIGHT}/gripper reports a hardware error (heat, overload; register' in refused
    robot.motors[RIGHT].registers[6]['Hardware_Error_Status'] = 0
    assert robot.output.refusal() == ''


def test_a_motor_that_fails_while_the_arms_are_commanded_shuts_the_gate(ros, robot):
    commanded = lambda: robot.send() and False  # noqa: E731
    assert robot.output.refusal() == ''
    robot.motors[RIGHT].registers[1]['Hardware_Error_Status'] = 32
    ros.wait_until(lambda: commanded() or robot.gate.fault)
    assert f'{RIGHT}/shoulder reports a hardware error (overload;' in robot.gate.fault
    assert 'then enable again' in robot.gate.fault and not robot.send()
    robot.motors[RIGHT].registers[1]['Hardware_Error_Status'] = 0
    assert enabled(robot) and robot.send()
    robot.motors[LEFT].set_torque('single', 'waist', enable=False)
    ros.wait_until(lambda: commanded() or robot.gate.fault)
    assert f'{LEFT}/waist has no torque' in robot.gate.fault


def test_a_simulated_driver_without_registers_is_named_and_shuts_nothing(ros, robot, monkeypatch):
    real = ArmMotors.get_register
    known = lambda *asked: real(*asked) if asked[-1] in PROFILES else []  # noqa: E731
    monkeypatch.setattr(ArmMotors, 'get_register', known)
    assert robot.output.refusal() == ''
    arms = robot.output.hardware._arms
    ros.wait_until(lambda: robot.send() and all(arm.simulated for arm in arms))
    assert enabled(robot) and robot.send()


def test_a_motor_that_does_not_answer_its_driver_is_named(ros, robot, monkeypatch):
    real = ArmMotors.get_register

    def torn(motors, kind, name, register):
        return [] if name in ('all', 'wrist_angle') else real(motors, kind, name, register)

    monkeypatch.setattr(ArmMotors, 'get_register', torn)
    ros.wait_until(lambda: robot.gate.fault or (robot.send() and False))
    assert 'wrist_angle does not answer its driver' in robot.gate.fault
