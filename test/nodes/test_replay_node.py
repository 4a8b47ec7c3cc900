# SPDX-License-Identifier: Apache-2.0
"""Replay through real topics, as on a robot: gated, soft, exact, to rest, and then it ends."""

from __future__ import annotations

import signal
import time
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from act_msgs.msg import Command
from fakes import SPEC
from processes import Running
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool

from act_ros.control.gate import Gate
from act_ros.control.limiter import Limiter
from act_ros.control.motion.replay_motion import ReplayMotion
from act_ros.control.ticker import Beat
from act_ros.nodes.replay.node import ReplayNode

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


@pytest.fixture
def moving(ros, robot, episode, tmp_path):
    """A replay that moves the arms, and its commands."""
    robot.follows = True
    told = []
    robot.node.create_subscription(Command, '/act/command', told.append, 100)
    given = {'episode': episode[0], 'enable': True, 'max_age_s': 1.0}
    with Running('replay', tmp_path / 'log', **given) as replay:
        ros.wait_until(lambda: len(told) > 10)
        yield replay, told


def _commands_nothing(ros, robot, told):
    """Through 50 ticks, once those before that may have been on their way on a busy machine."""
    for settled in (False, True):
        count, heard = len(told), robot._sent
        ros.wait_until(lambda heard=heard: robot._sent > heard + 2 * 50)
        assert not settled or len(told) == count


def test_after_a_halt_it_holds_until_a_person_enables_it_again(ros, robot, moving):
    replay, told = moving
    replay.process.send_signal(signal.SIGSTOP)
    halted = robot._sent
    ros.wait_until(lambda: robot._sent > halted + 2 * 75)  # 1.5 s
    replay.process.send_signal(signal.SIGCONT)
    ros.wait_until(lambda: 'the clock jumped, or this process was halted' in replay.output)
    _commands_nothing(ros, robot, told)
    assert replay.output.count('going slowly to the first action') == 1
    enable = SetBool.Request(data=True)
    assert ros.call(robot.node, SetBool, '/act/replay/enable', enable, 60).success
    ros.wait_until(lambda: replay.output.count('going slowly to the first action') == 2)


def test_a_second_publisher_of_a_follower_is_a_fault_until_it_is_gone(ros, robot, moving):
    replay, told = moving
    rival = ros.node('rival')
    other = rival.create_publisher(JointState, '/follower_left/joint_states', 10)
    ros.wait_until(lambda: 'FAULT: /follower_left/joint_states has 2 pub' in replay.output)
    _commands_nothing(ros, robot, told)
    enable = lambda: ros.call(  # noqa: E731
        robot.node, SetBool, '/act/replay/enable', SetBool.Request(data=True), 60
    )
    refused = enable()
    assert not refused.success and 'stop all but one' in refused.message
    count = len(told)
    rival.destroy_publisher(other)
    ros.wait_until(lambda: enable().success)
    ros.wait_until(lambda: len(told) > count + 10)


class Ticked(ReplayNode):
    """The ticks of a replay, without ROS; `ask` is what is done while it is asked who else commands the arms."""

    def __init__(self, ask):
        self.here, self.sent, self.lines = START.copy(), [], []
        self._playing = ReplayMotion(Limiter(SPEC), np.tile(START, (5, 1)), None)
        self._enabled, self._cleared, self._placed, self._said = True, False, True, ''
        self._sim = None
        self._not_before_s, self._arms, self._values = 0.0, [], {'max_age_s': 0.2}
        self._poses = SimpleNamespace(forget=lambda: None, pose=lambda *_: self.here.copy())
        self._output = SimpleNamespace(
            gate=Gate(),
            check_enabling=lambda: ask(self),
            command=lambda *given: self.sent.append(given[2]),
        )

    def get_logger(self):
        return SimpleNamespace(info=self.lines.append, error=self.lines.append)


def test_it_begins_where_the_arms_are_after_it_was_asked_who_else_commands_them():
    def moved(node):
        node.here[0] = 0.7

    node = Ticked(moved)
    for tick in range(1000, 1003):
        node._tick(Beat(tick, tick / SPEC.rate_hz, 0, tick == 1000))
    assert node.sent and node.sent[0][0] == pytest.approx(0.7, abs=SPEC.velocity[0] / SPEC.rate_hz)


def test_a_jump_of_the_clock_while_it_waits_is_none_of_its_business():
    node = Ticked(lambda _: None)
    for tick in (1000, 9000, 9001):
        node._tick(Beat(tick, tick / SPEC.rate_hz, 0, tick < 9001))
    assert node._enabled and node.sent and 'FAULT' not in ''.join(node.lines)
