# SPDX-License-Identifier: Apache-2.0
"""Inputs, disks and clocks that fail while the recorder records: seen, marked, survived."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import time
from collections.abc import Iterator

import numpy as np
import pytest
from act_msgs.msg import RecorderState, SourceFault
from sources import Recorder, Sources, launch
from std_msgs.msg import String

from act_ros.data.recording.episode_writer import read_episode
from act_ros.data.recording.log_to_hdf5 import recover_log
from act_ros.data.spoilt import spoilt


@pytest.fixture(scope='module')
def ros(module_ros):
    return module_ros


@pytest.fixture(scope='module')
def sources(ros) -> Iterator[Sources]:
    made = Sources(ros.node('robot'))
    yield made
    made.close()


@pytest.fixture(scope='module')
def process(ros, sources, tmp_path_factory) -> Iterator[Recorder]:
    folder = tmp_path_factory.mktemp('recorder')
    made = Recorder(ros, folder / 'data', folder / 'log')
    yield made
    assert made.stop() == 0, made.output
    assert 'Traceback' not in made.output


@pytest.fixture
def recorder(process, sources) -> Iterator[Recorder]:
    """The recorder, which no test may bring down, hearing everything."""
    sources.joints = sources.camera = sources.command = 'on'
    process.wait(lambda state: not state.reason or state.state == RecorderState.FAULT)
    yield process
    if process.state.open:  # of a test that failed
        process.end()


def faulty(word: str):
    return lambda state: state.state == RecorderState.FAULT and word in state.reason


def test_a_camera_that_repeats_its_picture_with_new_stamps_is_a_visible_fault(recorder, sources):
    recorder.begin()
    sources.camera = 'frozen'
    assert recorder.wait(faulty('frozen: cam_high')).faults >= 1
    sources.camera = 'on'
    recorder.wait(lambda state: state.state == RecorderState.RECORDING)
    with read_episode(recorder.end().message) as episode:
        assert episode.attrs['frozen_rows'] > 0
        assert any('frozen: cam_high' in fault for fault in episode.attrs['faults'])


@pytest.mark.parametrize('how', ['old', 'off'])
def test_a_camera_without_new_frames_is_old_then_lacking_then_back(recorder, sources, how):
    recorder.begin()
    sources.camera = how
    recorder.wait(faulty('old: cam_high'))
    state = recorder.wait(faulty('nothing from cam_high'))
    assert 'cam_high/camera/color/image_rect_raw, 1 publisher)' in state.reason
    recorder.wait(lambda state: state.dropped > 0)
    sources.camera = 'on'
    recorder.wait(lambda state: state.state == RecorderState.RECORDING)
    answer = recorder.end()
    with read_episode(answer.message) as episode:
        assert episode.attrs['stale_rows'] > 30 and episode.attrs['dropped_rows'] == answer.dropped
        assert episode.image_age['cam_high'].max() == pytest.approx(1.0, abs=0.05)
        gap = np.diff(episode.stamp).max()
        assert gap == pytest.approx(0.02 * (answer.dropped + 1), abs=0.001)  # nothing made up


def test_joint_states_that_stop_are_a_visible_fault(recorder, sources):
    recorder.begin()
    sources.joints = 'off'
    recorder.wait(faulty('old: follower_left, follower_right'))
    recorder.wait(faulty('nothing from follower_left'))
    sources.joints = 'on'
    recorder.wait(lambda state: state.state == RecorderState.RECORDING)
    answer = recorder.end()
    assert answer.ok and answer.dropped > 0


@pytest.mark.parametrize('kind', ['joints', 'images'])
def test_a_second_publisher_of_a_source_is_a_visible_fault_while_it_lasts(recorder, sources, kind):
    recorder.begin()
    rival = recorder.ros.node('joint_state_publisher')
    publisher = sources.rival(rival, kind)
    state = recorder.wait(faulty('2 publishers'))
    assert '/joint_state_publisher' in state.reason and '/robot' in state.reason
    assert state.sources[0].fault == SourceFault.CONTESTED
    rival.destroy_publisher(publisher)
    recorder.wait(lambda state: state.state == RecorderState.RECORDING)
    with read_episode(recorder.end().message) as episode:
        assert any('2 publishers' in fault for fault in episode.attrs['faults'])


def test_poses_that_jump_as_no_arm_can_are_a_visible_fault(recorder, sources):
    recorder.begin()
    sources.joints = 'torn'
    recorder.wait(faulty('waist jumped by up to 1.00'))
    sources.joints = 'on'
    recorder.wait(lambda state: state.state == RecorderState.RECORDING)
    with read_episode(recorder.end().message) as episode:
        assert any('jumped' in fault for fault in episode.attrs['faults'])
        assert episode.qpos[:, 0].max() < 0.1


def test_one_torn_reading_is_left_out_and_spoils_nothing(recorder, sources):
    recorder.begin()
    sources.joints = 'torn once'
    recorder.ros.wait_until(lambda: sources.joints == 'on')
    rows = recorder.state.rows
    state = recorder.wait(lambda state: state.rows > rows + 25)
    assert (state.state, state.faults) == (RecorderState.RECORDING, 0)
    with read_episode(recorder.end().message) as episode:
        assert 'faults' not in episode.attrs and episode.qpos[:, 0].max() < 0.1


def test_a_command_that_is_no_number_is_not_recorded_and_spoils_the_episode(recorder, sources):
    recorder.begin()
    sources.command = 'nan'
    reason = recorder.wait(faulty('not to be believed: act/command')).reason
    assert 'left_shoulder is not a finite number' in reason
    sources.command = 'on'
    recorder.wait(lambda state: state.state == RecorderState.RECORDING)
    with read_episode(recorder.end().message) as episode:
        assert np.isfinite(episode.action).all()
        why = spoilt(episode.attrs, len(episode), episode.rate_hz)
        assert any('left_shoulder is not a finite number' in reason for reason in why)


def test_an_episode_that_begins_while_a_source_is_doubted_is_marked(recorder, sources):
    sources.command = 'nan'
    recorder.wait(lambda state: 'not to be believed: act/command' in state.reason)
    recorder.begin()
    with read_episode(recorder.end().message) as episode:
        assert spoilt(episode.attrs, len(episode), episode.rate_hz)


def test_a_driver_that_leaves_something_out_now_and_then_is_warned_of_once(recorder, sources):
    recorder.begin()
    for turn in range(1, 7):
        sources.joints = 'bare' if turn % 2 else 'on'
        recorder.wait(lambda state, turn=turn: state.rows > 10 * turn)
    recorder.end()
    assert recorder.output.count('follower_left: no effort is published') == 1


def test_effort_that_no_driver_sends_is_named_in_the_file(recorder, sources):
    sources.joints = 'bare'
    recorder.ros.wait_until(lambda: recorder.said('no effort is published'), what='the warning')
    recorder.begin()
    with read_episode(recorder.end().message) as episode:
        missing = ['effort of follower_left', 'effort of follower_right']
        assert list(episode.attrs['not_measured']) == missing
    sources.joints = 'on'

    def measured():
        recorder.begin()
        with read_episode(recorder.end().message) as episode:
            return 'not_measured' not in episode.attrs

    recorder.ros.wait_until(
        measured, what='an episode with effort'
    )  # soon: some is on its way yet


def test_an_episode_ends_where_the_recorder_was_halted_and_the_next_one_is_whole(recorder):
    number, begun = recorder.begin(), time.monotonic()
    os.kill(recorder.process.pid, signal.SIGSTOP)
    try:
        recorder.ros.wait_until(lambda: time.monotonic() > begun + 1.5)
    finally:
        os.kill(recorder.process.pid, signal.SIGCONT)
    recorder.ros.wait_until(lambda: recorder.said(f'episode {number}: the clock jumped by +'))
    assert recorder.said('or this process was halted for so long; the episode ends here')
    assert recorder.begin() == number + 1
    with read_episode(recorder.end().message) as episode:
        assert 'faults' not in episode.attrs


def test_what_another_node_finds_wrong_is_in_the_file(recorder):
    told = recorder.node.create_publisher(String, '/act/episode_fault', 10)
    recorder.ros.wait_until(told.get_subscription_count, what='the recorder')
    recorder.begin()
    told.publish(String(data='leader_left fell silent'))
    recorder.ros.wait_until(
        lambda: recorder.said('leader_left fell silent'), what='word of the fault'
    )
    assert recorder.wait(lambda state: state.faults > 0)
    with read_episode(recorder.end().message) as episode:
        faults = [fault.partition(': ')[2] for fault in episode.attrs['faults']]
        assert faults.count('leader_left fell silent') == 1


def test_a_folder_that_becomes_read_only_costs_no_row(recorder):
    finished = recorder.dataset / f'episode_{finish(recorder)}.hdf5'
    before = finished.read_bytes()
    number = recorder.begin(50)
    recorder.dataset.chmod(0o555)
    try:
        answer = recorder.end()
        assert not answer.ok and 'Permission denied' in answer.message
        recorder.wait(faulty('it stays as'))
        with pytest.raises(AssertionError, match='Permission denied'):
            recorder.begin()
    finally:
        recorder.dataset.chmod(0o755)
    assert finished.read_bytes() == before
    rows = answer.rows
    assert rows >= 50
    answer = finish(recorder)  # it goes on, under a new number
    assert answer > number and (recorder.dataset / f'episode_{number}.hdf5.log').exists()


@pytest.mark.parametrize('room', [400_000, 1000], ids=['filling up', 'full at once'])
def test_a_full_disk_ends_the_episode_and_keeps_what_it_has(recorder, room):
    finished = recorder.dataset / f'episode_{finish(recorder)}.hdf5'
    before = finished.read_bytes()
    number, kept, failed = recorder.begin(20), recorder.state.kept, recorder.state.failed
    pid, most = recorder.process.pid, resource.RLIM_INFINITY
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (room, most))  # no file can grow beyond
    try:
        state = recorder.wait(lambda state: state.kept > kept or state.failed > failed)
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))
    assert 'File too large' in state.message and state.state == RecorderState.FAULT
    if state.failed > failed:  # it stays as a log, which the next start finishes
        assert recover_log(recorder.dataset / f'episode_{number}.hdf5.log')
    folder = recorder.dataset / ('interrupted' if state.failed > failed else '')
    with read_episode(folder / f'episode_{number}.hdf5') as episode:
        assert len(episode) >= 20
    assert finished.read_bytes() == before
    assert finish(recorder) > number  # room again


def test_a_folder_that_is_deleted_while_recording_is_put_back_with_all_rows(recorder):
    number, kept = recorder.begin(20), recorder.state.kept
    shutil.rmtree(recorder.dataset, ignore_errors=True)  # it may be put back before all is gone
    recorder.wait(lambda state: state.kept > kept)
    assert 'was deleted while it was recorded' in recorder.state.message
    with read_episode(recorder.dataset / f'episode_{number}.hdf5') as episode:
        assert len(episode) >= 20
        assert any('was deleted' in fault for fault in episode.attrs['faults'])
    recorder.begin()  # and the folder is held again
    second = launch(recorder.dataset, recorder.log.with_name('second'), '/second')
    assert second.wait(90) == 1
    assert recorder.end().ok


def test_a_killed_helper_costs_nothing(recorder):
    recorder.begin(20)
    (helper,) = recorder.children()
    os.kill(helper, signal.SIGKILL)
    answer = recorder.end()
    with read_episode(answer.message) as episode:
        assert len(episode) == answer.rows and episode.attrs['complete']


def finish(recorder: Recorder) -> int:
    """Record a short episode without a fault; its number."""
    recorder.begin()
    answer = recorder.end()
    assert answer.ok, answer.message
    return int(answer.episode)


def test_a_camera_that_never_comes_is_named_with_its_topic(ros, sources, tmp_path):
    lonely = Recorder(ros, tmp_path / 'data', tmp_path / 'log', '/lonely')
    lonely.begin(rows=0)
    state = lonely.wait(lambda state: state.state == RecorderState.WAITING and state.reason)
    assert 'cam_high (/lonely/cam_high/camera/color/image_rect_raw, 0 publishers)' in state.reason
    lonely.ros.wait_until(lambda: lonely.said('the episode cannot begin: nothing from'))
    answer = lonely.end()
    assert not answer.ok and 'it has no rows' in answer.message
    assert lonely.stop() == 0
