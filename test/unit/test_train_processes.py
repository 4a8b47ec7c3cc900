# SPDX-License-Identifier: Apache-2.0
"""The command `train` as a process that gets signals, and as two that train as one."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from act_ros.commands.train import main
from act_ros.policy.training.run_files import load_state
from synthetic import write_episodes
from train_words import PATIENCE_S, words, write_recipe

Start = Callable[..., subprocess.Popen[str]]
pytestmark = pytest.mark.timeout(2 * PATIENCE_S)


@pytest.fixture(scope='module')
def episodes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_episodes(tmp_path_factory.mktemp('episodes'))


@pytest.fixture
def command(episodes: Path, tmp_path: Path) -> list[str]:
    return words(episodes, tmp_path)


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts Python modules, each in a process group of its own, none of which outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, '-m', *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True, env={**os.environ, 'OMP_NUM_THREADS': '1'},
        )  # fmt: skip
        started.append(process)
        return process

    yield begin
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for(process: subprocess.Popen[str], there: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE_S
    while not there():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.05)


def stopped(process: subprocess.Popen[str], number: int, output: Path) -> tuple[int, list[str]]:
    """What a run that gets a signal ends with; and what it has said, which was checked."""
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert 'Traceback' not in said
    lines = [line for line in said.splitlines() if line.startswith('train: ')]
    step = load_state(output)['step']
    assert lines[-1] == f'train: stopped at step {step}; go on with --resume', said
    return process.returncode, lines


def test_a_run_that_is_interrupted_leaves_a_checkpoint(
    command: list[str], tmp_path: Path, start: Start
) -> None:
    write_recipe(tmp_path / 'training.yaml', checkpoint_every=10**6)
    process = start('act_ros.commands.train', *command, '--steps', '1000000000')
    wait_for(process, lambda: (tmp_path / 'out' / 'log').exists())
    status, _ = stopped(process, signal.SIGINT, tmp_path / 'out')
    assert status == 130
    step = load_state(tmp_path / 'out')['step']
    assert main([*command, '--resume', '--steps', str(step + 2)]) == 0
    assert load_state(tmp_path / 'out')['step'] == step + 2


def test_a_run_that_would_take_days_on_a_cpu_says_so_and_one_that_is_terminated_leaves_a_checkpoint(
    command: list[str], tmp_path: Path, start: Start
) -> None:
    write_recipe(tmp_path / 'training.yaml', checkpoint_every=3)
    process = start('act_ros.commands.train', *command, '--steps', '1000000000')
    wait_for(process, lambda: (tmp_path / 'out' / 'step_3').exists())
    status, lines = stopped(process, signal.SIGTERM, tmp_path / 'out')
    assert status == 143
    days = r'train: a step takes .* 1000000000 of them \d+ days; --config small'
    assert re.search(days, '\n'.join(lines))


def test_a_second_interruption_ends_at_once(
    command: list[str], tmp_path: Path, start: Start
) -> None:
    write_recipe(tmp_path / 'training.yaml', checkpoint_every=10**6)
    process = start('act_ros.commands.train', *command, '--steps', '1000', '--batch', '200')
    wait_for(process, lambda: (tmp_path / 'out' / 'log').exists())  # the next step takes seconds
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while 'Ctrl+C once more' not in (line := process.stderr.readline()):
        assert line
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == -signal.SIGINT
    assert not group_lives(process.pid)


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_two_processes_train_as_one_with_the_same_samples(
    command: list[str], tmp_path: Path, start: Start
) -> None:
    """Without what is drawn in each, and without padding, of which processes have different shares."""
    write_recipe(
        tmp_path / 'training.yaml', {'chunk': 1, 'dropout': 0.0, 'vae': False}, precision='fp32'
    )
    assert main([*command, '--batch', '4', '--steps', '4']) == 0
    command[command.index('--output') + 1] = str(tmp_path / 'two')
    both = start(
        'torch.distributed.run', '--standalone', '--nproc-per-node', '2',
        '-m', 'act_ros.commands.train', *command, '--batch', '2', '--steps', '4', '--threads', '2',
    )  # fmt: skip
    _, said = both.communicate(timeout=PATIENCE_S)
    assert both.returncode == 0, said
    assert 'Warning' not in said  # e.g. of gradients that lie otherwise than their weights
    losses = []
    for name in ('out', 'two'):
        curves = json.loads((tmp_path / name / 'curves.json').read_text())
        losses.append([value for _, value in curves['validation_l1']])
    assert len(losses[0]) == 4
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-3)
