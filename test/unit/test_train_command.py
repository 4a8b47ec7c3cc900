# SPDX-License-Identifier: Apache-2.0
"""The command `train`: what it leaves, what it begins with, what it refuses, and how it is gone on with."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from safetensors.torch import load_file

from act_ros.commands.train import main
from act_ros.policy.folder import read_config
from act_ros.policy.training.run_files import load_state
from synthetic import TINY, write_episodes
from train_words import PATIENCE_S, TRAINING, words, write_recipe

pytestmark = pytest.mark.timeout(2 * PATIENCE_S)


@pytest.fixture(scope='module')
def episodes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_episodes(tmp_path_factory.mktemp('episodes'))


@pytest.fixture
def command(episodes: Path, tmp_path: Path) -> list[str]:
    return words(episodes, tmp_path)


def test_the_command_leaves_policy_curves_and_picture(command: list[str], tmp_path: Path) -> None:
    assert main(command) == 0
    made = {p.name for p in (tmp_path / 'out').iterdir()}
    assert made == {
        'config.json',
        'model.safetensors',
        'training_state.pt',
        'loss.png',
        'curves.json',
        'log',
        'best',
        'step_1',
        'step_2',
    }
    assert list((tmp_path / 'out' / 'log').glob('events.*'))


def test_the_command_does_not_overwrite_and_says_what_is_wrong(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, '--resume']) == 2
    assert 'cannot resume: there is no' in capsys.readouterr().err
    assert main([*command, '--config', 'huge']) == 2
    assert "no configuration 'huge'; it has: paper" in capsys.readouterr().err
    assert main(command) == 0
    assert main(command) == 2
    assert 'already holds a policy' in capsys.readouterr().err
    with pytest.raises(SystemExit, match='2'):
        main([*command, '--resume', '--data', '/nowhere'])
    assert "argument --data: there is no '/nowhere'" in capsys.readouterr().err


def test_training_starts_from_the_weights_of_another_policy(
    command: list[str], tmp_path: Path
) -> None:
    assert main([*command, '--seed', '1']) == 0
    first, second = tmp_path / 'out', tmp_path / 'second'
    command[command.index('--output') + 1] = str(second)
    assert main([*command, '--from', str(first), '--steps', '1', '--seed', '2']) == 0
    before, after = (load_file(folder / 'model.safetensors') for folder in (first, second))
    scratch_output = tmp_path / 'scratch'
    command[command.index('--output') + 1] = str(scratch_output)
    assert main([*command, '--steps', '1', '--seed', '2']) == 0
    scratch = load_file(scratch_output / 'model.safetensors')
    name = max((n for n in before if 'weight' in n), key=lambda n: before[n].numel())
    moved = (after[name] - before[name]).abs().max()
    assert 0 < moved < (scratch[name] - before[name]).abs().max() / 2


def test_a_run_that_starts_from_a_policy_keeps_its_sizes(
    command: list[str], tmp_path: Path
) -> None:
    assert main(command) == 0
    first = tmp_path / 'out'
    write_recipe(
        tmp_path / 'training.yaml', {'d_model': 64, 'pre_norm': True, 'image_size': [32, 32]}
    )
    command[command.index('--output') + 1] = str(tmp_path / 'second')
    assert main([*command, '--from', str(first), '--steps', '1']) == 0
    assert read_config(tmp_path / 'second').same_network(read_config(first))


def test_the_words_of_the_field_name_the_length_of_a_chunk(
    command: list[str], tmp_path: Path
) -> None:
    network = {**TINY, 'image_size': [48, 64], 'chunk_size': 7}
    del network['chunk']
    words = {'paper': {'policy': network, 'training': TRAINING}}
    (tmp_path / 'training.yaml').write_text(yaml.safe_dump(words))
    assert main(command) == 0
    assert read_config(tmp_path / 'out').chunk == 7


def test_a_policy_of_other_cameras_is_no_start(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 0
    first = tmp_path / 'out'
    config = first / 'config.json'
    config.write_text(config.read_text().replace('cam_high', 'cam_low'))
    command[command.index('--output') + 1] = str(tmp_path / 'second')
    assert main([*command, '--from', str(first)]) == 2
    assert str(first) in capsys.readouterr().err
    with pytest.raises(SystemExit, match='2'):
        main([*command, '--from', str(tmp_path / 'nowhere')])
    assert 'nowhere' in capsys.readouterr().err


def test_a_run_is_resumed_or_begun_from_a_policy_not_both(command: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*command, '--resume', '--from', 'models/x'])
    assert stop.value.code == 2


@pytest.mark.parametrize(
    'wrong',
    [
        ['--threads', '-1'],
        ['--batch', '0'],
        ['--seed', '-1'],
        ['--steps', '2.5'],
        ['--minutes', 'nan'],
        ['--minutes', '0'],
        ['--minutes', '1', '--steps', '1'],
        ['--cache-gb', '-1'],
        ['--keep', '0'],
        ['--device', 'mps'],
        ['--device', 'cuda:x'],
    ],
)
def test_a_wrong_argument_is_one_line_and_leaves_nothing(
    command: list[str], wrong: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = main([*command, *wrong])
    except SystemExit as end:
        status = end.code
    said = capsys.readouterr()
    assert status == 2 and said.out == ''
    assert len(said.err.splitlines()) == 1 and wrong[0] in said.err
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('policy', 'training', 'message'),
    [
        ({'chunk': 0}, {}, 'chunk is 0'),
        ({'norm': 'frozen_batch'}, {}, 'norm is frozen_batch and pretrained is false'),
        (
            {'norm': 'frozen_batch'},
            {'pretrained': True},
            'put https://.*resnet18.* at /.*resnet18',
        ),
    ],
)
def test_a_start_that_fails_leaves_nothing(
    command: list[str],
    tmp_path: Path,
    policy: dict[str, Any],
    training: dict[str, Any],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ('https_proxy', 'http_proxy', 'HTTPS_PROXY', 'HTTP_PROXY'):
        monkeypatch.setenv(name, 'http://127.0.0.1:9')  # nobody listens there: offline
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    write_recipe(tmp_path / 'training.yaml', policy, **training)
    command[command.index('--output') + 1] = str(tmp_path / 'models' / 'mine')
    assert main(command) == 2
    said = capsys.readouterr().err
    assert re.search(message, said) and len(said.splitlines()) == 1
    assert not (tmp_path / 'models').exists()


def test_a_resumed_run_keeps_its_length_until_it_gets_another(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, '--steps', '3']) == 0
    capsys.readouterr()
    drawn = tmp_path / 'out' / 'loss.png'
    drawn.write_bytes(b'the picture of the whole run')
    assert main([*command, '--resume']) == 0
    assert 'this run is over' in capsys.readouterr().err
    assert drawn.read_bytes() == b'the picture of the whole run'
    assert main([*command, '--resume', '--steps', '5']) == 0
    assert load_state(tmp_path / 'out')['step'] == 5
    curves = json.loads((tmp_path / 'out' / 'curves.json').read_text())
    assert [step for step, _ in curves['l1']] == [1, 2, 3, 4, 5]
    assert main([*command, '--resume', '--batch', '2']) == 2
    assert 'cannot resume: batch was 4, and is 2' in capsys.readouterr().err
