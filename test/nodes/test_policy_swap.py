# SPDX-License-Identifier: Apache-2.0
"""Checkpoints and ways of executing them, changed while the policy node runs."""

from __future__ import annotations

import pytest
from act_msgs.srv import ListModels
from fakes import K, write_config
from policy_clients import enable, running, set_parameter
from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.msg import ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters


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
    ros.wait_until(lambda: loop.mode.sync)
    chunks = loop.statistics.chunks
    ros.wait_until(lambda: loop.statistics.chunks > chunks + 10)
    assert (loop.statistics.held, node.state) == (held, 'RUNNING')


def test_the_arms_can_be_stopped_while_a_checkpoint_is_loading(ros, robot, policy, models):
    write_config(models / 'other')
    node = running(ros, policy())
    make = node.node.spawner.make_worker

    def slow(folder):
        worker = make(folder)
        worker.ready = False
        return worker

    node.node.spawner.make_worker = slow
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
    write_config(models / 'slow', rate_hz=1000.0)
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
    assert 'trained at 1000 Hz' in listed.notes[2]


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

    node.node.spawner.make_worker = broken
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


def test_a_checkpoint_of_a_rate_that_no_arm_follows_is_refused_at_the_start(policy, models):
    write_config(models / 'slow', rate_hz=0.1)
    with pytest.raises(ValueError, match='trained at 0.1 Hz; policies of 2 to 200 Hz can be run'):
        policy(checkpoint='slow')


def test_a_checkpoint_whose_process_fails_is_refused(ros, robot, policy, models):
    write_config(models / 'other')
    node = running(ros, policy())
    make = node.node.spawner.make_worker

    def broken(folder):
        worker = make(folder)
        worker.ready, worker.error = False, 'model.safetensors: header is cut off'
        return worker

    node.node.spawner.make_worker = broken
    result = set_parameter(ros, 'checkpoint', 'other')
    assert not result.successful
    assert 'header is cut off' in result.reason
    assert node.state == 'RUNNING'
