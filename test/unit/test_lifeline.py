# SPDX-License-Identifier: Apache-2.0
"""A test run that ends early leaves no process, and says what it did not run."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import lifeline
import pytest
from alive import is_alive

DEADLINE_S = 60.0
TESTS = """
import os, subprocess, sys, time
from pathlib import Path

# A process in a session of its own that starts another, as `ros2 launch` starts nodes.
CHILD = 'sleep 600 & echo $!; wait'

def test_first():
    pass

def test_that_does_not_end():
    child = subprocess.Popen(['sh', '-c', CHILD], start_new_session=True, stdout=subprocess.PIPE, text=True)
    there = Path(__file__).with_name('pids')
    there.with_suffix('.new').write_text(f'{os.getpid()} {child.pid} {child.stdout.readline()}')
    there.with_suffix('.new').rename(there)
    time.sleep(600)

def test_last():
    pass
"""
# Deaf to SIGTERM, so that only SIGKILL ends it.
LEAVES = """
import lifeline, subprocess
lifeline.PATIENCE_S = 1.0
def test_it():
    subprocess.Popen(['sh', '-c', 'trap "" TERM; exec sleep 601'], start_new_session=True)
"""
FINE = """
import pytest
@pytest.mark.parametrize('number', range(8))
def test_it(number):
    pass
"""
CRASHES = """
import os, signal, pytest
@pytest.fixture
def mortal():
    yield
    os.kill(os.getpid(), signal.SIGKILL)
def test_that_crashes(mortal):
    pass
@pytest.mark.parametrize('number', range(8))
def test_it(number):
    pass
"""
COMMAND = [
    sys.executable,
    '-m',
    'pytest',
    '-p',
    'no:cacheprovider',
    '-c',
    os.devnull,
    '-p',
    'not_run',
]
# Only the plugins that are named; others take seconds to load.
ENV = {
    **os.environ,
    'PYTHONPATH': str(Path(lifeline.__file__).parent),
    'PYTEST_DISABLE_PLUGIN_AUTOLOAD': '1',
}
XDIST = ('-p', 'xdist', '-n')


@contextlib.contextmanager
def running(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A run of the tests above that stands in the second, and the processes: who runs it, and what it started."""
    (folder / 'test_it.py').write_text(TESTS)
    process = subprocess.Popen(
        [*COMMAND, f'--rootdir={folder}', *options, str(folder)], cwd=folder, text=True, start_new_session=True,
        env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        until((folder / 'pids').exists, 'the second test began')
        yield process, [int(pid) for pid in (folder / 'pids').read_text().split()]
    finally:
        process.kill()
        process.communicate()


def until(condition, what: str) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f'waited in vain until {what}'
        time.sleep(0.02)


@pytest.mark.parametrize('options', [(), (*XDIST, '2')], ids=['one process', 'xdist'])
@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGINT], ids=['killed', 'Ctrl+C'])
def test_a_run_that_is_ended_leaves_no_process_and_says_what_it_did_not_run(
    tmp_path: Path, options: tuple[str, ...], number: signal.Signals
) -> None:
    with running(tmp_path, *options) as (pytest_process, pids):
        assert all(map(is_alive, pids))
        # A terminal sends Ctrl+C to all of its processes; `kill -9` is for one.
        if number == signal.SIGINT:
            os.killpg(pytest_process.pid, number)
        else:
            os.kill(pytest_process.pid, number)
        out, _ = pytest_process.communicate(timeout=DEADLINE_S)  # also of the guardian
        assert pytest_process.returncode != 0
        until(lambda: not any(map(is_alive, pids)), f'none of {pids} was left')
    said = [line for line in out.splitlines() if 'NOT RUN' in line]
    assert len(said) == 1, out
    counts = re.search(r'3 collected, (\d) run, (\d) NOT RUN$', said[0])
    assert counts is not None, said[0]
    run, not_run = map(int, counts.groups())
    assert run + not_run == 3
    # With two processes the first may be unfinished, and the third done, while the second stands.
    assert run in ((0, 1, 2) if options else (1,)), said[0]
    assert said[0].startswith('pytest was killed: ') == (number == signal.SIGKILL)


def test_what_a_crashed_worker_of_xdist_started_is_ended(tmp_path: Path) -> None:
    with running(tmp_path, *XDIST, '1') as (pytest_process, (worker, *started)):
        os.kill(worker, signal.SIGKILL)
        out, _ = pytest_process.communicate(timeout=DEADLINE_S)
        until(lambda: not any(map(is_alive, started)), f'none of {started} was left')
    assert "worker 'gw0' crashed" in out
    assert 'NOT RUN' not in out and 'left running' not in out  # a new worker runs the third


def test_a_run_as_that_of_make_test_ends_where_a_worker_crashes(tmp_path: Path) -> None:
    script = (Path(__file__).parents[2] / 'scripts' / 'test.sh').read_text(encoding='utf-8')
    options = re.findall(r'--(?:dist|max-worker-restart) \w+|--no-loadscope-reorder', script)
    for number in range(4):
        crashes = number == 1
        (tmp_path / f'test_{number}.py').write_text(CRASHES if crashes else FINE)
    done = subprocess.run(
        [*COMMAND, f'--rootdir={tmp_path}', *XDIST, '2', *' '.join(options).split(), tmp_path],
        cwd=tmp_path, env=ENV, capture_output=True, text=True, timeout=DEADLINE_S,
    )  # fmt: skip
    assert done.returncode == 1
    assert "crashed while running 'test_1.py::test_that_crashes'" in done.stdout, done.stdout
    assert re.search(r'collected, \d+ run, \d+ NOT RUN$', done.stdout, re.M), done.stdout


def test_a_run_that_leaves_a_process_fails_and_names_it(tmp_path: Path) -> None:
    (tmp_path / 'test_it.py').write_text(LEAVES)
    done = subprocess.run(
        [*COMMAND, f'--rootdir={tmp_path}', str(tmp_path)],
        cwd=tmp_path, env=ENV, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert '1 passed' in done.stdout and done.returncode == 1
    left = next(line for line in done.stdout.splitlines() if line.startswith('left running'))
    assert left.endswith('sleep 601')
    pid = int(left.split(':')[1])
    until(lambda: not is_alive(pid), 'it was ended')
