# SPDX-License-Identifier: Apache-2.0
"""`ros2 launch act_ros replay.launch.py`: plays an episode in the simulator, and ends by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from act_ros.robot.spec import RobotSpec

SMALL = ['image_height:=48', 'image_width:=64']


def _episode(folder: Path, ticks: int) -> Path:
    actions = np.tile(RobotSpec.load().start.astype(np.float32), (ticks, 1))
    actions[:, 0] = np.linspace(0.0, 0.3, ticks)
    path = folder / 'episode_0.hdf5'
    with h5py.File(path, 'w') as file:
        file.attrs.update({'sim': True, 'task': 'insertion', 'seed': 11})
        file['action'] = actions
        file['observations/qpos'] = file['observations/qvel'] = np.zeros((ticks, 14), np.float32)
        file.create_group('observations/images')
    return path


def test_the_scene_is_set_to_the_episodes_seed_and_it_ends_after_the_last_action(
    start: Callable, tmp_path: Path
) -> None:
    launch = start('replay.launch.py', f'episode:={_episode(tmp_path, 50)}', *SMALL)
    assert launch.wait() == 0, launch.text
    assert 'reset: insertion with seed 11' in launch.text
    assert (
        'done: 50 actions, 0 of them changed by the limits; the task was not done' in launch.text
    )
    assert launch.text.count('process has finished cleanly') == 2
    assert 'Traceback' not in launch.text


def test_ctrl_c_ends_it_while_it_plays(start: Callable, tmp_path: Path) -> None:
    launch = start('replay.launch.py', f'episode:={_episode(tmp_path, 20000)}', *SMALL)
    launch.wait_for(': playing')
    launch.interrupt()
    assert launch.process.returncode == 0, launch.text
    assert launch.text.count('process has finished cleanly') == 2


@pytest.mark.parametrize('content', [None, b'', b'\x89HDF\r\n\x1a\n' + bytes(200)])
def test_what_cannot_be_replayed_is_refused_before_anything_starts(
    refused: Callable[..., str], tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / 'mine.hdf5'
    if content is not None:
        path.write_bytes(content)
    said = refused('replay.launch.py', f'episode:={path}')
    assert 'cannot be replayed' in said and 'mine.hdf5' in said
