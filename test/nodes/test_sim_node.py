# SPDX-License-Identifier: Apache-2.0
"""The simulated ALOHA offers what the drivers and cameras of the real one offer."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from act_msgs.msg import SimState
from act_msgs.srv import ResetSim
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from interbotix_xs_msgs.srv import (
    MotorGains,
    OperatingModes,
    Reboot,
    RegisterValues,
    RobotInfo,
    TorqueEnable,
)
from processes import Running
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState
from std_srvs.srv import SetBool

from act_ros.nodes.shared.topics import LATCHED
from act_ros.robot.spec import RobotSpec

SPEC = RobotSpec.load()
ARMS = ('follower_left', 'follower_right', 'leader_left', 'leader_right')
NAMES = [*SPEC.joints, 'gripper', 'left_finger', 'right_finger']


def stamp(msg) -> int:
    return msg.header.stamp.sec * 10**9 + msg.header.stamp.nanosec


@pytest.fixture
def robot(ros, tmp_path):
    """A running simulation without cameras, and all that it publishes."""
    node = ros.node()
    seen = SimpleNamespace(joints={arm: [] for arm in ARMS}, clock=[], states=[])
    for arm in ARMS:
        node.create_subscription(JointState, f'/{arm}/joint_states', seen.joints[arm].append, 100)
    node.create_subscription(Clock, '/clock', seen.clock.append, 100)
    node.create_subscription(SimState, '/act/sim_state', seen.states.append, LATCHED)
    with Running('sim', tmp_path / 'log', cameras=[], seed=3) as process:
        ros.wait_until(lambda: all(seen.joints.values()), what='joint states')
        yield SimpleNamespace(ros=ros, node=node, seen=seen, process=process)


def test_joint_states_come_every_10_ms_of_simulated_time_with_nine_joints(robot):
    robot.ros.wait_until(lambda: all(len(v) > 50 for v in robot.seen.joints.values()))
    for arm in ARMS:
        messages = robot.seen.joints[arm][:50]
        for msg in messages:
            assert list(msg.name) == NAMES
            assert len(msg.position) == len(msg.velocity) == len(msg.effort) == 9
            assert msg.position[8] == -msg.position[7]
        np.testing.assert_array_equal(np.diff([stamp(msg) for msg in messages]), 10**7)
    times = [msg.clock.sec * 10**9 + msg.clock.nanosec for msg in robot.seen.clock]
    assert (np.diff(times) == 10**7).all()


def test_get_robot_info_is_what_an_interbotix_client_needs(robot):
    def info(arm: str, cmd_type: str, name: str):
        request = RobotInfo.Request(cmd_type=cmd_type, name=name)
        return robot.ros.call(robot.node, RobotInfo, f'/{arm}/get_robot_info', request)

    for arm in ARMS:
        group = info(arm, 'group', 'arm')
        assert group.num_joints == 6 and list(group.joint_names) == NAMES[:6]
        assert group.mode == 'position' and list(group.joint_state_indices) == list(range(6))
        assert len(group.joint_sleep_positions) == len(group.joint_ids) == 6
        assert (np.array(group.joint_lower_limits) < SPEC.start[:6]).all()
        assert (np.array(group.joint_upper_limits) > SPEC.start[:6]).all()
        grip = info(arm, 'single', 'gripper')
        assert list(grip.joint_names) == ['left_finger'] and list(grip.joint_state_indices) == [7]
        assert 0.01 < grip.joint_lower_limits[0] < grip.joint_upper_limits[0] < 0.06
        # Logged, answered empty, still alive.
        assert list(info(arm, 'group', 'leg').joint_names) == []
        assert info(arm, 'group', 'arm').num_joints == 6


def test_every_service_of_the_driver_is_there_and_answers(robot):
    kinds = {
        'torque_enable': TorqueEnable,
        'reboot_motors': Reboot,
        'get_robot_info': RobotInfo,
        'set_operating_modes': OperatingModes,
        'set_motor_pid_gains': MotorGains,
        'set_motor_registers': RegisterValues,
        'get_motor_registers': RegisterValues,
    }
    for name, kind in kinds.items():
        request = kind.Request(cmd_type='single', name='no such joint')
        robot.ros.call(robot.node, kind, f'/follower_left/{name}', request)
    answer = robot.ros.call(
        robot.node,
        SetBool,
        '/leader_left/gravity_compensation_enable',
        SetBool.Request(data=True),
    )
    assert answer.success
    request = RegisterValues.Request(cmd_type='group', name='arm', reg='Position_P_Gain')
    service = '/follower_left/get_motor_registers'
    assert list(robot.ros.call(robot.node, RegisterValues, service, request).values) == [800] * 6


def publishers(robot, arm: str):
    group = robot.node.create_publisher(JointGroupCommand, f'/{arm}/commands/joint_group', 10)
    single = robot.node.create_publisher(JointSingleCommand, f'/{arm}/commands/joint_single', 10)
    for one in (group, single):
        robot.ros.wait_until(lambda one=one: one.get_subscription_count() > 0)
    return group, single


def test_commands_move_a_follower_and_without_torque_they_do_not(robot):
    group, single = publishers(robot, 'follower_left')
    pose = [0.3, *SPEC.start[1:6]]
    messages = robot.seen.joints['follower_left']
    group.publish(JointGroupCommand(name='arm', cmd=pose))
    single.publish(JointSingleCommand(name='gripper', cmd=SPEC.follower_gripper.joint_open))
    robot.ros.wait_until(lambda: abs(messages[-1].position[0] - 0.3) < 0.02)
    opened = SPEC.follower_gripper.finger_open
    robot.ros.wait_until(lambda: abs(messages[-1].position[7] - opened) < 0.001)

    request = TorqueEnable.Request(cmd_type='group', name='arm', enable=False)
    robot.ros.call(robot.node, TorqueEnable, '/follower_left/torque_enable', request)
    group.publish(JointGroupCommand(name='arm', cmd=[-0.3, *SPEC.start[1:6]]))
    group.publish(JointGroupCommand(name='no such group', cmd=[0.0]))
    count = len(messages)
    robot.ros.wait_until(lambda: len(messages) > count + 50)
    assert abs(messages[-1].position[0] - 0.3) < 0.02


def test_a_reset_puts_the_arms_back_begins_an_episode_and_time_goes_on(robot):
    group, _ = publishers(robot, 'follower_right')
    messages = robot.seen.joints['follower_right']
    group.publish(JointGroupCommand(name='arm', cmd=[0.3, *SPEC.start[1:6]]))
    robot.ros.wait_until(lambda: abs(messages[-1].position[0] - 0.3) < 0.02)
    answer = robot.ros.call(robot.node, ResetSim, '/act/sim/reset', ResetSim.Request(seed=11))
    assert answer.ok and answer.seed == 11
    robot.ros.wait_until(lambda: abs(messages[-1].position[0]) < 0.01)
    robot.ros.wait_until(lambda: robot.seen.states[-1].seed == 11)
    assert robot.seen.states[-1].episode == 2 and robot.seen.states[-1].length == 400
    assert (np.diff([stamp(msg) for msg in messages]) > 0).all()
    bad = robot.ros.call(robot.node, ResetSim, '/act/sim/reset', ResetSim.Request(seed=-5))
    assert not bad.ok and 'seed is -5' in bad.message


def test_ctrl_c_ends_it_with_code_0_and_without_a_traceback(robot):
    assert robot.process.stop() == 0
    assert 'Traceback' not in robot.process.output


def test_images_are_those_of_the_real_camera_in_the_size_asked_for(ros, tmp_path):
    node, images = ros.node(), []
    topic = '/' + SPEC.cameras['cam_high'].topic
    node.create_subscription(Image, topic, images.append, 10)
    options = {'cameras': ['cam_high'], 'image_height': 48, 'image_width': 64}
    with Running('sim', tmp_path / 'log', **options) as process:
        ros.wait_until(lambda: len(images) >= 3, what='images')
        assert process.stop() == 0
    for image in images:
        assert (image.height, image.width, image.step) == (48, 64, 192)
        assert image.encoding == 'rgb8' and len(image.data) == 48 * 192
        assert stamp(image) % (2 * 10**7) == 0  # 50 Hz of simulated time
    assert np.ptp(np.frombuffer(images[-1].data, np.uint8)) > 50


@pytest.mark.parametrize(
    ('parameters', 'message'),
    [
        ({'cameras': ['cam_top']}, 'there is no camera cam_top'),
        ({'task': 'juggle'}, "task is 'juggle'"),
        ({'image_rate_hz': 30.0}, 'image_rate_hz is 30'),
    ],
)
def test_a_parameter_that_cannot_be_is_named_and_nothing_runs(ros, tmp_path, parameters, message):
    with Running('sim', tmp_path / 'log', **parameters) as process:
        assert process.process.wait(60) == 1
        assert message in process.output and 'Traceback' not in process.output


def test_in_lockstep_the_world_waits_for_the_commands_of_both_arms(ros, tmp_path):
    node, messages = ros.node(), []
    node.create_subscription(JointState, '/follower_left/joint_states', messages.append, 100)
    with Running('sim', tmp_path / 'log', cameras=[], lockstep=True):
        ros.wait_until(lambda: len(messages) >= 2)
        assert stamp(messages[-1]) == stamp(messages[0])
        robot = SimpleNamespace(ros=ros, node=node)
        arms = [publishers(robot, arm) for arm in ARMS[:2]]
        for tick in range(1, 6):
            before = stamp(messages[-1])
            for group, single in arms:
                group.publish(JointGroupCommand(name='arm', cmd=[0.01 * tick, *SPEC.start[1:6]]))
                single.publish(JointSingleCommand(name='gripper', cmd=1.0))
            ros.wait_until(lambda before=before: stamp(messages[-1]) > before)
            assert stamp(messages[-1]) == before + 2 * 10**7
