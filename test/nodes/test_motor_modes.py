# SPDX-License-Identifier: Apache-2.0
"""Arms are enabled only where each motor goes where it is told, and its driver says so in time."""

from __future__ import annotations

import pytest
from fakes import SPEC, refusal

from act_ros.nodes.shared import hardware as hardware_module
from act_ros.nodes.shared.hardware import MODE, problem
from act_ros.sim.motors import ArmMotors

LEFT, RIGHT = (arm.follower for arm in SPEC.arms)


@pytest.mark.parametrize(
    ('joint', 'mode', 'wanted'),
    [
        ('elbow', 'velocity', 'mode position'),
        ('gripper', 'pwm', 'mode current_based_position'),
        ('elbow', 'current', 'mode position'),
    ],
)
def test_arms_are_not_enabled_with_a_motor_in_a_mode_in_which_commands_are_no_angles(
    commander, joint, mode, wanted
):
    commander.motors[RIGHT].set_mode('single', joint, mode, 'velocity', 0, 0)
    refused = refusal(commander.output)
    assert f'{RIGHT}/{joint} is in another operating mode ({mode}, register' in refused
    assert f'call {RIGHT}/set_operating_modes with {wanted}' in refused
    assert (
        refusal(commander.output, with_torque=False) == ''
    )  # who sets the motors up sets the modes
    commander.motors[RIGHT].set_mode('single', joint, 'position', 'velocity', 0, 0)
    assert refusal(commander.output) == ''


@pytest.mark.parametrize('joint', ['waist', 'gripper'])
@pytest.mark.parametrize('value', range(17))
def test_each_mode_of_a_motor_is_judged_and_a_gripper_may_be_limited_by_its_current(joint, value):
    fits = value in ((3, 4, 5) if joint == 'gripper' else (3, 4))
    assert (problem(LEFT, joint, MODE, value) == '') is fits


def test_arms_are_not_enabled_while_a_driver_does_not_answer(ros, commander, monkeypatch):
    ros.executor.remove_node(commander.drivers[LEFT])  # there, and silent
    monkeypatch.setattr(hardware_module, 'ASK_S', 0.5)
    refused = refusal(commander.output)
    assert f'the driver of {LEFT} did not say within 0.5 s how its motors are' in refused
    assert RIGHT not in refused


def test_arms_are_not_enabled_while_their_motors_do_not_answer_their_driver(
    commander, monkeypatch
):
    real = ArmMotors.get_register

    def without_power(motors, *asked):
        return [] if motors is commander.motors[LEFT] else real(motors, *asked)

    monkeypatch.setattr(ArmMotors, 'get_register', without_power)
    refused = refusal(commander.output)
    assert f'{LEFT}: its motors do not answer their driver' in refused and RIGHT not in refused


def test_what_is_not_heeded_and_who_is_left_out_keeps_nobody_from_moving(commander):
    commander.motors[LEFT].registers[6]['Hardware_Error_Status'] = 32
    commander.motors[RIGHT].set_torque('group', 'arm', enable=False)
    assert f'{LEFT}/gripper reports' in refusal(commander.output)
    commander.hardware.heeded = SPEC.joints
    assert f'{LEFT}/gripper' not in refusal(commander.output)
    assert f'{RIGHT}/waist has no torque' in refusal(commander.output)
    commander.hardware.left_out = [RIGHT]
    assert refusal(commander.output) == ''
