# SPDX-License-Identifier: Apache-2.0
"""Replay through real topics, as on a robot: gated, soft, exact, to rest, and then it ends."""

from __future__ import annotations

import time

import h5py
import numpy as np
import pytest
from act_msgs.msg import Command
from fakes import SPEC
from processes import Running
from std_srvs.srv import SetBool

START = SPEC.start.astype(np.float32)


@pytest.fixture
def episode(tmp_path):
    actions = np.tile(START, (40, 1))
    actions[:, 0] = np.linspace(0.05, 0.4, 40)
    path = tmp_path / 'episode_0.hdf5'
    with h5py.File(path, 'w') as file:
        file.attrs['sim'] = False
        file['action'] = actions
        file['observations/qpos'] = file['observations/qvel'] = np.zeros((40, 14), np.float32)
        file.create_group('observations/images')
    return path, actions


def test_it_waits_to_be_enabled_then_plays_every_action_and_goes_to_rest(
    ros, robot, episode, tmp_path
):
    path, actions = episode
    told = []
    robot.follows = True
    robot.node.create_subscription(Command, '/act/command', told.append, 100)
    with Running('replay', tmp_path / 'log', episode=path, max_age_s=1.0) as replay:
        ros.wait_until(lambda: 'do not move before they are enabled' in replay.output)
        time.sleep(0.5)
        assert not told
        enable = SetBool.Request(data=True)
        answer = ros.call(robot.node, SetBool, '/act/replay/enable', enable, 60)
        assert answer.success, answer.message
        assert replay.process.wait(60) == 0, replay.output
        assert '40 actions, 0 of them changed' in replay.output
    sent = np.array([msg.action for msg in told])
    first = int(np.argmax(np.isclose(sent[:, 0], actions[0, 0])))
    waist = sent[first:, 0]
    assert (
        np.isin(np.round(actions[:, 0], 5), np.round(waist, 5)).mean() > 0.8
    )  # depth 1: some are lost
    np.testing.assert_allclose(sent[-1], SPEC.rest, atol=0.05)
    step = SPEC.velocity / SPEC.rate_hz * np.maximum(np.diff([m.tick for m in told]), 1)[:, None]
    assert (np.abs(np.diff(sent, axis=0)) <= step + 1e-5).all()


def test_an_episode_that_is_not_there_is_one_line_and_code_1(ros, tmp_path):
    with Running('replay', tmp_path / 'log', episode=tmp_path / 'episode_7.hdf5') as replay:
        assert replay.process.wait(60) == 1
        assert 'there is no episode' in replay.output and 'Traceback' not in replay.output


def test_ctrl_c_ends_it_with_code_0(ros, robot, episode, tmp_path):
    with Running('replay', tmp_path / 'log', episode=episode[0]) as replay:
        ros.wait_until(lambda: 'do not move before' in replay.output)
        assert replay.stop() == 0


def test_enabled_from_the_start_it_waits_for_the_followers(ros, robot, episode, tmp_path):
    robot.joints_on = False
    given = {'episode': episode[0], 'enable': True, 'max_age_s': 1.0}
    with Running('replay', tmp_path / 'log', **given) as replay:
        ros.wait_until(lambda: 'does not report its joints' in replay.output)
        robot.joints_on = True
        ros.wait_until(lambda: ': playing' in replay.output)
