# SPDX-License-Identifier: Apache-2.0
"""`ros2 launch act_ros record.launch.py` with the scripted operator: as many episodes as asked for."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

SMALL = ['image_height:=48', 'image_width:=64']


def _numbers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob('episode_*.hdf5'))


def test_all_episodes_are_kept_and_a_resumed_session_continues_the_numbers(
    start: Callable, tmp_path: Path
) -> None:
    data = tmp_path / 'data'
    arguments = [f'dataset:={data}', 'length:=60', 'keep_failures:=true', *SMALL]
    launch = start('record.launch.py', 'episodes:=2', *arguments)
    assert launch.wait() == 0, launch.text
    assert _numbers(data) == ['episode_0.hdf5', 'episode_1.hdf5']
    launch = start('record.launch.py', 'episodes:=1', *arguments)
    assert launch.wait() == 0, launch.text
    assert 'resumed: there are episodes up to 1' in launch.text
    assert 'RECORDING 1/1' in launch.text
    assert _numbers(data) == ['episode_0.hdf5', 'episode_1.hdf5', 'episode_2.hdf5']
    seeds = [_seed(data / name) for name in _numbers(data)]
    assert seeds[:2] == [1000, 1001], 'the seeds before 1000 are for evaluation'
    assert seeds[2] > 1001, 'no seed is recorded twice'


def _seed(path: Path) -> int:
    with h5py.File(path) as file:
        return int(file.attrs['seed'])


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_nodes_cleanly(
    start: Callable, tmp_path: Path, number: signal.Signals
) -> None:
    launch = start('record.launch.py', f'dataset:={tmp_path / "data"}', *SMALL)
    launch.wait_for('recording into')
    pids = [launch.pid(name) for name in ('sim', 'session', 'recorder')]
    launch.wait_for('RECORDING')
    for pid in pids:
        os.kill(pid, number)
    launch.wait()
    assert launch.text.count('process has finished cleanly') == 3, launch.text
    assert 'Traceback' not in launch.text


def test_a_disk_without_room_ends_everything_where_nobody_could_make_some(
    start: Callable, tmp_path: Path
) -> None:
    wanted = tmp_path / 'params.yaml'
    wanted.write_text('/**:\n  ros__parameters:\n    min_free_mb: 1000000000\n')
    launch = start(
        'record.launch.py', f'dataset:={tmp_path / "data"}', f'params_file:={wanted}', *SMALL
    )
    assert launch.wait() == 1
    assert 'cannot record: ' in launch.text and 'recorder ended with exit code 1' in launch.text
    assert 'Traceback' not in launch.text
