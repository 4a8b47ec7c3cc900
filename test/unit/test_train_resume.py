# SPDX-License-Identifier: Apache-2.0
"""`train --resume`: a run goes on as what it was, or says in one line why it cannot; it touches nobody else's files."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from act_ros.commands.train import main
from act_ros.policy.folder import read_config
from act_ros.policy.training.run_files import STATE, load_state
from synthetic import TINY, write_episodes

TRAINING = {
    'pretrained': False, 'steps': 2, 'batch': 4, 'lr': 1e-3, 'lr_backbone': 1e-3,
    'validation': 0.3, 'checkpoint_every': 1, 'log_every': 1,
}  # fmt: skip
Train = Callable[..., tuple[int, str]]


@pytest.fixture(scope='module')
def episodes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_episodes(tmp_path_factory.mktemp('episodes'))


@pytest.fixture
def train(episodes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Train:
    """Trains the tiny network, with changes to it; the status, and what was said."""

    def run(
        *words: str, output: str = 'out', data: Path = episodes, **network: Any
    ) -> tuple[int, str]:
        path = tmp_path / 'training.yaml'
        policy = {**TINY, 'image_size': [48, 64], **network}
        path.write_text(yaml.safe_dump({'paper': {'policy': policy, 'training': TRAINING}}))
        given = [
            '--data',
            str(data),
            '--output',
            str(tmp_path / output),
            '--config-file',
            str(path),
        ]
        status = main([*given, '--device', 'cpu', *words])
        return status, capsys.readouterr().err

    return run


def refused(said: tuple[int, str], words: str) -> None:
    status, err = said
    lines = [line for line in err.splitlines() if 'frame/s' not in line]
    assert status == 2 and words in err and len([*filter(None, lines)]) == 1, err


def test_a_run_that_began_with_a_policy_goes_on_with_the_network_of_that_policy(
    train: Train, tmp_path: Path
) -> None:
    assert train(output='first', pre_norm=False)[0] == 0
    begun = train('--from', str(tmp_path / 'first'), pre_norm=True)
    assert begun[0] == 0, begun
    on = train('--resume', '--steps', '3', pre_norm=True)
    assert on[0] == 0, on
    assert not read_config(tmp_path / 'out').pre_norm
    assert load_state(tmp_path / 'out')['step'] == 3


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('activation', 'gelu'),
        ('pre_norm', True),
        ('vae', False),
        ('per_camera', True),
        ('backbone', 'resnet34'),
    ],
)
def test_another_network_is_refused_whichever_of_the_two_leaves_an_entry_out(
    train: Train, name: str, value: Any
) -> None:
    assert train(**{name: value})[0] == 0
    refused(train('--resume', '--steps', '3'), f'cannot resume: {name} was ')
    assert train('--resume', '--steps', '3', **{name: value})[0] == 0


def test_other_episodes_by_the_same_names_are_refused(
    train: Train, episodes: Path, tmp_path: Path
) -> None:
    assert train()[0] == 0
    for ticks in (12, 20):
        others = write_episodes(tmp_path / f'others{ticks}', ticks=ticks)
        if ticks == 12:  # as long, and of other values
            for i, name in enumerate(('episode_1.hdf5', 'episode_2.hdf5', 'episode_0.hdf5')):
                shutil.copy(episodes / name, others / f'episode_{i}.hdf5')
        refused(
            train('--resume', '--steps', '3', data=others),
            'have the names of those that the run had',
        )
    moved = tmp_path / 'moved'
    shutil.copytree(episodes, moved)
    assert train('--resume', '--steps', '3', data=moved)[0] == 0


@pytest.mark.parametrize(
    'state',
    [{'step': 1}, torch.zeros(3), [1, 2], {}, 'network', 'recipe', 'config', 'optimizer'],
    ids=str,
)
def test_a_file_that_is_no_state_of_a_run_is_refused_in_one_line(
    train: Train, tmp_path: Path, state: Any
) -> None:
    assert train()[0] == 0
    path = tmp_path / 'out' / STATE
    if isinstance(state, str):
        damaged = load_state(tmp_path / 'out')
        damaged[state] = 'nothing' if state == 'config' else {}
        state = damaged
    torch.save(state, path)
    status, err = train('--resume', '--steps', '3')
    assert status == 2 and 'cannot resume' in err and len(err.splitlines()) == 1, err


def test_a_run_of_an_earlier_version_goes_on(train: Train, tmp_path: Path) -> None:
    assert train()[0] == 0
    path = tmp_path / 'out' / STATE
    state = load_state(tmp_path / 'out')
    for name in ('data', 'written', 'origin'):
        del state[name]
    del state['recipe']['minutes']
    torch.save(state, path)
    assert train('--resume', '--steps', '3')[0] == 0


def test_only_steps_that_the_run_wrote_itself_are_removed(train: Train, tmp_path: Path) -> None:
    assert train(output='first')[0] == 0
    theirs = {name: tmp_path / 'out' / name for name in ('step_0', 'step_77', 'step_9000')}
    theirs['step_0'].parent.mkdir()
    theirs['step_0'].write_text('no folder')
    for name in ('step_77', 'step_9000'):
        shutil.copytree(tmp_path / 'first' / 'step_2', theirs[name])
    assert train('--keep', '1')[0] == 0
    assert train('--resume', '--steps', '4', '--keep', '1')[0] == 0
    left = {p.name for p in (tmp_path / 'out').glob('step_*')}
    assert left == {'step_4', *theirs}
    assert read_config(theirs['step_77']) and read_config(theirs['step_9000'])


def test_a_folder_belongs_to_one_training_at_a_time(train: Train, tmp_path: Path) -> None:
    assert train()[0] == 0
    other = os.open(tmp_path / 'out', os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    refused(train('--resume', '--steps', '3'), 'another training is at work in')
    os.close(other)
    assert train('--resume', '--steps', '3')[0] == 0


def test_a_time_that_is_too_short_for_a_step_is_an_error_and_leaves_nothing(
    train: Train, tmp_path: Path
) -> None:
    status, err = train('--minutes', '1e-9')
    assert status == 1 and 'not one step fitted into 1e-09 minutes' in err
    assert not (tmp_path / 'out').exists()
