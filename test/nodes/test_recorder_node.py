# SPDX-License-Identifier: Apache-2.0
"""Recording through real topics: simulator, teleoperation and recorder make whole episodes."""

from __future__ import annotations

import stat

import cv2
import numpy as np
import pytest
from act_msgs.msg import RecorderState, SourceFault
from act_msgs.srv import StartEpisode, StopEpisode
from processes import Running
from std_srvs.srv import Trigger

from act_ros.data.recording.episode_writer import read_episode
from act_ros.nodes.shared.topics import LATCHED


@pytest.mark.slow
def test_a_scripted_demonstration_becomes_a_finished_episode(ros, tmp_path):
    dataset = tmp_path / 'data'
    small = {'image_height': 48, 'image_width': 64}
    with (
        Running('sim', tmp_path / 'sim', operator='scripted', seed=5, auto_reset=True, **small) as sim,
        Running('teleop', tmp_path / 'teleop', use_sim_time=True) as teleop,
        Running('recorder', tmp_path / 'rec', use_sim_time=True, dataset=dataset, length=100,
                keep_failures=True, episodes=2, private=True) as recorder,
    ):  # fmt: skip
        assert recorder.process.wait(400) == 0, recorder.output
        assert sim.stop() == 0 and teleop.stop() == 0

    assert sorted(p.name for p in dataset.glob('episode*')) == ['episode_0.hdf5', 'episode_1.hdf5']
    assert {
        stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (dataset, *dataset.rglob('*'))
    } == {0}
    with read_episode(dataset / 'episode_0.hdf5') as episode:
        lost = episode.attrs['dropped_rows']
        assert 80 <= len(episode) == 100 - lost
        assert episode.attrs['task'] == 'transfer_cube' and episode.attrs['seed'] == 5
        assert episode.attrs['sim'] and episode.attrs['complete']
        periods = np.diff(episode.stamp)
        assert np.isclose(periods, 0.02).mean() > 0.9
        assert episode.images['cam_high'][0].shape == (48, 64, 3)
        assert np.ptp(episode.action, axis=0).max() > 0.2  # the arm reached for the cube
        later = np.abs(episode.qpos[5:] - episode.action[:-5]).mean()
        assert later < 0.1  # and the follower followed
        red = np.float32(cv2.mean(episode.images['cam_high'][0])[:3])
        assert red[0] != red[2]


@pytest.fixture
def recorder(ros, tmp_path):
    node = ros.node()
    states = []
    node.create_subscription(RecorderState, '/act/recorder_state', states.append, LATCHED)
    with Running('recorder', tmp_path / 'log', dataset=tmp_path / 'data') as process:
        ros.wait_until(lambda: states, what='recorder_state')
        process.node, process.states = node, states
        yield process


def test_the_state_names_what_is_not_heard_in_words_and_as_fields(recorder, ros):
    ros.wait_until(lambda: recorder.states[-1].reason and recorder.states[-1].sources)
    state = recorder.states[-1]
    for source in ('follower_left', 'follower_right', 'cam_high', 'act/command'):
        assert source in state.reason
    assert not state.open and not state.fault
    assert {at.fault for at in state.sources} == {SourceFault.LACKING}
    sources = {at.source: at.about for at in state.sources}
    assert set(sources) == {'follower_left', 'follower_right', 'cam_high', SourceFault.COMMANDS}
    assert sources['cam_high'].endswith('/color/image_rect_raw, 0 publishers)')


def test_an_episode_without_rows_leaves_no_file(recorder, ros, tmp_path):
    start = StartEpisode.Request(task='fold', seed=-1)
    answer = ros.call(recorder.node, StartEpisode, '/act/recorder/start', start)
    assert answer.success and answer.episode == 0
    ros.wait_until(lambda: recorder.states[-1].state == RecorderState.WAITING)
    again = ros.call(recorder.node, StartEpisode, '/act/recorder/start', start)
    assert not again.success and 'episode 0 is open' in again.message
    stop = StopEpisode.Request(keep=True, success=True)
    answer = ros.call(recorder.node, StopEpisode, '/act/recorder/stop', stop)
    assert not answer.ok and 'no rows' in answer.message
    answer = ros.call(recorder.node, Trigger, '/act/recorder/discard', Trigger.Request())
    assert not answer.success and answer.message == 'no episode is open'
    assert not list((tmp_path / 'data').glob('episode*'))


def test_a_second_recorder_on_the_folder_is_refused_with_one_line(recorder, ros, tmp_path):
    with Running('recorder', tmp_path / 'second', dataset=tmp_path / 'data') as second:
        assert second.process.wait(60) == 1
        assert 'another recorder' in second.output and 'Traceback' not in second.output


def test_ctrl_c_ends_it_with_code_0(recorder):
    assert recorder.stop() == 0
    assert 'Traceback' not in recorder.output
