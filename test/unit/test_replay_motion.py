# SPDX-License-Identifier: Apache-2.0
"""Replaying: softly to the first action, then the recorded ones, through the limiter; bad files are refused."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from act_ros.commands.playback import main
from act_ros.control.limiter import SOFT, Limiter
from act_ros.control.motion.replay_motion import ReplayMotion
from act_ros.data.errors import EpisodeError
from act_ros.data.playback import _at_rate, read_recording
from act_ros.robot.spec import RobotSpec

SPEC = RobotSpec.load()
START = SPEC.start.astype(np.float32)
STEP = SPEC.velocity / SPEC.rate_hz


def _motion(ticks=20):
    actions = np.tile(START, (ticks, 1))
    actions[:, 0] = np.linspace(0.2, 0.3, ticks)
    return actions


def _play(playing, measured=START, ticks=2000):
    """What an arm is told that goes where it is told."""
    told = []
    for _ in range(ticks):
        command = playing.tick(told[-1] if told else measured)
        if command is not None:
            told.append(command)
        if playing.phase == 'done':
            break
    return np.array(told)


def test_the_first_action_is_approached_slowly_and_the_rest_played_exactly():
    actions = _motion()
    told = _play(ReplayMotion(Limiter(SPEC), actions, None))
    before = told[: -len(actions)]
    assert (np.abs(np.diff([START, *before], axis=0)) <= SOFT * STEP + 1e-6).all()
    np.testing.assert_array_equal(told[-len(actions) :], actions)


def test_a_jump_in_the_file_is_slowed_by_the_limiter():
    actions = _motion()
    actions[10:, 1] += 0.5
    playing = ReplayMotion(Limiter(SPEC), actions, None)
    told = _play(playing)
    assert (np.abs(np.diff(told, axis=0)) <= STEP + 1e-6).all()
    assert 6 <= playing.limited <= 10  # 0.5 rad at pi rad/s, which it has after 4 ticks


def test_after_it_the_arms_go_slowly_to_rest():
    rest = SPEC.rest.astype(np.float32)
    told = _play(ReplayMotion(Limiter(SPEC), _motion(), rest))
    np.testing.assert_allclose(told[-1], rest, atol=1e-3)
    assert (np.abs(np.diff(told[-20:], axis=0)) <= SOFT * STEP + 1e-6).all()


def test_a_first_action_outside_the_limits_is_not_waited_for_for_ever():
    actions = _motion()
    actions[:, 1] = -2.0
    assert ReplayMotion(Limiter(SPEC), actions, None).tick(START) is not None
    assert _play(ReplayMotion(Limiter(SPEC), actions, None))[-1][1] >= SPEC.lower[1]


def test_followers_that_fall_silent_are_held_and_no_action_is_lost():
    playing = ReplayMotion(Limiter(SPEC), _motion(), None)
    assert playing.tick(None) is None
    while playing.phase != 'playing':
        playing.tick(START)
    held = playing.tick(None)
    row = playing.row
    np.testing.assert_array_equal(held, playing.tick(None))
    assert playing.row == row


def test_followers_that_were_away_are_led_slowly_to_where_the_replay_stands():
    playing, here = ReplayMotion(Limiter(SPEC), _motion(), None), START
    while playing.row < 10:
        here = playing.tick(here)
    for _ in range(100):
        playing.tick(None)
    fallen = START.copy()
    fallen[1] -= 0.3
    assert np.abs(playing.tick(fallen) - fallen).max() <= 1.001 * SOFT * STEP.max()
    assert (playing.phase, playing.row) == ('approaching', 10)
    told = _play(playing, fallen)
    assert playing.phase == 'done' and playing.row == 20
    np.testing.assert_array_equal(told[-10:], _motion()[10:])


def test_a_follower_that_does_not_follow_is_a_fault_and_a_new_start_begins_from_the_first_action():
    actions = _motion(400)
    actions[:, 0] = np.linspace(0.2, 2.0, 400)
    playing = ReplayMotion(Limiter(SPEC), actions, None)
    for _ in range(300):
        playing.tick(START)
    assert 'left_waist' in playing.fault and playing.phase == 'playing'
    playing.stop()
    assert not playing.fault and playing.row == 0


def _write(folder, actions, names=SPEC.joint_names, **attrs):
    path = folder / 'episode_0.hdf5'
    with h5py.File(path, 'w') as file:
        file.attrs.update({'sim': True, 'rate_hz': 50.0, 'joint_names': list(names), **attrs})
        file['action'] = actions
        for name in ('qpos', 'qvel'):
            file[f'observations/{name}'] = np.zeros_like(actions)
        file.create_group('observations/images')
    return path


def test_task_seed_and_actions_come_from_the_file(tmp_path, capsys):
    path = _write(tmp_path, _motion(), task='transfer_cube', seed=7)
    found = read_recording(tmp_path, SPEC)  # a folder of one episode will do
    np.testing.assert_array_equal(found.actions, _motion())
    assert (found.task, found.seed) == ('transfer_cube', 7)
    assert main([str(path)]) == 0
    assert '"seed": 7' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'actions': np.full((3, 14), np.nan, np.float32)}, 'tick 0 is not finite'),
        ({'actions': np.zeros((3, 7), np.float32), 'names': SPEC.joint_names[:7]}, r'\(3, 7\)'),
        ({'names': SPEC.joint_names[7:] + SPEC.joint_names[:7]}, 'entry 0 is right_waist'),
    ],
)
def test_what_is_no_recording_of_this_robot_is_refused(tmp_path, change, message):
    path = _write(tmp_path, _motion())
    with h5py.File(path, 'r+') as file:
        if 'actions' in change:
            del file['action']
            file['action'] = change['actions']
        if 'names' in change:
            file.attrs['joint_names'] = list(change['names'])
    with pytest.raises(EpisodeError, match=message):
        read_recording(path, SPEC)


def test_a_path_that_names_no_single_episode_is_refused(tmp_path):
    with pytest.raises(EpisodeError, match='there is no episode'):
        read_recording(tmp_path / 'episode_3.hdf5', SPEC)
    (tmp_path / 'bad.hdf5').write_bytes(b'not HDF5')
    with pytest.raises(EpisodeError, match=r'bad\.hdf5'):
        read_recording(tmp_path / 'bad.hdf5', SPEC)


def test_a_recording_of_another_rate_keeps_its_time():
    slow = np.linspace(0, 1, 31, dtype=np.float32)[:, None]  # one second at 30 Hz
    fast = _at_rate(slow, 30.0, 50.0)
    np.testing.assert_allclose(fast[:, 0], np.linspace(0, 1, 51), atol=1e-6)


def test_a_replay_does_not_go_on_by_itself_after_a_long_hold():
    playing = ReplayMotion(Limiter(SPEC), _motion(), None, max_hold_s=2.0)
    here = _play(playing, ticks=10)[-1]
    for _ in range(101):
        assert not playing.fault
        playing.tick(None)
    assert 'the arms held for more than 2 s' in playing.fault
    assert playing.tick(here) is None
    playing.stop()
    assert playing.tick(here) is not None and not playing.fault
