# SPDX-License-Identifier: Apache-2.0
"""A whole recording session as on the robot: a test has its hands on the simulated leaders, and no keyboard."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'nodes'))

SMALL = ['image_height:=48', 'image_width:=64', 'sounds:=false', 'operator:=none']
FREE = 0.5
ONE_ARM = Path(__file__).resolve().parents[2] / 'examples' / 'one_arm.yaml'


class Person:
    """Hands on the leaders, eyes on the status line and on the arms."""

    def __init__(self, listener: Any) -> None:
        from act_msgs.msg import SessionState
        from hands import Hands
        from sensor_msgs.msg import JointState

        from act_ros.nodes.shared.topics import LATCHED, SENSOR
        from act_ros.robot.spec import RobotSpec

        self.listener, self.spec, self.kinds = listener, RobotSpec.load(), SessionState
        self.open = (FREE,) * len(self.spec.arms)
        self.shut = (0.0,) * len(self.spec.arms)
        self.states: list[Any] = []
        self.pose: dict[str, np.ndarray] = {}
        self.finger: dict[str, float] = {}
        self.now_s = 0.0
        node = listener.node
        node.create_subscription(SessionState, '/act/session_state', self.states.append, LATCHED)
        for arm in (name for pair in self.spec.arms for name in (pair.leader, pair.follower)):
            node.create_subscription(
                JointState, f'/{arm}/joint_states', partial(self._on_joints, arm), SENSOR
            )
        self.hands = Hands(node, self.call)

    def _on_joints(self, arm: str, msg: Any) -> None:
        self.pose[arm], self.finger[arm] = np.array(msg.position[:6]), msg.position[7]
        self.now_s = msg.header.stamp.sec + 1e-9 * msg.header.stamp.nanosec

    def call(self, kind: type, name: str, request: Any) -> Any:
        client = self.listener.node.create_client(kind, name)
        self.listener.spin_until(client.service_is_ready, name)
        future = client.call_async(request)
        self.listener.spin_until(future.done, f'answer of {name}')
        self.listener.node.destroy_client(client)
        return future.result()

    def sees(self, *states: int) -> None:
        def seen() -> bool:
            assert self.launch.process.poll() is None, self.launch.text
            return bool(self.states) and self.states[-1].state in states

        self.listener.spin_until(seen, f'state {states}')

    def squeezes(self, *openings: float) -> None:
        """Open all, until they are, then these."""
        self.hands.grip(*self.open)
        self.listener.spin_until(self._are_open, 'open grippers')
        self.goes_on(0.4)
        self.hands.grip(*openings)

    def _are_open(self) -> bool:
        scale = self.spec.leader_gripper
        measured = [self.finger.get(arm.leader, 0.0) for arm in self.spec.arms]
        return all(abs(scale.finger_to_unit(finger) - FREE) < 0.05 for finger in measured)

    def goes_on(self, seconds: float) -> None:
        """Wait until so much time has passed in the simulation, which a busy machine slows down."""
        end = self.now_s + seconds
        self.listener.spin_until(lambda: self.now_s > end, 'time goes on')

    def starts(self) -> None:
        """Begin an episode, without waiting for the end of the reset time."""
        self.sees(self.kinds.WAITING, self.kinds.RESET)
        self.squeezes(*self.shut)
        self.sees(self.kinds.RECORDING)
        self.hands.grip(*self.open)

    def brings_the_arms_to_the_start(self, launch: Any) -> None:
        self.launch = launch
        self.sees(self.kinds.ARMS_OFF)
        self.listener.spin_until(lambda: len(self.pose) == 2 * len(self.spec.arms), 'joint states')
        before = {arm: pose.copy() for arm, pose in self.pose.items()}
        self.goes_on(1.0)
        for arm, pose in self.pose.items():  # nothing has moved unasked
            np.testing.assert_allclose(pose, before[arm], atol=0.02)
        self.squeezes(*self.shut)
        self.sees(self.kinds.MOVING)
        self.hands.let_go()

    def finds_all_arms_at_rest(self) -> None:
        for arm, pose in self.pose.items():
            np.testing.assert_allclose(pose, self.spec.rest[:6], atol=0.1, err_msg=arm)


@pytest.fixture
def person(listener: Any) -> Person:
    return Person(listener)


def test_a_session_by_hand_alone(start: Callable, tmp_path: Path, person: Person) -> None:
    data = tmp_path / 'data'
    launch = start('record.launch.py', f'dataset:={data}', 'episodes:=2', 'reset_time:=60', *SMALL)
    person.brings_the_arms_to_the_start(launch)

    person.starts()
    goal = person.spec.start[:6] + [0.3, 0, 0, 0, 0, 0]
    person.hands.move('leader_left', goal)
    person.listener.spin_until(
        lambda: abs(person.pose['follower_left'][0] - 0.3) < 0.05, 'the follower follows'
    )
    # At its begin the grippers are still closed by the sign for it.
    person.listener.spin_until(lambda: person.states[-1].rows > 75, 'rows with open grippers')
    person.hands.grip(0.0, 0.0)  # still, and long enough: the episode ends
    person.sees(person.kinds.RESET)
    assert person.states[-1].kept == 1 and person.states[-1].success
    np.testing.assert_allclose(person.pose['leader_left'], person.spec.start[:6], atol=0.05)
    with h5py.File(data / 'episode_0.hdf5') as file:
        assert file.attrs['success'] and file.attrs['cut_rows'] > 20
        assert file['action'][-1, [6, 13]].max() > 0.06  # the sign is not in it

    person.squeezes(0.0, 0.5)  # the left one alone: discard
    person.listener.spin_until(lambda: person.states[-1].kept == 0, 'the episode is discarded')
    assert (data / 'discarded' / 'episode_0.hdf5').is_file()

    for _ in range(2):
        person.starts()
        person.goes_on(0.5)
        person.squeezes(0.0, 0.0)
        person.sees(person.kinds.RESET)
    person.squeezes(0.5, 0.0)  # the right one alone: it was no success
    person.listener.spin_until(lambda: not person.states[-1].success, 'the other verdict')
    person.squeezes(0.0, 0.0)  # and that is all: the reset time is not waited for
    person.listener.spin_until(lambda: launch.process.poll() is not None, 'the end')
    assert launch.wait() == 0, launch.text
    person.finds_all_arms_at_rest()
    assert sorted(p.name for p in data.glob('*.hdf5')) == ['episode_0.hdf5', 'episode_1.hdf5']
    for number, success in ((0, True), (1, False)):
        with h5py.File(data / f'episode_{number}.hdf5') as file:
            assert bool(file.attrs['success']) is success
    for word in ('RECORDING 2/2', 'ARMS GO TO REST', 'DONE  2/2'):
        assert word in launch.text
    assert 'Traceback' not in launch.text


def test_a_session_with_one_arm(
    start: Callable, tmp_path: Path, listener: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('ACT_ROBOT', str(ONE_ARM))
    data, person = tmp_path / 'data', Person(listener)
    given = (f'dataset:={data}', 'episodes:=1', 'reset_time:=1', 'cameras:=cam_wrist')
    launch = start('record.launch.py', *given, *SMALL, ACT_ROBOT=str(ONE_ARM))
    person.brings_the_arms_to_the_start(launch)
    person.starts()
    person.hands.move('leader', person.spec.start[:6] + [0.3, 0, 0, 0, 0, 0])
    person.listener.spin_until(
        lambda: abs(person.pose['follower'][0] - 0.3) < 0.05, 'the follower follows'
    )
    person.listener.spin_until(lambda: person.states[-1].rows > 75, 'rows with an open gripper')
    person.hands.grip(0.0)
    person.listener.spin_until(lambda: launch.process.poll() is not None, 'the end')
    assert launch.wait() == 0, launch.text
    person.finds_all_arms_at_rest()
    assert 'squeeze the gripper for 0.5 s' in launch.text and 'DONE  1/1' in launch.text
    with h5py.File(data / 'episode_0.hdf5') as file:
        assert file.attrs['success'] and file['action'].shape[1] == 7
        assert list(file['observations/images']) == ['cam_wrist']
        assert abs(file['observations/qpos'][-1, 0] - 0.3) < 0.05


def test_ctrl_c_while_the_leaders_are_led_by_hand_drops_no_arm(
    start: Callable, tmp_path: Path, person: Person
) -> None:
    data = tmp_path / 'data'
    launch = start('record.launch.py', f'dataset:={data}', 'length:=1000', *SMALL)
    person.brings_the_arms_to_the_start(launch)
    person.starts()
    person.goes_on(1.0)
    os.killpg(launch.process.pid, signal.SIGINT)  # as a terminal does: to every process at once
    person.listener.spin_until(lambda: launch.process.poll() is not None, 'the end')
    assert launch.wait() == 0, launch.text
    person.finds_all_arms_at_rest()
    with h5py.File(data / 'episode_0.hdf5') as file:
        assert not file.attrs['success'] and len(file['action']) > 20
    assert 'Traceback' not in launch.text
