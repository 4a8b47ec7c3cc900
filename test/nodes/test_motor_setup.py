# SPDX-License-Identifier: Apache-2.0
"""The set-up of the motors against the simulated drivers: what is set, in which order, and what stops it."""

from __future__ import annotations

import threading

import pytest

from act_ros.nodes.session.motor_setup import MotorSetup
from act_ros.nodes.shared import driver_client as drivers_module
from act_ros.nodes.shared.driver_client import DriverClient, DriverError
from act_ros.nodes.sim.driver import SimDriver
from act_ros.robot.spec import RobotSpec
from act_ros.sim.motors import ArmMotors
from act_ros.sim.simulation import Simulation

SPEC = RobotSpec.load()
GRIPPER = len(SPEC.joints)


@pytest.fixture(scope='module')
def simulation():
    return Simulation('transfer_cube', 0, SPEC, scripted=False)


class Robot:
    """Four simulated drivers, and the set-up that talks to them."""

    def __init__(self, ros, simulation):
        self.motors, lock = simulation.motors, threading.Condition()
        self.torque_at_hold = []
        self.nodes = {}
        for name, before in simulation.motors.items():
            follower = name.startswith('follower')
            self.motors[name] = ArmMotors(before.model, before.scale, SPEC, torque=follower)
            driver = SimDriver(f'/{name}', name, simulation, lock, context=ros.context)
            self.nodes[name] = ros.add(driver.node)
        self.set_up = MotorSetup(DriverClient(ros.node('act')), SPEC, self._hold)

    def _hold(self):
        self.torque_at_hold.append(self.motors['follower_left'].torque.copy())

    def register(self, arm, name):
        return self.motors[arm].registers[GRIPPER][name]


@pytest.fixture
def robot(ros, simulation, monkeypatch):
    monkeypatch.setattr(drivers_module, 'ANSWER_S', 20.0)
    return Robot(ros, simulation)


def test_both_followers_get_modes_currents_by_the_registers_name_and_torque(robot):
    for arm in ('follower_left', 'follower_right'):
        robot.motors[arm].set_torque('group', 'all', enable=False)
    robot.set_up.check()
    robot.set_up.ready_followers()
    for arm in ('follower_left', 'follower_right'):
        motors = robot.motors[arm]
        assert robot.register(arm, 'Current_Limit') == SPEC.gripper_current == 300
        assert robot.register(arm, 'Goal_Current') == 300
        assert motors.mode == ['position'] * 6 + ['current_based_position']
        assert motors.torque.all()
    (torque,) = robot.torque_at_hold
    assert not torque[:GRIPPER].any()  # told to stay where it is before it had torque


def test_a_mode_that_is_right_is_not_set_again_since_that_takes_the_torque(robot, monkeypatch):
    robot.set_up.ready_followers()
    monkeypatch.setattr(ArmMotors, 'set_mode', lambda *_: pytest.fail('a mode was set'))
    monkeypatch.setattr(ArmMotors, 'set_torque', lambda *_: pytest.fail('torque was switched'))
    robot.set_up.ready_followers()


def test_only_a_gripper_in_error_is_rebooted(robot, monkeypatch):
    rebooted = []
    real = ArmMotors.reboot

    def reboot(motors, kind, name, enable, smart):
        rebooted.append((motors, name))
        real(motors, kind, name, enable, smart)

    monkeypatch.setattr(ArmMotors, 'reboot', reboot)
    robot.motors['follower_right'].registers[GRIPPER]['Hardware_Error_Status'] = 32
    robot.set_up.ready_followers()
    assert rebooted == [(robot.motors['follower_right'], 'gripper')]
    assert robot.register('follower_right', 'Hardware_Error_Status') == 0


def test_an_arm_in_error_needs_a_person_and_is_named(robot):
    robot.motors['leader_left'].registers[1]['Hardware_Error_Status'] = 32
    with pytest.raises(DriverError, match='leader_left: shoulder reports a hardware error'):
        robot.set_up.check()


def test_a_register_that_reads_back_wrong_stops_it(robot, monkeypatch):
    monkeypatch.setattr(ArmMotors, 'set_register', lambda *_: None)  # as the driver: no word of it
    with pytest.raises(DriverError) as error:
        robot.set_up.ready_followers()
    assert "follower_left: register 'Current_Limit' of gripper reads 200" in str(error.value)
    assert 'set to 300' in str(error.value) and 'nothing is moved' in str(error.value)
    assert not robot.torque_at_hold


def test_a_driver_that_is_not_there_is_named(ros, robot, monkeypatch):
    monkeypatch.setattr(drivers_module, 'SERVICE_S', 0.5)
    ros.executor.remove_node(robot.nodes['follower_right'])
    robot.nodes['follower_right'].destroy_node()
    with pytest.raises(DriverError, match='/follower_right/get_motor_registers is not there'):
        robot.set_up.check()


def test_a_driver_that_does_not_answer_is_named_within_the_deadline(ros, robot, monkeypatch):
    monkeypatch.setattr(drivers_module, 'ANSWER_S', 0.5)
    ros.executor.remove_node(robot.nodes['leader_right'])  # there, and silent
    with pytest.raises(DriverError, match='/leader_right/get_motor_registers gave no answer'):
        robot.set_up.check()


def _knows_only(monkeypatch, *registers):
    """Have the drivers answer as Interbotix's xs_sdk_sim does: with nothing, but for some registers."""
    real = ArmMotors.get_register
    known = lambda *asked: real(*asked) if asked[-1] in registers else []  # noqa: E731
    monkeypatch.setattr(ArmMotors, 'get_register', known)
    monkeypatch.setattr(ArmMotors, 'set_register', lambda *_: None)


def test_interbotix_simulated_driver_is_known_by_what_it_answers_and_set_up_as_far_as_it_goes(
    ros, robot, monkeypatch
):
    _knows_only(monkeypatch, *drivers_module.PROFILES)
    set_up = robot.set_up
    robot.motors['leader_left'].set_mode('group', 'arm', 'current', 'velocity', 0, 0)
    set_up.check()
    assert set_up.simulated == {*set_up.leaders, *set_up.followers}
    set_up.ready_followers()
    set_up.lock_leaders()
    set_up.drive_grippers()
    for arm in set_up.simulated:
        assert robot.motors[arm].mode == ['position'] * 6 + ['current_based_position'], arm
    set_up.free_grippers()
    set_up.free_leaders()
    set_up.release()


def test_motors_that_do_not_answer_are_no_simulated_driver(robot, monkeypatch):
    _knows_only(monkeypatch)
    with pytest.raises(DriverError, match='a motor does not answer'):
        robot.set_up.check()


def test_leaders_are_held_freed_and_held_again(robot):
    set_up = robot.set_up
    for free in (False, True, False):
        if free:
            set_up.free_leaders()
        else:
            set_up.lock_leaders()
        for arm in set_up.leaders:
            motors = robot.motors[arm]
            assert motors.torque[:GRIPPER].all() != free
            assert motors.mode[:GRIPPER] == ['current' if free else 'position'] * 6
    set_up.free_grippers()
    assert not robot.motors['leader_left'].torque[GRIPPER]
    set_up.drive_grippers()
    assert robot.motors['leader_left'].torque[GRIPPER]


def test_one_leader_that_fails_does_not_let_the_other_float(ros, robot, monkeypatch):
    robot.set_up.free_leaders()
    monkeypatch.setattr(drivers_module, 'ANSWER_S', 0.5)
    ros.executor.remove_node(robot.nodes['leader_left'])
    with pytest.raises(DriverError, match='leader_left'):
        robot.set_up.lock_leaders()
    assert robot.motors['leader_right'].torque[:GRIPPER].all()
    assert set(robot.motors['leader_right'].mode[:GRIPPER]) == {'position'}


def test_unknown_registers_are_an_error_here_though_not_to_the_driver(robot):
    with pytest.raises(DriverError, match='gave 0 values, expected 1'):
        robot.set_up._drivers.write('follower_left', 'gripper', 'current_limit', 300)
