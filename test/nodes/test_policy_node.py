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
from act_msgs.srv import ListModels
from diagnostic_msgs.msg import DiagnosticArray
from fakes import SPEC, FakeWorker, K, write_config
from interbotix_xs_msgs.msg import JointGroupCommand
from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.msg import ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, SetParameters
from sensor_msgs.msg import Image, JointState
from std_srvs.srv import SetBool, Trigger

from act_ros.nodes.shared.topics import LATCHED, SENSOR

UNLIMITED = SPEC.velocity / SPEC.rate_hz + 1e-6


def keep(ros, kind, topic, qos=10):
    """A list that grows with what is published."""
    got = []
    ros.node(f'keeper_{topic.replace("/", "_")}').create_subscription(kind, topic, got.append, qos)
    return got


def set_parameter(ros, name, value):
    kinds = {
        str: (ParameterType.PARAMETER_STRING, 'string_value'),
        float: (ParameterType.PARAMETER_DOUBLE, 'double_value'),
        int: (ParameterType.PARAMETER_INTEGER, 'integer_value'),
    }
    kind, field = kinds[type(value)]
    message = ParameterMsg(name=name, value=ParameterValue(type=kind, **{field: value}))
    request = SetParameters.Request(parameters=[message])
    answer = ros.call(ros.node('setter'), SetParameters, '/act/policy/set_parameters', request, 60)
    return answer.results[0]


def enable(ros, on=True):
    return ros.call(ros.node('enabler'), SetBool, '/act/policy/enable', SetBool.Request(data=on))


def running(ros, policy):
    ros.wait_until(lambda: policy.state == 'RUNNING', what='RUNNING')
    return policy


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


def test_a_missing_camera_is_waited_for_by_its_topic(ros, robot, policy):
    robot.images_on = False
    states = keep(ros, PolicyState, '/act/policy_state', LATCHED)
    policy()
    topic = '/cam_high/camera/color/image_rect_raw'
    ros.wait_until(lambda: states and states[-1].state == PolicyState.WAITING)
    assert states[-1].missing == topic
    assert 'nothing usable from cam_high yet' in states[-1].reason
    robot.images_on = True
    ros.wait_until(lambda: states[-1].state == PolicyState.RUNNING)
    ros.wait_until(robot.count)


def test_images_of_an_encoding_that_is_not_read_are_said_and_nothing_moves(ros, robot, policy):
    robot.encoding = 'bayer_rggb8'
    node = policy()
    ros.wait_until(lambda: node.state == 'WAITING')
    ros.wait_until(lambda: "encoding 'bayer_rggb8' is not read" in node.reason)
    assert robot.count() == 0


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        ({'width': 96, 'step': 288}, 'image of 96x96 does not have the aspect ratio of 64x48'),
        ({'step': 100}, 'step is 100 bytes, but 128 pixels of rgb8 need at least 384'),
        ({'step': 500}, 'bytes of data, but 96 rows of step 500 need'),
        ({'height': 0}, 'image of 0 rows'),
    ],
)
def test_an_image_of_another_size_or_step_is_said_and_nothing_moves(
    ros, robot, policy, change, reason
):
    robot.image_changes = change
    node = policy()
    ros.wait_until(lambda: reason in node.reason)
    assert robot.count() == 0


def test_an_image_of_the_same_shape_but_larger_with_padded_rows_is_used(ros, robot, policy):
    robot.image_changes = {'height': 192, 'width': 256, 'step': 800, 'data': bytes(192 * 800)}
    node = running(ros, policy())
    assert node.worker.seen[-1][1].images['cam_high'].shape == (48, 64, 3)


def test_a_missing_joint_is_named_and_nothing_moves(ros, robot, policy):
    robot.names.remove('elbow')
    node = policy()
    ros.wait_until(lambda: '/follower_left/joint_states: no joint elbow' in node.reason)
    assert node.state == 'IDLE'  # it can't even be enabled
    assert robot.count() == 0


def test_a_permuted_joint_order_makes_no_difference(ros, robot, policy):
    robot.qpos = np.arange(14) / 20.0
    robot.names.reverse()
    node = running(ros, policy())
    _, seen = node.worker.seen[-1]
    np.testing.assert_allclose(seen.qpos, robot.qpos, atol=1e-6)


@pytest.mark.parametrize('source', ['/follower_right/joint_states', 'camera'])
def test_a_second_publisher_of_an_input_holds_the_arms_while_it_lasts(ros, robot, policy, source):
    node = running(ros, policy())
    ros.wait_until(lambda: robot.count() > 50)
    rival = ros.node('joint_state_publisher')
    camera = source == 'camera'
    topic = f'/{SPEC.cameras["cam_high"].topic}' if camera else source
    publisher = rival.create_publisher(Image if camera else JointState, topic, 10)
    ros.wait_until(lambda: node.state == 'HOLDING')
    assert f'{topic} has 2 publishers' in node.reason and '/joint_state_publisher' in node.reason
    rival.destroy_publisher(publisher)
    ros.wait_until(lambda: node.state == 'RUNNING')


def test_a_camera_that_repeats_its_picture_with_new_stamps_holds_the_arms(ros, robot, policy):
    node = running(ros, policy())
    ros.wait_until(lambda: robot.count() > 50)
    robot.frozen = True
    ros.wait_until(lambda: node.state == 'HOLDING' and 'sends the same picture' in node.reason)
    robot.frozen = False
    ros.wait_until(lambda: node.state == 'RUNNING')


def test_poses_that_no_arm_can_reach_are_left_out_and_hold_the_arms_if_they_go_on(
    ros, robot, policy
):
    node = running(ros, policy())
    ros.wait_until(lambda: robot.count() > 50)
    robot.torn = True
    ros.wait_until(lambda: node.state == 'HOLDING' and 'waist jumped by up to 1.' in node.reason)
    robot.torn = False
    ros.wait_until(lambda: node.state == 'RUNNING')
    assert all(abs(seen.qpos[0]) < 0.9 for _, seen in node.worker.seen)


@pytest.mark.parametrize('lost', ['joints_on', 'images_on'])
def test_inputs_that_stop_hold_the_last_command_and_resume(ros, robot, policy, lost):
    node = running(ros, policy(max_joint_age_s=0.5, max_image_age_s=0.5))
    ros.wait_until(lambda: robot.count() > 50)
    setattr(robot, lost, False)
    ros.wait_until(lambda: node.state == 'HOLDING')
    assert 'old' in node.reason
    held = node.node.loop.runtime.command
    count = robot.count()
    ros.wait_until(lambda: robot.count() > count + 10)
    assert robot.last()[0] == pytest.approx(held[:6].tolist())
    setattr(robot, lost, True)
    running(ros, node)


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


def test_the_checkpoint_can_be_changed_while_it_runs(ros, robot, policy, models):
    write_config(models / 'other', image_size=(36, 48))
    node = running(ros, policy())
    held = node.node.loop.statistics.held
    result = set_parameter(ros, 'checkpoint', 'models/other')
    assert result.successful, result.reason
    assert node.node.loop.engine.folder.name == 'other'
    assert node.worker.closed
    assert node.workers[1].seen[-1][1].images['cam_high'].shape == (36, 48, 3)
    assert node.state == 'RUNNING'
    assert node.node.loop.statistics.held == held


def test_the_way_the_chunks_are_executed_can_be_changed_while_it_runs(ros, robot, policy):
    node = running(ros, policy())
    loop = node.node.loop
    held = loop.statistics.held
    assert set_parameter(ros, 'ensemble', 'none').successful
    ros.wait_until(lambda: type(loop.runtime.execution).__name__ == 'OpenLoop')
    assert set_parameter(ros, 'execute', 10).successful
    ros.wait_until(lambda: loop.runtime.execution.execute == 10)
    refused = set_parameter(ros, 'execute', K + 1)
    assert 'chunk length 50' in refused.reason
    assert set_parameter(ros, 'ensemble', 'newest').successful
    ros.wait_until(lambda: type(loop.runtime.execution).__name__ == 'TemporalEnsemble')
    assert set_parameter(ros, 'inference', 'sync').successful
    ros.wait_until(lambda: loop.sync)
    chunks = loop.statistics.chunks
    ros.wait_until(lambda: loop.statistics.chunks > chunks + 10)
    assert (loop.statistics.held, node.state) == (held, 'RUNNING')


def test_the_arms_can_be_stopped_while_a_checkpoint_is_loading(ros, robot, policy, models):
    write_config(models / 'other')
    node = running(ros, policy())
    make = node.node._make_worker

    def slow(folder):
        worker = make(folder)
        worker.ready = False
        return worker

    node.node._make_worker = slow
    client = ros.node('setter').create_client(SetParameters, '/act/policy/set_parameters')
    ros.wait_until(client.service_is_ready)
    value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value='other')
    request = SetParameters.Request(parameters=[ParameterMsg(name='checkpoint', value=value)])
    answer = client.call_async(request)
    ros.wait_until(lambda: len(node.workers) == 2)
    assert enable(ros, on=False).success
    assert node.state == 'IDLE'
    assert not answer.done()
    node.workers[1].ready = True
    ros.wait_until(answer.done)
    assert answer.result().results[0].successful


def test_the_list_of_policies_says_which_fit_and_why_not(ros, policy, models):
    write_config(models / 'slow', rate_hz=30.0)
    (models / 'broken').mkdir()
    (models / 'broken' / 'config.json').write_text('{', encoding='utf-8')
    (models / 'no_policy').mkdir()
    policy(enable=False)
    node = ros.node('lister')
    listed = ros.call(node, ListModels, '/act/policy/list_models', ListModels.Request())
    assert listed.live == str(models / 'fake')
    assert listed.folders == [str(models)]
    assert listed.names == ['broken', 'fake', 'slow']
    assert listed.paths == [str(models / name) for name in listed.names]
    assert listed.compatible == [False, True, False]
    assert 'config.json' in listed.notes[0]
    assert listed.notes[1] == 'cam_high at 64x48, chunks of 50 actions'
    assert 'trained at 30 Hz' in listed.notes[2]


def test_a_path_outside_models_dir_is_refused_unless_the_node_was_started_so(
    ros, robot, policy, models, tmp_path
):
    outside = write_config(tmp_path / 'elsewhere' / 'other')
    node = running(ros, policy())
    for text in (str(outside), '../elsewhere/other', f'{models}/../elsewhere/other'):
        result = set_parameter(ros, 'checkpoint', text)
        assert not result.successful
        assert 'allow_any_path:=true' in result.reason
    (models / 'linked').symlink_to(outside)  # whoever can do this owns the folder
    assert set_parameter(ros, 'checkpoint', 'linked').successful
    assert node.state == 'RUNNING'


def test_started_so_the_node_takes_a_policy_from_any_path(ros, robot, policy, tmp_path):
    outside = write_config(tmp_path / 'elsewhere' / 'other')
    running(ros, policy(allow_any_path=True))
    assert set_parameter(ros, 'checkpoint', str(outside)).successful


def test_the_path_the_node_was_started_with_can_be_returned_to(ros, robot, policy, tmp_path):
    outside = write_config(tmp_path / 'elsewhere' / 'mine')
    node = running(ros, policy(checkpoint=str(outside)))
    assert set_parameter(ros, 'checkpoint', 'fake').successful
    assert set_parameter(ros, 'checkpoint', str(outside)).successful
    assert node.state == 'RUNNING'


def test_what_only_a_refused_policy_looked_at_is_no_longer_listened_to(ros, robot, policy, models):
    write_config(models / 'other', cameras=('cam_high', 'cam_low'), image_size=(36, 48))
    node = running(ros, policy())
    assert not set_parameter(ros, 'checkpoint', 'other').successful
    cameras = node.node.observer.cameras
    assert list(cameras) == ['cam_high']
    assert cameras['cam_high'].sizes == {(48, 64)}
    robot.cameras.add('cam_low')
    assert set_parameter(ros, 'checkpoint', 'other').successful
    assert set_parameter(ros, 'checkpoint', 'fake').successful
    assert list(node.node.observer.cameras) == ['cam_high']
    running(ros, node)


def test_an_error_of_this_program_in_a_change_is_a_refusal_and_no_end(ros, robot, policy):
    node = running(ros, policy())

    def broken(folder):
        raise RuntimeError('a bug')

    node.node._make_worker = broken
    result = set_parameter(ros, 'checkpoint', 'fake')
    assert not result.successful
    assert 'RuntimeError: a bug' in result.reason
    assert not node.stop.is_set()
    assert node.state == 'RUNNING'


def test_a_checkpoint_that_is_not_there_is_refused_and_the_old_one_runs_on(ros, robot, policy):
    node = running(ros, policy())
    result = set_parameter(ros, 'checkpoint', 'nowhere')
    assert not result.successful
    assert "no policy 'nowhere'" in result.reason
    assert 'fake' in result.reason  # what there is
    assert node.state == 'RUNNING'


def test_a_checkpoint_for_cameras_that_this_robot_lacks_is_refused(ros, robot, policy, models):
    write_config(models / 'other', cameras=('top', 'cam_high'))
    node = running(ros, policy())
    result = set_parameter(ros, 'checkpoint', 'other')
    assert not result.successful
    assert 'trained with camera top' in result.reason
    assert 'cam_high, cam_low' in result.reason
    assert node.state == 'RUNNING'


def test_a_checkpoint_for_a_camera_that_is_off_is_refused(ros, robot, policy, models):
    write_config(models / 'other', cameras=('cam_high', 'cam_low'))
    node = running(ros, policy())
    result = set_parameter(ros, 'checkpoint', 'other')
    assert not result.successful
    assert '/cam_low/camera/color/image_rect_raw' in result.reason
    assert node.workers[1].closed
    assert node.state == 'RUNNING'


def test_a_checkpoint_for_another_rate_is_refused_at_the_start(policy, models):
    write_config(models / 'slow', rate_hz=30.0)
    with pytest.raises(ValueError, match='trained at 30 Hz, and this robot runs at 50 Hz'):
        policy(checkpoint='slow')


def test_a_checkpoint_whose_process_fails_is_refused(ros, robot, policy, models):
    write_config(models / 'other')
    node = running(ros, policy())
    make = node.node._make_worker

    def broken(folder):
        worker = make(folder)
        worker.ready, worker.error = False, 'model.safetensors: header is cut off'
        return worker

    node.node._make_worker = broken
    result = set_parameter(ros, 'checkpoint', 'other')
    assert not result.successful
    assert 'header is cut off' in result.reason
    assert node.state == 'RUNNING'


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
    ros.wait_until(lambda: diagnostics and 'RUNNING' not in diagnostics[-1].status[0].message)
    names = [status.name.rpartition(': ')[2] for status in diagnostics[-1].status]
    assert names == ['control loop', 'inference', 'joint states', 'cam_high']


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
