# SPDX-License-Identifier: Apache-2.0
"""The examples run as their first lines say. (chunk_listener.py, which needs ROS, is in test/nodes.)"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from synthetic import write_episode

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / 'examples'


@pytest.fixture
def example(monkeypatch, capsys):
    """Run an example with arguments; returns what it printed."""

    def run(name: str, *arguments: str) -> str:
        monkeypatch.setattr(sys, 'argv', [name, *arguments])
        runpy.run_path(str(EXAMPLES / name), run_name='__main__')
        return capsys.readouterr().out

    return run


@pytest.mark.timeout(600)
def test_a_policy_runs_without_ros(example):
    assert example('policy_without_ros.py', '2').startswith('stage 0 of 4')


def test_an_episode_is_read(example, tmp_path):
    path = write_episode(tmp_path / 'episode_0.hdf5')
    said = example('read_episode.py', str(path))
    assert said.startswith('act_ros: ')
    assert 'cam_high (' in said


def test_a_robot_of_ones_own_is_read(example):
    said = example('own_robot.py', str(EXAMPLES / 'careful_robot.yaml'))
    assert 'left_waist' in said
    assert '0.50 a second' in said
    assert said.splitlines()[-1] == 'cameras cam_high, cam_right_wrist'


def test_a_mistake_in_a_robot_is_one_line(example, tmp_path):
    wrong = tmp_path / 'wrong.yaml'
    wrong.write_text(
        (EXAMPLES / 'careful_robot.yaml').read_text().replace('lower: -1.85', 'lower: 0.5')
    )
    with pytest.raises(SystemExit, match='start -0.96 is not between'):
        example('own_robot.py', str(wrong))


def test_the_careful_robot_differs_from_the_shipped_one_in_what_it_says_only():
    from act_ros.robot.spec import RobotSpec

    shipped, careful = RobotSpec.load(), RobotSpec.load(EXAMPLES / 'careful_robot.yaml')
    assert careful.joint_names == shipped.joint_names
    assert (careful.lower == shipped.lower).all() and (careful.start == shipped.start).all()
    assert (careful.velocity < shipped.velocity).all()
    assert set(careful.cameras) < set(shipped.cameras)
