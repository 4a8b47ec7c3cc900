# SPDX-License-Identifier: Apache-2.0
"""What the evaluate command refuses, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from act_ros.commands.evaluate import parser
from act_ros.commands.evaluation import Evaluation
from act_ros.commands.planning import plan
from act_ros.sim.world import STEPS
from evaluating import Said, evaluate, write_models
from synthetic import tiny_config, write_policy


@pytest.fixture(scope='module')
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp('models'))


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Episodes of few ticks; the worlds are the real ones."""
    for task in STEPS:
        monkeypatch.setitem(STEPS, task, 6)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--workers', '-1'], '--workers: must be a whole number from 1 to 256, got \'-1\''),
        (['--workers', '0'], 'from 1 to 256'),
        (['--workers', 'two'], "got 'two'"),
        (['--workers', ''], "got ''"),
        (['--workers', '9' * 5000], 'from 1 to 256'),
        (['--threads', '1.5'], '--threads: must be a whole number from 1 to 256'),
        (['--rate', '0'], '--rate: must be a number from 0.1 to 1000'),
        (['--rate', '-3'], '--rate: must be a number'),
        (['--rate', 'nan'], "got 'nan'"),
        (['--rate', 'inf'], "got 'inf'"),
        (['--rate', '60'], '--rate is 60; at most 50'),
        (['--m', 'nan'], '--m: must be a number from -10 to 10'),
        (['--m', '1e300'], '--m: must be a number from -10 to 10'),
        (['--m', ''], "got ''"),
        (['--delay', '-1'], '--delay: must be a whole number from 0'),
        (['--delay', '5'], 'the chunks of plain are 5 ticks long'),
        (['--execute', '3'], '--execute needs --ensemble none'),
        (['--execute', '6', '--ensemble', 'none'], 'execute must be between 1 and the chunk length 5'),
        (['--ensemble', 'middle'], 'invalid choice'),
        (['--task', 'cooking'], 'invalid choice'),
        (['--seeds', '9-0'], '9-0 runs backwards'),
        (['--seeds', '1,1'], '1 is named twice in 1,1'),
        (['--seeds', '0-999999999'], 'more than 10000 seeds'),
        (['--seeds', ''], 'names no seeds'),
        (['--seeds', '1\n2\x1b[31m'], 'names no seeds'),
        (['--film', '2'], '--film and --video need --output DIR'),
        (['--video'], '--film and --video need --output DIR'),
        (['--film', '-1', '--output', 'x'], '--film: must be a whole number'),
        (['--output', ''], '--output: is empty'),
        (['--output', '/dev/null'], "--output: '/dev/null' is no folder"),
        (['--output', '/dev/null/below'], "'/dev/null' is no folder"),
        (['--output', '/proc/nowhere'], 'cannot be used: No such file'),
        (['--episodes', '5'], 'unrecognized arguments: --episodes 5'),
        (['--checkpoint'], 'expected at least one argument'),
        (['--checkpoint', 'no_such_policy'], "there is no policy 'no_such_policy'"),
        (['--checkpoint', ''], '--checkpoint: is empty'),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_in_one_line(
    arguments: list[str], message: str, models: Path, capsys: Said
) -> None:
    assert evaluate('--checkpoint', models / 'plain', *arguments) == 2
    said = capsys.readouterr()
    assert said.out == ''
    (line,) = said.err.splitlines()
    assert line.startswith('evaluate: ') and message in line and line.isprintable()


@pytest.mark.parametrize(('rate_hz', 'ticks'), [(60.0, 25), (30.0, 50), (50.0, 30)])
def test_a_delay_is_held_against_the_ticks_of_a_chunk_not_its_rows(
    rate_hz: float, ticks: int, tmp_path: Path
) -> None:
    write_policy(tmp_path / 'other', tiny_config(chunk=30, rate_hz=rate_hz))

    def planned(delay: int) -> Evaluation:
        named = ['--checkpoint', str(tmp_path / 'other'), '--delay', str(delay)]
        return plan(parser().parse_args(named))

    assert planned(ticks - 1).setting.delay == ticks - 1
    with pytest.raises(ValueError, match=f'the chunks of other are {ticks} ticks long'):
        planned(ticks)


def test_a_policy_named_twice_or_for_another_robot_is_refused(
    models: Path, tmp_path: Path, capsys: Said
) -> None:
    assert evaluate('--checkpoint', models / 'cube', f'{models}/./cube') == 2
    assert 'is named twice' in capsys.readouterr().err
    write_policy(tmp_path / 'slow', tiny_config(rate_hz=1000.0))
    assert evaluate('--checkpoint', tmp_path / 'slow') == 2
    assert 'trained at 1000 Hz' in capsys.readouterr().err


def test_weights_that_cannot_be_read_are_said_in_one_line_and_the_folder_can_be_used_again(
    models: Path, tmp_path: Path, capsys: Said
) -> None:
    write_policy(tmp_path / 'broken')
    (tmp_path / 'broken' / 'model.safetensors').write_bytes(b'not this')
    out = tmp_path / 'out'
    assert evaluate('--checkpoint', tmp_path / 'broken', '--output', out) == 2
    said = capsys.readouterr()
    assert 'Traceback' not in said.err and 'model.safetensors' in said.err.splitlines()[-1]
    assert evaluate('--checkpoint', models / 'plain', '--seeds', '0', '--output', out) == 0
