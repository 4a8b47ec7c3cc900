# SPDX-License-Identifier: Apache-2.0
"""Commands that work in several processes: Ctrl+C and kill -9 leave a line or nothing, and no process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from act_ros.commands.rollout import EvaluationSetting, Evaluator
from act_ros.sim.world import STEPS
from synthetic import write_policy

ENV = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
DEADLINE_S = 200.0

TICKS = 8
SHORT = """
from act_ros.sim.world import STEPS
STEPS.update(transfer_cube={ticks})
"""
"""Python runs a sitecustomize.py at its start: in the command, and in its workers, too."""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope='module')
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('models') / 'tiny'
    write_policy(folder)
    return folder


class Command:
    """A command in a session of its own, as a terminal would run it."""

    def __init__(self, folder: Path, command: str, *arguments: object) -> None:
        own = folder / 'own'
        own.mkdir(exist_ok=True)
        (own / 'sitecustomize.py').write_text(SHORT.format(ticks=TICKS))
        env = {**ENV, 'PYTHONPATH': f'{own}{os.pathsep}{ENV["PYTHONPATH"]}'}
        self.errors = folder / 'stderr'
        with self.errors.open('w') as errors:
            self.process = subprocess.Popen(
                [sys.executable, '-m', f'act_ros.commands.{command}', *map(str, arguments)],
                env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
                text=True, start_new_session=True,
            )  # fmt: skip

    def members(self) -> list[int]:
        """Processes of the session that live."""
        found = []
        for stat in Path('/proc').glob('[0-9]*/stat'):
            try:
                fields = stat.read_text().rpartition(')')[2].split()
            except OSError:
                continue
            if int(fields[3]) == self.process.pid and fields[0] != 'Z':
                found.append(int(stat.parent.name))
        return found

    def wait_for(self, condition: Any, what: str) -> None:
        end = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < end, f'waited in vain for {what}: {self.errors.read_text()}'
            time.sleep(0.02)

    def signal(self, number: signal.Signals, whole_group: bool = True) -> tuple[int, str]:
        """Send it, to all processes as a terminal does; returns exit status and standard error."""
        (os.killpg if whole_group else os.kill)(self.process.pid, number)
        status = self.process.wait(DEADLINE_S)
        self.wait_for(lambda: not self.members(), 'the end of the workers')
        return status, self.errors.read_text()

    def close(self) -> None:
        for pid in self.members():
            os.kill(pid, signal.SIGKILL)
        self.process.wait(DEADLINE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    commands = []

    def begin(command: str, *arguments: object) -> Command:
        commands.append(Command(tmp_path, command, *arguments))
        return commands[-1]

    yield begin
    for command in commands:
        command.close()


def evaluate(start: Any, policy: Path, out: Path, seeds: str = '0-9999', *more: str) -> Command:
    given = ('--checkpoint', policy, '--seeds', seeds, '--workers', '2', '--output', out)
    return start('evaluate', *given, *more)


def test_an_interrupted_evaluation_reports_and_saves_and_leaves_no_worker(
    start: Any, policy: Path, tmp_path: Path
) -> None:
    command = evaluate(start, policy, tmp_path / 'out')
    command.wait_for(lambda: 'succeeded' in command.errors.read_text(), 'an episode')
    status, errors = command.signal(signal.SIGINT)
    assert status == 130
    assert 'Traceback' not in errors and 'Error' not in errors
    last = errors.splitlines()[-1]
    assert last.startswith('evaluate: interrupted after ') and last.endswith('of 10000 episodes')
    data = json.loads((tmp_path / 'out' / 'results.json').read_text())
    results = data['policies'][0]['results']
    assert data['finished'] is False and len(results) == int(last.split()[3])
    assert [r['seed'] for r in results] == list(range(len(results)))
    assert f'of {len(results)} succeeded' in command.process.stdout.read()


def test_ctrl_c_while_workers_start_is_one_line(start: Any, policy: Path, tmp_path: Path) -> None:
    command = evaluate(start, policy, tmp_path / 'out')
    # The parent, and two workers that import their modules.
    command.wait_for(lambda: len(command.members()) >= 3, 'the workers')
    status, errors = command.signal(signal.SIGINT)
    assert status == 130 and 'Traceback' not in errors
    assert errors.splitlines()[-1] == 'evaluate: interrupted after 0 of 10000 episodes'


def test_workers_do_not_outlive_a_parent_that_is_killed(
    start: Any, policy: Path, tmp_path: Path
) -> None:
    command = evaluate(start, policy, tmp_path / 'out')
    command.wait_for(lambda: 'succeeded' in command.errors.read_text(), 'an episode')
    assert len(command.members()) >= 3
    status, errors = command.signal(signal.SIGKILL, whole_group=False)
    assert status == -signal.SIGKILL and 'Traceback' not in errors


def test_a_worker_that_is_killed_ends_the_run_with_a_line_and_what_was_done(
    start: Any, policy: Path, tmp_path: Path
) -> None:
    command = evaluate(start, policy, tmp_path / 'out')
    command.wait_for(lambda: 'succeeded' in command.errors.read_text(), 'an episode')
    victim = max(command.members())
    os.kill(victim, signal.SIGKILL)
    assert command.process.wait(DEADLINE_S) == 1
    last = command.errors.read_text().splitlines()[-1]
    assert last.startswith(
        'evaluate: a worker was ended by SIGKILL (out of memory?); stopped after '
    )
    assert json.loads((tmp_path / 'out' / 'results.json').read_text())['policies'][0]['results']


def test_workers_give_what_one_process_gives(
    start: Any, policy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = evaluate(start, policy, tmp_path / 'out', '0-3', '--engine', 'torch')
    assert command.process.wait(DEADLINE_S) == 0, command.errors.read_text()
    data = json.loads((tmp_path / 'out' / 'results.json').read_text())
    monkeypatch.setitem(STEPS, 'transfer_cube', TICKS)
    evaluator = Evaluator(EvaluationSetting((str(policy),), 'transfer_cube'))
    digests = [evaluator.run(0, seed).digest for seed in range(4)]
    assert [result['digest'] for result in data['policies'][0]['results']] == digests
    assert len(set(digests)) == 4


def test_an_interrupted_demonstrate_keeps_its_episodes_and_leaves_no_worker(
    start: Any, tmp_path: Path
) -> None:
    out = tmp_path / 'out'
    arguments = ['--output', out, '--workers', '2', '--size', '48x64', '--keep-failures']
    command = start('demonstrate', *arguments, '--episodes', '100000')
    command.wait_for(lambda: (out / 'episode_0.hdf5').exists(), 'an episode')
    status, errors = command.signal(signal.SIGINT)
    assert status == 130 and 'Traceback' not in errors
    assert errors.splitlines()[-1] == 'demonstrate: interrupted; finished episodes are kept'
    names = {path.name for path in out.iterdir()} - {'.recorder.lock'}
    assert all(name.startswith('episode_') for name in names)
