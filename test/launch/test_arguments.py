# SPDX-License-Identifier: Apache-2.0
"""`--show-args` is the manual, and a value that cannot be used is refused before anything starts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from reference import launch_arguments

SHARED = {'robot', 'cameras', 'namespace', 'params_file', 'keystore', 'log_level'}
SIM = {
    'task',
    'seed',
    'episodes',
    'operator',
    'auto_reset',
    'lockstep',
    'image_height',
    'image_width',
    'image_rate_hz',
    'video',
}
HARDWARE = {'leaders', 'rig', 'rviz', 'enable'}
STOP = {'stop_joy', 'stop_button', 'stop_hold'}
ARGUMENTS = {
    'sim.launch.py': SHARED | SIM,
    'hardware.launch.py': SHARED | HARDWARE,
    'aloha.launch.py': SHARED | SIM | HARDWARE | STOP
    | {'checkpoint', 'models_dir', 'allow_any_path', 'ensemble', 'inference', 'record',
       'policy_rate_hz', 'device', 'engine', 'precision', 'autostart', 'sim_to_real'},
    'replay.launch.py': SHARED | SIM | HARDWARE | STOP | {'episode', 'joint_order'},
    'record.launch.py': SHARED | SIM | HARDWARE | STOP
    | {'dataset', 'length', 'keep_failures', 'reset_time', 'sounds'},
}  # fmt: skip


@pytest.mark.parametrize('file', ARGUMENTS)
def test_every_argument_is_described(file: str) -> None:
    described = {argument.name: argument.description for argument in launch_arguments(file)}
    assert set(described) == ARGUMENTS[file]
    assert not [
        name for name, text in described.items() if len(text) < 20 or 'no description' in text
    ]


def test_show_args_shows_them_all(environment: dict[str, str]) -> None:
    shown = subprocess.run(
        ['ros2', 'launch', 'act_ros', 'aloha.launch.py', '--show-args'],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    described = dict(re.findall(r"^ +'(\w+)':\*?\n +(.+)$", shown, re.MULTILINE))
    assert set(described) == ARGUMENTS['aloha.launch.py']
    assert 'no description' not in shown


REFUSED = [
    ('aloha.launch.py', 'robot:=spot', 'Valid options are'),
    ('aloha.launch.py', 'ensemble:=average', 'Valid options are'),
    ('aloha.launch.py', 'inference:=later', 'Valid options are'),
    ('aloha.launch.py', 'enable:=maybe', 'Valid options are'),
    (
        'aloha.launch.py',
        'task:=laundry',
        'task:=laundry is not simulated; transfer_cube or insertion is',
    ),
    (
        'aloha.launch.py',
        'params_file:=mine.yaml',
        'params_file:=mine.yaml is not the absolute path of a file',
    ),
    ('aloha.launch.py', 'keystore:=nowhere', 'keystore:=nowhere is no keystore of SROS 2: '),
    ('sim.launch.py', 'seed:=first', 'seed:=first is not a whole number of at least 0'),
    ('sim.launch.py', 'episodes:=-1', 'episodes:=-1 is not a whole number of at least 0'),
    ('sim.launch.py', 'image_rate_hz:=nan', 'image_rate_hz:=nan is not a number of at least 1'),
    (
        'sim.launch.py',
        'cameras:=cam_high,cam_nose',
        'cameras:=cam_high,cam_nose is not auto or some of cam_high,',
    ),
    ('record.launch.py', 'keep_failures:=perhaps', 'Valid options are'),
    ('record.launch.py', 'operator:=me', 'Valid options are'),
    ('sim.launch.py', 'seedd:=7', "'seedd' is no argument of this launch file; is seed meant?"),
    ('aloha.launch.py', 'checkpont:=x', 'is checkpoint meant?'),
    ('record.launch.py', 'epsiodes:=2', 'is episodes meant?'),
    ('record.launch.py', 'seed:=later', 'seed:=later is not a whole number of at least 0'),
]


@pytest.mark.parametrize(('file', 'argument', 'message'), REFUSED, ids=[row[1] for row in REFUSED])
def test_unusable_value_is_refused(
    file: str, argument: str, message: str, refused: Callable[..., str], tiny_policy: Path
) -> None:
    needed = [f'checkpoint:={tiny_policy}'] if file == 'aloha.launch.py' else []
    assert message in refused(file, *needed, argument)


def test_a_robot_is_not_run_by_a_policy_that_nobody_named(
    refused: Callable[..., str], tiny_policy: Path
) -> None:
    said = refused('aloha.launch.py', 'robot:=aloha', f'models_dir:={tiny_policy.parent}')
    assert 'a robot runs only a policy that is named: checkpoint:=NAME' in said
    assert 'there are: tiny' in said


def test_a_robot_does_not_start_with_a_rate_that_nobody_stated(
    refused: Callable[..., str], tiny_policy: Path, tmp_path: Path
) -> None:
    config = json.loads((tiny_policy / 'config.json').read_text())
    (tmp_path / 'config.json').write_text(json.dumps({**config, 'rate_assumed': True}))
    given = ('aloha.launch.py', 'robot:=aloha', f'checkpoint:={tmp_path}')
    said = refused(*given)
    assert 'nobody stated the rate that the policy was trained at' in said
    assert 'policy_rate_hz:=50 at the launch' in said
    # What is missing now are the drivers, or else the rig.
    assert 'nobody stated' not in refused(*given, 'policy_rate_hz:=50', 'rig:=/nowhere')


def test_a_robot_does_not_start_with_what_was_learned_in_simulation(
    refused: Callable[..., str], tiny_policy: Path, tmp_path: Path
) -> None:
    config = json.loads((tiny_policy / 'config.json').read_text())
    (tmp_path / 'config.json').write_text(json.dumps({**config, 'training_seeds': [[1000, 1001]]}))
    given = ('aloha.launch.py', 'robot:=aloha', f'checkpoint:={tmp_path}')
    assert 'learned from simulated demonstrations (seeds 1000 to 1001)' in refused(*given)
    # What is missing now are the drivers, or else the rig.
    assert 'simulated' not in refused(*given, 'sim_to_real:=true', 'rig:=/nowhere')


def test_missing_checkpoint_is_refused_with_those_there_are(
    refused: Callable[..., str], tiny_policy: Path
) -> None:
    said = refused('aloha.launch.py', 'checkpoint:=nowhere', f'models_dir:={tiny_policy.parent}')
    assert "there is no policy 'nowhere'" in said
    assert 'tiny' in said


def test_broken_checkpoint_is_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / 'config.json').write_text('{"format": 1}', encoding='utf-8')
    assert 'lacks cameras' in refused('aloha.launch.py', f'checkpoint:={tmp_path}')


ROS_PYTHON = """
import sys
from importlib.metadata import entry_points

class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in ('cv2', 'h5py', 'torch', 'mujoco', 'pyarrow', 'PIL', 'safetensors', 'tqdm'):
            raise ModuleNotFoundError(f'there is no {name} here')

sys.meta_path.insert(0, Lacking())
sys.executable = '/bin/false'
(ros2,) = {entry.value: entry for entry in entry_points(group='console_scripts', name='ros2')}.values()
sys.exit(ros2.load()())
"""
"""A `ros2 launch` as it is where ROS 2 is installed: its Python has NumPy and YAML, and nothing of the set-up's."""


@pytest.mark.parametrize(
    ('file', 'argument', 'message'),
    [
        ('aloha.launch.py', 'checkpoint:=nowhere', "there is no policy 'nowhere'"),
        ('record.launch.py', 'length:=long', 'length:=long is not a whole number'),
        ('replay.launch.py', 'episode:=/nowhere', 'there is no episode /nowhere'),
        ('sim.launch.py', 'seedd:=7', "'seedd' is no argument of this launch file"),
        ('hardware.launch.py', 'robot:=spot', 'Valid options are'),
    ],
)
def test_a_launch_that_is_refused_ends_with_1_and_needs_of_its_python_only_what_ros_has(
    file: str, argument: str, message: str, environment: dict[str, str]
) -> None:
    done = subprocess.run(
        [sys.executable, '-c', ROS_PYTHON, 'launch', 'act_ros', file, argument],
        env=environment,
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert message in said
    assert 'Traceback' not in said and 'process started' not in said
    assert done.returncode == 1
