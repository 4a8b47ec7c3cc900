# SPDX-License-Identifier: Apache-2.0
"""What the motors' registers say is heeded before arms are enabled and while they are commanded."""

from __future__ import annotations

from fakes import SPEC, refusal

from act_ros.nodes.shared.driver_client import PROFILES
from act_ros.sim.motors import ArmMotors

LEFT, RIGHT = (arm.follower for arm in SPEC.arms)


def enabled(commander):
    """Enable as a node does that begins anew."""
    refused = refusal(commander.output)
    if not refused:
        commander.output.permit()
    return not refused


def test_arms_are_not_enabled_while_a_motor_has_no_torque_or_is_in_error(commander):
    assert refusal(commander.output) == ''
    commander.motors[LEFT].set_torque('single', 'elbow', enable=False)
    assert f'{LEFT}/elbow has no torque' in refusal(commander.output)
    assert (
        refusal(commander.output, with_torque=False) == ''
    )  # who sets the motors up gives it to them
    commander.motors[LEFT].set_torque('single', 'elbow', enable=True)
    commander.motors[RIGHT].registers[6]['Hardware_Error_Status'] = 36
    refused = refusal(commander.output)
    assert f'{RIGHT}/gripper reports a hardware error (heat, overload; register' in refused
    commander.motors[RIGHT].registers[6]['Hardware_Error_Status'] = 0
    assert refusal(commander.output) == ''


def test_a_motor_that_fails_while_the_arms_are_commanded_shuts_the_gate(ros, commander):
    commanded = lambda: commander.send() and False  # noqa: E731
    assert refusal(commander.output) == ''
    commander.motors[RIGHT].registers[1]['Hardware_Error_Status'] = 32
    ros.wait_until(lambda: commanded() or commander.gate.fault)
    assert f'{RIGHT}/shoulder reports a hardware error (overload;' in commander.gate.fault
    assert 'then enable again' in commander.gate.fault and not commander.send()
    commander.motors[RIGHT].registers[1]['Hardware_Error_Status'] = 0
    assert enabled(commander) and commander.send()
    commander.motors[LEFT].set_torque('single', 'waist', enable=False)
    ros.wait_until(lambda: commanded() or commander.gate.fault)
    assert f'{LEFT}/waist has no torque' in commander.gate.fault


def test_a_simulated_driver_without_registers_is_named_and_shuts_nothing(
    ros, commander, monkeypatch
):
    real = ArmMotors.get_register
    known = lambda *asked: real(*asked) if asked[-1] in PROFILES else []  # noqa: E731
    monkeypatch.setattr(ArmMotors, 'get_register', known)
    assert refusal(commander.output) == ''
    arms = commander.output.hardware._arms
    ros.wait_until(lambda: commander.send() and all(arm.simulated for arm in arms))
    assert enabled(commander) and commander.send()


def test_a_motor_that_does_not_answer_its_driver_is_named(ros, commander, monkeypatch):
    real = ArmMotors.get_register

    def torn(motors, kind, name, register):
        return [] if name in ('all', 'wrist_angle') else real(motors, kind, name, register)

    monkeypatch.setattr(ArmMotors, 'get_register', torn)
    ros.wait_until(lambda: commander.gate.fault or (commander.send() and False))
    assert 'wrist_angle does not answer its driver' in commander.gate.fault
