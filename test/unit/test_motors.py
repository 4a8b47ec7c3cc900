# SPDX-License-Identifier: Apache-2.0
"""The simulated motors obey torque, modes and profiles as the real ones do."""

from __future__ import annotations

import numpy as np
import pytest

from act_ros.robot.spec import RobotSpec
from act_ros.sim.motors import ArmMotors, MotorError, follower_model

SPEC = RobotSpec.load()
SCALE = SPEC.follower_gripper
FOLLOWER = follower_model(SPEC)
GRIPPER = len(SPEC.joints)
ARM = [0.1, -0.9, 1.1, 0.2, -0.3, 0.4]


@pytest.fixture
def motors() -> ArmMotors:
    made = ArmMotors(FOLLOWER, SCALE, SPEC, torque=True)
    made.put(SPEC.start[:7])
    return made


def test_a_position_is_taken_on_at_once_where_no_profile_is_set(motors):
    assert motors.command('group', 'arm', ARM)
    np.testing.assert_allclose(motors.advance(0.01)[:6], ARM)


def test_a_gripper_command_is_in_radians_of_its_motor(motors):
    motors.command('single', 'gripper', [SCALE.joint_open])
    assert motors.advance(0.01)[GRIPPER] == pytest.approx(1.0)


def test_a_linear_gripper_command_is_the_gap_between_the_fingers(motors):
    motors.set_mode('single', 'gripper', 'linear_position', 'velocity', 0, 0)
    motors.command('single', 'gripper', [2 * SCALE.unit_to_finger(0.25)])
    assert motors.advance(0.01)[GRIPPER] == pytest.approx(0.25)


def test_without_torque_nothing_moves_and_with_it_the_arm_holds_where_it_is(motors):
    before = motors.setpoint.copy()
    motors.set_torque('group', 'arm', enable=False)
    assert not motors.command('group', 'arm', ARM)
    np.testing.assert_array_equal(motors.advance(1.0), before)
    motors.set_torque('group', 'arm', enable=True)
    np.testing.assert_array_equal(motors.advance(1.0), before)


def test_a_time_profile_spreads_the_way_over_its_milliseconds(motors):
    motors.set_mode('group', 'arm', 'position', 'time', 2000, 300)
    begin = motors.setpoint[:6].copy()
    motors.command('group', 'arm', ARM)
    for _ in range(100):
        motors.advance(0.01)
    np.testing.assert_allclose(motors.setpoint[:6], (begin + ARM) / 2, atol=1e-9)
    for _ in range(101):
        motors.advance(0.01)
    np.testing.assert_allclose(motors.setpoint[:6], ARM, atol=1e-9)


def test_velocity_mode_moves_until_it_is_told_zero(motors):
    motors.set_mode('single', 'waist', 'velocity', 'velocity', 0, 0)
    motors.command('single', 'waist', [0.5])
    for _ in range(100):
        motors.advance(0.01)
    assert motors.setpoint[0] == pytest.approx(0.5)
    motors.command('single', 'waist', [0.0])
    motors.advance(1.0)
    assert motors.setpoint[0] == pytest.approx(0.5)


@pytest.mark.parametrize(('effort', 'end'), [(350.0, 1.5), (-350.0, -0.5)])
def test_effort_opens_or_closes_the_gripper_to_its_stop(motors, effort, end):
    motors.set_mode('single', 'gripper', 'pwm', 'velocity', 0, 0)
    motors.command('single', 'gripper', [effort])
    for _ in range(500):
        motors.advance(0.01)
    assert motors.setpoint[GRIPPER] == pytest.approx(end)


def test_a_command_beyond_the_joint_limits_stops_at_them(motors):
    motors.command('single', 'elbow', [3.0])
    assert motors.advance(0.01)[2] == pytest.approx(FOLLOWER.sleep[2])


@pytest.mark.parametrize(
    ('request_', 'message'),
    [
        (('group', 'leg', [0.0]), "no group 'leg'; there are all, arm"),
        (('single', 'knee', [0.0]), "no joint 'knee'"),
        (('pair', 'arm', [0.0]), "cmd_type is 'pair'"),
        (('group', 'arm', [0.0] * 5), 'which has 6 motors'),
        (('single', 'waist', [float('nan')]), 'not finite'),
    ],
)
def test_a_wrong_command_is_refused_by_name_and_moves_nothing(motors, request_, message):
    before = motors.setpoint.copy()
    with pytest.raises(MotorError, match=message):
        motors.command(*request_)
    np.testing.assert_array_equal(motors.advance(0.01), before)


def test_registers_are_case_sensitive_as_in_the_motor(motors):
    with pytest.raises(MotorError, match="did you mean 'Current_Limit'"):
        motors.set_register('single', 'gripper', 'current_limit', 300)
    with pytest.raises(MotorError, match='only while the motor has no torque'):
        motors.set_register('single', 'gripper', 'Current_Limit', 300)
    motors.set_torque('single', 'gripper', enable=False)
    motors.set_register('single', 'gripper', 'Current_Limit', 300)
    assert motors.get_register('single', 'gripper', 'Current_Limit') == [300]
    assert motors.get_register('group', 'arm', 'Current_Limit') == [200] * 6


def test_reboot_leaves_torque_as_asked_and_smart_reboot_spares_sound_motors(motors):
    motors.reboot('single', 'gripper', enable=False, smart=True)
    assert motors.torque.all()
    motors.reboot('single', 'gripper', enable=False, smart=False)
    assert not motors.torque[GRIPPER] and motors.torque[:6].all()
