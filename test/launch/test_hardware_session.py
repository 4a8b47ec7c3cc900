# SPDX-License-Identifier: Apache-2.0
"""What leads the arms of a rig with stand-in drivers: it moves nothing unasked, and the drivers outlast it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from rig_drivers import calls_of, own_rig

from act_ros.nodes.process.node_lock import alive
from act_ros.robot.spec import RobotSpec


def test_a_recording_session_is_outlasted_by_the_drivers_and_moves_nothing_unasked(
    start: Callable, drivers: dict[str, str], tmp_path: Path, listener: Any
) -> None:
    messages = pytest.importorskip('act_msgs.msg')
    spec, data = RobotSpec.load(), tmp_path / 'data'
    launch = start('record.launch.py', 'robot:=aloha', f'dataset:={data}', **drivers)
    launch.wait_for('driver is up', times=14)
    launch.wait_for('leader_left, leader_right, follower_left, follower_right silent')
    launch.wait_for('ARMS AT REST')
    calls, here = calls_of(drivers), os.getsid(launch.process.pid)
    for arm in (name for pair in spec.arms for name in (pair.leader, pair.follower)):
        assert calls[f'/{arm}/xs_sdk']['session'] != here  # the terminal's Ctrl+C is not for it
    for arm in spec.arms:
        assert calls[f'/{arm.leader}/gravity_compensation']['session'] != here
    assert calls['/cam_high/camera']['session'] == here
    listener.listen(messages.Command, '/act/command')
    listener.spin_for(0.5)
    assert listener.count['/act/command'] == 0
    launch.interrupt()
    assert launch.process.returncode == 0, launch.text
    assert 'ARMS GO TO REST' not in launch.text  # nothing was moved
    assert 'Traceback' not in launch.text


def test_a_policy_needs_no_leaders_and_is_not_enabled(
    start: Callable, drivers: dict[str, str], tiny_policy: Path, listener: Any
) -> None:
    messages = pytest.importorskip('act_msgs.msg')
    launch = start('aloha.launch.py', 'robot:=aloha', f'checkpoint:={tiny_policy}', **drivers)
    launch.wait_for('driver is up', times=8)
    assert not [node for node in calls_of(drivers) if node.startswith('/leader')]
    assert 'WARNING' in launch.text
    assert 'has no serial_no for cam_high, cam_low, cam_left_wrist, cam_right_wrist' in launch.text
    listener.listen(messages.PolicyState, '/act/policy_state')
    listener.listen(messages.Command, '/act/command')
    listener.spin_until(lambda: listener.count['/act/policy_state'] > 3, 'states of the policy')
    assert listener.count['/act/command'] == 0
    assert 'process started' in launch.text
    assert '[sim-' not in launch.text


def test_a_policy_that_dies_is_outlasted_by_the_guard_and_that_by_the_drivers(
    start: Callable, drivers: dict[str, str], tiny_policy: Path, listener: Any
) -> None:
    messages = pytest.importorskip('interbotix_xs_msgs.msg')
    launch = start('aloha.launch.py', 'robot:=aloha', f'checkpoint:={tiny_policy}', **drivers)
    launch.wait_for('driver is up', times=8)
    topic = '/follower_left/commands/joint_group'
    publisher = listener.node.create_publisher(messages.JointGroupCommand, topic, 1)

    def seen() -> bool:
        publisher.publish(messages.JointGroupCommand(name='arm', cmd=[0.0] * 6))
        return 'the arms are commanded' in launch.text

    listener.spin_until(seen, 'the guard sees a command')
    listener.node.destroy_publisher(publisher)
    os.kill(launch.pid('policy'), signal.SIGKILL)
    graph = listener.node.get_node_names_and_namespaces_with_enclaves
    listener.spin_until(lambda: ('rest', '/act', '/act/rest') in graph(), 'rest, by its enclave')
    launch.wait_for('TAKE HOLD OF THEM')
    trigger = pytest.importorskip('std_srvs.srv').Trigger
    let_go = listener.node.create_client(trigger, '/act/guard/let_go')
    listener.spin_until(let_go.service_is_ready, 'the guard')
    answer = let_go.call_async(trigger.Request())
    listener.spin_until(answer.done, 'the answer of the guard')
    assert launch.wait() == 1
    _come_in_order(
        launch.text,
        'policy ended with exit code -9',
        'THE ARMS GO SLOWLY TO REST',
        'follower_right has not reported any joints',  # the stand-ins do not
        'TAKE HOLD OF THEM',
        f'process has finished cleanly [pid {launch.pid("follower_left")}]',
    )
    assert 'Traceback' not in launch.text


def test_a_replay_that_moved_nothing_ends_at_once_and_then_its_drivers(
    start: Callable, drivers: dict[str, str], tmp_path: Path, listener: Any
) -> None:
    path = tmp_path / 'episode_0.hdf5'
    with h5py.File(path, 'w') as file:
        file.attrs['sim'] = False
        for name in ('action', 'observations/qpos', 'observations/qvel'):
            file[name] = np.zeros((50, 14), np.float32)
        file.create_group('observations/images')
    launch = start('replay.launch.py', 'robot:=aloha', f'episode:={path}', **drivers)
    launch.wait_for('driver is up', times=8)
    launch.wait_for('the arms do not move before they are enabled')
    listener.spin_until(lambda: alive('/act/guard'), 'the guard')
    os.kill(launch.pid('guard'), signal.SIGKILL)
    launch.wait_for('it is started again')
    listener.spin_until(lambda: alive('/act/guard'), 'another guard')
    here = os.getsid(launch.process.pid)
    for arm in RobotSpec.load().arms:
        session = calls_of(drivers)[f'/{arm.follower}/xs_sdk']['session']
        assert session != here  # the terminal's Ctrl+C is not for it
    launch.interrupt()
    assert launch.process.returncode == 0, launch.text
    _come_in_order(
        launch.text,
        'the arms were never commanded',
        f'process has finished cleanly [pid {launch.pid("follower_left")}]',
    )
    assert 'Traceback' not in launch.text


def _come_in_order(text: str, *parts: str) -> None:
    found = [text.find(part) for part in parts]
    assert found == sorted(found) and found[0] >= 0, (
        f'{dict(zip(parts, found, strict=True))}\n{text}'
    )


def test_arms_are_not_enabled_with_cameras_that_may_be_swapped(
    start: Callable, drivers: dict[str, str], tiny_policy: Path
) -> None:
    launch = start(
        'aloha.launch.py', 'robot:=aloha', 'enable:=true', f'checkpoint:={tiny_policy}', **drivers
    )
    assert launch.wait() == 1
    assert 'enable:=true is refused' in launch.text
    assert 'process started' not in launch.text


def test_arms_are_not_moved_from_the_start_where_the_doctor_finds_that_unsafe(
    start: Callable, drivers: dict[str, str], tiny_policy: Path, tmp_path: Path, listener: Any
) -> None:
    messages = pytest.importorskip('sensor_msgs.msg')
    topics = [f'/{arm.follower}/joint_states' for arm in RobotSpec.load().arms]
    _, rivals = [  # as if two drivers ran
        [listener.node.create_publisher(messages.JointState, topic, 10) for topic in topics]
        for _ in range(2)
    ]
    rig = own_rig(tmp_path, dict.fromkeys(RobotSpec.load().cameras, '1'))
    chosen = (f'checkpoint:={tiny_policy}', 'enable:=true', f'rig:={rig}')
    launch = start('aloha.launch.py', 'robot:=aloha', *chosen, **drivers)
    assert launch.wait() == 1
    assert 'UNSAFE' in launch.text and 'has 2 publishers' in launch.text
    assert 'the arms are not moved: the doctor says' in launch.text
    assert '[policy-' not in launch.text and 'Traceback' not in launch.text
    for publisher in rivals:
        listener.node.destroy_publisher(publisher)
    launch = start('aloha.launch.py', 'robot:=aloha', *chosen, **drivers)
    launch.wait_for('[policy-')
    assert 'PROBLEM' in launch.text and 'UNSAFE' not in launch.text
