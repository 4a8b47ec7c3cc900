# SPDX-License-Identifier: Apache-2.0
"""A robot with one arm of 7 entries and cameras of its own is a configuration: policy, simulator and recorder run it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from act_ros.robot.spec import RobotSpec

ROOT = Path(__file__).resolve().parents[2]
ROBOT = ROOT / 'examples' / 'one_arm.yaml'
SPEC = RobotSpec.load(ROBOT)


@pytest.fixture
def policy_of_one_arm(tmp_path: Path) -> Path:
    """A policy with random weights for this robot."""
    folder = tmp_path / 'models' / 'one_arm'
    code = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT / 'test' / 'unit')!r})
from synthetic import tiny_config, write_policy
config = tiny_config(chunk=100, cameras=('cam_wrist',), state_dim=7, action_dim=7)
write_policy(Path({str(folder)!r}), config)
"""
    subprocess.run([sys.executable, '-c', code], check=True)
    return folder


def test_one_arm_runs_moves_and_is_recorded(
    start: Callable, listener: Any, policy_of_one_arm: Path, tmp_path: Path
) -> None:
    from act_msgs.msg import Command
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import JointState

    commands: list[Any] = []
    poses: list[Any] = []
    subscribe = listener.node.create_subscription
    subscribe(Command, '/act/command', commands.append, qos_profile_sensor_data)
    subscribe(JointState, '/follower/joint_states', poses.append, qos_profile_sensor_data)
    small = ['image_height:=48', 'image_width:=64', 'image_rate_hz:=20.0']
    launch = start(
        *('aloha.launch.py', f'checkpoint:={policy_of_one_arm}', f'record:={tmp_path / "data"}'),
        *(*small, 'cameras:=cam_wrist', 'episodes:=1'),
        ACT_ROBOT=str(ROBOT),
    )
    listener.spin_until(lambda: len(commands) > 50, 'commands')

    def moved() -> bool:
        index = [poses[-1].name.index(joint) for joint in SPEC.joints] if poses else []
        there = [poses[-1].position[i] for i in index]
        return bool(poses) and np.abs(np.array(there) - SPEC.start[:-1]).max() > 0.05

    listener.spin_until(moved, 'the arm has moved')
    topics = {name for name, _ in listener.node.get_topic_names_and_types()}
    assert '/leader/joint_states' in topics
    assert not [name for name in topics if 'left' in name or 'right' in name]
    assert launch.wait() == 0, launch.text
    assert {len(msg.action) for msg in commands} == {7}

    from act_ros.data.recording.episode_writer import read_episode

    with read_episode(tmp_path / 'data' / 'episode_0.hdf5') as episode:
        assert episode.action.shape[1] == episode.qpos.shape[1] == 7
        assert np.ptp(episode.qpos, axis=0).max() > 0.05
        assert list(episode.images) == ['cam_wrist']


def test_a_policy_of_two_arms_is_refused_by_name(start: Callable) -> None:
    launch = start('aloha.launch.py', ACT_ROBOT=str(ROBOT))
    assert launch.wait() == 1
    assert 'aloha_sim_transfer_cube is no policy for this robot' in launch.text, launch.text
    assert 'state_dim of the policy is 14, and this robot has 7 entries' in launch.text
    assert 'Traceback' not in launch.text
