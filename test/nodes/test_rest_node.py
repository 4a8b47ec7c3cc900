# SPDX-License-Identifier: Apache-2.0
"""`ros2 run act_ros rest`: all four simulated arms fold slowly, and keep their torque unless asked."""

from __future__ import annotations

import numpy as np
import pytest
from interbotix_xs_msgs.msg import JointGroupCommand
from interbotix_xs_msgs.srv import RegisterValues, TorqueEnable
from processes import Running
from sensor_msgs.msg import JointState

from act_ros.robot.spec import RobotSpec

SPEC = RobotSpec.load()
ARMS = [name for arm in SPEC.arms for name in (arm.leader, arm.follower)]
NO_PICTURES = {'cameras': [], 'auto_reset': False}


@pytest.fixture
def sim(ros, tmp_path):
    node, poses = ros.node(), {}
    for arm in ARMS:
        node.create_subscription(
            JointState, f'/{arm}/joint_states',
            lambda msg, arm=arm: poses.setdefault(arm, []).append(list(msg.position[:6])), 50,
        )  # fmt: skip
    with Running('sim', tmp_path / 'sim', **NO_PICTURES) as process:
        ros.wait_until(lambda: len(poses) == 4, what='joint states')
        process.node, process.poses = node, poses
        yield process


def _torque(ros, sim, arm):
    request = RegisterValues.Request(cmd_type='group', name='arm', reg='Torque_Enable')
    answer = ros.call(sim.node, RegisterValues, f'/{arm}/get_motor_registers', request, 30)
    return list(answer.values)


def test_all_arms_are_led_slowly_to_rest_and_only_if_nobody_else_commands_them(ros, sim, tmp_path):
    rival = ros.node('policy')
    topic = '/follower_left/commands/joint_group'
    publisher = rival.create_publisher(JointGroupCommand, topic, 1)
    with Running('rest', tmp_path / 'refused', use_sim_time=True) as rest:
        assert rest.process.wait(100) == 1
    assert 'another node publishes commands' in rest.output and 'Traceback' not in rest.output
    np.testing.assert_allclose(sim.poses['follower_left'][-1], SPEC.start[:6], atol=0.1)
    rival.destroy_publisher(publisher)

    for torque_off in (False, True):
        parameters = {'use_sim_time': True, 'torque_off': torque_off}
        with Running('rest', tmp_path / f'rest_{torque_off}', **parameters) as rest:
            assert rest.process.wait(100) == 0, rest.output
        for arm in ARMS:
            np.testing.assert_allclose(sim.poses[arm][-1], SPEC.rest[:6], atol=0.1, err_msg=arm)
            assert _torque(ros, sim, arm) == [0 if torque_off else 1] * 6
    led = np.array(sim.poses['leader_left'])
    assert (
        np.abs(np.diff(led, axis=0)).max() < 0.2
    )  # no jump: a step is 0.013, and some are missed


def test_on_the_way_to_rest_the_motors_are_watched(ros, sim, tmp_path):
    with Running('rest', tmp_path / 'rest', use_sim_time=True) as rest:
        ros.wait_until(lambda: 'the arms go slowly to the start' in rest.output)
        off = TorqueEnable.Request(cmd_type='single', name='wrist_rotate', enable=False)
        ros.call(sim.node, TorqueEnable, '/follower_right/torque_enable', off, 30)
        assert rest.process.wait(100) == 1
    assert 'follower_right/wrist_rotate has no torque' in rest.output, rest.output
