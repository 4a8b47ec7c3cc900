# SPDX-License-Identifier: Apache-2.0
"""The policy node between a fake robot and a fake network."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from act_msgs.msg import Chunk as ChunkMsg
from act_msgs.msg import Command, PolicyState
from diagnostic_msgs.msg import DiagnosticArray
from fakes import SPEC, FakeWorker, K
from interbotix_xs_msgs.msg import JointGroupCommand
from policy_clients import enable, keep, running, set_parameter
from rcl_interfaces.srv import DescribeParameters
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from act_ros.nodes.shared.topics import COMMAND, LATCHED, SENSOR

UNLIMITED = SPEC.velocity / SPEC.rate_hz + 1e-6


def test_commands_go_to_all_four_topics_and_reach_the_goal_in_joint_units(ros, robot, policy):
    running(ros, policy())
    ros.wait_until(lambda: robot.count() > 25)
    scale = SPEC.follower_gripper
    for arm in SPEC.arms:
        ros.wait_until(lambda arm=arm: robot.last(arm.follower)[0][0] == pytest.approx(0.3))
        _, gripper = robot.last(arm.follower)
        assert gripper == pytest.approx(scale.unit_to_joint(0.5), abs=1e-5)


def test_the_first_commands_leave_the_measured_pose_no_faster_than_allowed(ros, robot, policy):
    commands = keep(ros, Command, '/act/command')
    robot.qpos[0] = -0.5
    running(ros, policy())
    ros.wait_until(lambda: len(commands) > 30)
    actions = np.array([msg.action for msg in commands], dtype=np.float64)
    assert abs(actions[0, 0] + 0.5) <= UNLIMITED[0]
    ticks = np.array([msg.tick for msg in commands])
    steps = np.abs(np.diff(actions, axis=0))
    assert (steps <= UNLIMITED).all()
    assert (np.diff(ticks) > 0).all()


def test_not_enabled_nothing_moves_until_the_service_says_so(ros, robot, policy):
    node = policy(enable=False)
    ros.wait_until(lambda: len(node.worker.seen) > 10)
    assert node.state == 'IDLE'
    assert robot.count() == 0
    assert enable(ros).success
    ros.wait_until(lambda: robot.count() > 5)
    assert enable(ros, on=False).success
    ros.wait_until(lambda: node.state == 'IDLE')
    count = robot.count()
    seen = len(node.worker.seen)
    ros.wait_until(lambda: len(node.worker.seen) > seen + 10)
    assert robot.count() - count <= 1  # one may have been under way


def test_another_publisher_on_a_command_topic_refuses_the_enabling(ros, robot, policy):
    node = policy(enable=False)
    rival = ros.node('rival')
    rival.create_publisher(JointGroupCommand, '/follower_left/commands/joint_group', 10)
    ros.wait_until(lambda: node.node.count_publishers('/follower_left/commands/joint_group') == 2)
    answer = enable(ros)
    assert not answer.success
    assert '/follower_left/commands/joint_group (rival)' in answer.message
    assert node.state == 'IDLE'


def test_values_of_the_network_that_are_not_finite_never_reach_a_motor(ros, robot, policy):
    commands = keep(ros, Command, '/act/command')
    node = running(ros, policy())
    bad = FakeWorker.toward(0.1)
    bad[3, 4] = np.nan
    node.worker.predict = lambda tick, observation: bad
    ros.wait_until(lambda: node.state == 'HOLDING')
    assert 'not finite' in node.reason
    node.worker.predict = lambda tick, observation: FakeWorker.toward(0.2)
    running(ros, node)
    assert np.isfinite([msg.action for msg in commands]).all()
    assert node.node.loop.runtime.rejected >= 1


def test_a_network_that_dies_is_started_again_while_the_arms_hold(ros, robot, policy):
    states = keep(ros, PolicyState, '/act/policy_state', LATCHED)
    node = running(ros, policy())
    ros.wait_until(lambda: node.node.supervisor.settles)
    node.worker.error = 'the inference process was ended by SIGKILL (out of memory?)'
    ros.wait_until(lambda: len(node.workers) == 2 and node.worker.closed)
    running(ros, node)
    held = [state.reason for state in states if state.state == PolicyState.HOLDING]
    assert any('ended by SIGKILL' in reason for reason in held)


def test_a_network_that_hangs_is_started_again_while_the_arms_hold(ros, robot, policy):
    node = running(ros, policy(inference_timeout_s=0.5))
    ros.wait_until(lambda: node.node.supervisor.settles)
    node.worker.predict = lambda tick, observation: None
    ros.wait_until(lambda: len(node.workers) == 2 and node.worker.closed)
    running(ros, node)
    assert len(node.workers) == 2


def test_a_network_that_dies_again_and_again_is_a_fault_that_says_what_to_do(ros, robot, policy):
    states = keep(ros, PolicyState, '/act/policy_state', LATCHED)
    node = running(ros, policy())
    for count in range(1, 5):
        ros.wait_until(lambda: node.node.loop.engine.worker is node.workers[-1])
        ros.wait_until(lambda: node.node.supervisor.settles)
        node.workers[-1].error = 'the inference process was ended by SIGSEGV'
        if count < 4:
            ros.wait_until(lambda count=count: len(node.workers) == count + 1)
    ros.wait_until(lambda: states[-1].state == PolicyState.FAULT)
    told = keep(ros, String, '/act/episode_fault', COMMAND)  # what is being recorded is marked
    ros.wait_until(lambda: any('the policy held the arms for' in msg.data for msg in told))
    assert 'SIGSEGV; it was started again 3 times within 60 s' in states[-1].reason
    assert 'Set another checkpoint' in states[-1].reason
    count = robot.count()
    ros.wait_until(lambda: robot.count() > count + 5)  # the last command is repeated
    assert enable(ros).success  # tries once more
    running(ros, node)


def test_inference_that_is_slow_costs_no_tick(ros, robot, policy):
    node = policy()
    slow = iter(range(10**6))
    node.worker.predict = lambda tick, obs: (
        FakeWorker.toward(0.1) if next(slow) % 10 == 0 else None
    )
    running(ros, node)
    before = node.node.loop.statistics.held
    ros.wait_until(lambda: node.node.loop.statistics.chunks > 5)
    assert node.node.loop.statistics.held == before


def test_chunks_are_published_with_the_tick_of_their_observation(ros, robot, policy):
    chunks = keep(ros, ChunkMsg, '/act/chunk', SENSOR)
    node = running(ros, policy())
    ros.wait_until(lambda: len(chunks) > 3)
    chunk = chunks[-1]
    assert (chunk.rows, chunk.dof, len(chunk.actions)) == (K, 14, K * 14)
    assert chunk.tick in [tick for tick, _ in node.worker.seen]


def test_reset_forgets_what_was_planned(ros, robot, policy):
    node = running(ros, policy())
    node.worker.predict = lambda tick, observation: None
    answer = ros.call(ros.node('resetter'), Trigger, '/act/policy/reset', Trigger.Request())
    assert answer.success
    ros.wait_until(lambda: node.state == 'HOLDING')
    assert not node.node.loop.runtime.execution.count(node.worker.seen[-1][0])


@pytest.mark.parametrize(
    ('name', 'value', 'reason'),
    [
        ('max_image_age_s', 50.0, 'max_image_age_s'),
        ('max_image_age_s', float('nan'), 'max_image_age_s'),
        ('max_image_age_s', 'old', 'expected a number'),
        ('ensemble_m', 11.0, 'ensemble_m'),
        ('ensemble', 'best', 'expected one of oldest, newest, none'),
        ('inference', 'later', 'expected one of async, sync'),
        ('execute', -1, 'execute'),
        ('inference_timeout_s', 0.0, 'inference_timeout_s'),
        ('threads', 2, 'read-only'),
        ('models_dir', '/tmp', 'read-only'),
        ('checkpoint', 3, 'type'),
        ('checkpoint', '', 'no policy'),
    ],
)
def test_parameters_out_of_range_are_refused(ros, policy, name, value, reason):
    node = policy(enable=False)
    before = dict(node.node.parameters.values)
    result = set_parameter(ros, name, value)
    assert not result.successful
    assert reason in result.reason
    assert node.node.parameters.values == before


def test_what_keeps_the_arms_safe_is_not_loosened_while_they_may_move(ros, robot, policy):
    node = running(ros, policy())
    for name, value in (('max_joint_age_s', 0.9), ('max_image_age_s', 1.9), ('max_hold_s', 0.0)):
        before = node.node.parameters.values[name]
        result = set_parameter(ros, name, value)
        assert not result.successful and 'not while the arms are enabled' in result.reason
        assert '/act/policy/enable' in result.reason
        assert node.node.parameters.values[name] == before
        assert set_parameter(ros, name, before).successful  # says what is so already
    ros.call(ros.node('disabler'), SetBool, '/act/policy/enable', SetBool.Request(data=False))
    assert set_parameter(ros, 'max_joint_age_s', 0.9).successful
    assert node.node.loop.runtime.freshness.joints_s == 0.9
    assert not set_parameter(ros, 'max_joint_age_s', 5.0).successful


def test_a_whole_number_is_taken_for_a_float(ros, policy):
    node = policy(enable=False)
    assert set_parameter(ros, 'max_image_age_s', 2).successful
    assert node.node.loop.runtime.freshness.images_s == 2.0


@pytest.mark.parametrize(
    ('parameters', 'reason'),
    [
        ({'ensemble': 'best'}, "ensemble is 'best', expected one of oldest, newest, none"),
        ({'ensemble': 'none', 'execute': K + 1}, 'chunk length 50'),
    ],
)
def test_a_start_with_a_wrong_parameter_says_which(policy, parameters, reason):
    with pytest.raises(ValueError, match=reason):
        policy(**parameters)


def test_a_choice_is_text_in_yaml_too():
    # `ros2 param set` and parameter files take 'off' or 'no' for a boolean.
    from act_ros.nodes.policy.parameters import PARAMETERS

    choices = [choice for row in PARAMETERS for choice in row.choices]
    assert choices and [yaml.safe_load(choice) for choice in choices] == choices


def test_every_parameter_is_described(ros, policy):
    from act_ros.nodes.policy.parameters import PARAMETERS

    policy(enable=False)
    request = DescribeParameters.Request(names=[row.name for row in PARAMETERS])
    node = ros.node('describer')
    answer = ros.call(node, DescribeParameters, '/act/policy/describe_parameters', request)
    assert all(len(each.description) > 15 for each in answer.descriptors)


def test_who_comes_late_still_learns_the_state(ros, robot, policy):
    node = policy(enable=False)
    ros.wait_until(lambda: node.worker.seen)
    states = keep(ros, PolicyState, '/act/policy_state', LATCHED)
    ros.wait_until(lambda: states)
    assert states[0].state == PolicyState.IDLE
    assert states[0].checkpoint.endswith('/fake')


def test_diagnostics_name_the_loop_the_inference_and_every_input(ros, robot, policy):
    diagnostics = keep(ros, DiagnosticArray, '/diagnostics')
    running(ros, policy())
    ros.wait_until(lambda: len({msg.status[0].name for msg in diagnostics}) == 2)
    found = {msg.status[0].name: [each.hardware_id for each in msg.status] for msg in diagnostics}
    assert found == {
        'act/policy: control loop': [
            'control loop', 'inference', 'follower_left', 'follower_right', 'cam_high',
        ],
        'act/policy: gate': ['gate'],
    }  # fmt: skip


def test_without_a_clock_it_says_that_time_stands_still(ros, policy):
    states = keep(ros, PolicyState, '/act/policy_state', LATCHED)
    policy(use_sim_time=True)
    ros.wait_until(lambda: states and 'ROS time stands still' in states[-1].reason)


PROCESS = """
import sys
sys.path.insert(0, {here!r})
from fakes import FakeWorker
from act_ros.nodes.policy.node import PolicyNode
from act_ros.nodes.process.run import run
sys.exit(run(lambda stop: PolicyNode(stop, FakeWorker)))
"""


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_process_with_a_final_hold_and_code_0(ros, robot, models, number):
    commands = keep(ros, Command, '/act/command')
    arguments = ['--ros-args', '-r', '__ns:=/act', '-p', 'enable:=true', '-p', 'checkpoint:=fake']
    code = PROCESS.format(here=str(Path(__file__).parent))
    process = subprocess.Popen(
        [sys.executable, '-c', code, *arguments, '-p', f'models_dir:={models}'],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
    )
    ros.wait_until(lambda: len(commands) > 10)
    process.send_signal(number)
    process.send_signal(number)  # twice does no harm
    _, errors = process.communicate(timeout=90)
    assert process.returncode == 0, errors
    assert 'Traceback' not in errors
    assert 'commands sent in' in errors
    ros.wait_until(lambda: commands[-1].action[0] == commands[-2].action[0])
