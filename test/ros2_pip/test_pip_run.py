# SPDX-License-Identifier: Apache-2.0
"""`ros2 run` runs a program, lets it have its signals, and says how it ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from alive import is_alive

Ros2 = Callable[..., 'subprocess.CompletedProcess[str]']

NAMED = re.compile(r'`([a-z]+)` \(([a-z, \n]+)\)')  # `param` (list, get)

# Tells of each signal, and ends at once with the last of its arguments, or never.
LISTENER = r"""#!/usr/bin/env python3
import os, signal, sys, time
def told(number, frame):
    os.write(1, f'got {signal.Signals(number).name}\n'.encode())  # print is not reentrant
    if sys.argv[1] != 'stays':
        time.sleep(0.5)  # for a second one, which should not come
        sys.exit(int(sys.argv[1]))
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, told)
os.write(1, f'ready {os.getpid()}\n'.encode())
while True:
    time.sleep(0.05)
"""


@pytest.fixture
def listener(prefix: Path) -> str:
    """A program of package demo."""
    program = prefix / 'lib/demo/listener'
    program.write_text(LISTENER)
    program.chmod(0o755)
    return program.name


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_to_ros2_run_reaches_the_program_once(
    start: Callable[..., Any], listener: str, number: signal.Signals
) -> None:
    running = start('run', 'demo', listener, '7')
    pid = int(running.wait_for('ready').split()[-1])
    assert pid != running.process.pid
    running.process.send_signal(number)
    output = running.finish()
    assert output.count(f'got {number.name}') == 1
    assert '[ros2run]: Process exited with failure 7' in output
    assert running.process.returncode == 7
    assert not is_alive(pid)


def test_program_that_stays_after_a_signal_is_waited_for(
    start: Callable[..., Any], listener: str
) -> None:
    running = start('run', 'demo', listener, 'stays')
    pid = int(running.wait_for('ready').split()[-1])
    for _ in range(2):
        running.process.send_signal(signal.SIGTERM)
        running.wait_for('got SIGTERM')
    assert running.process.poll() is None
    os.kill(pid, signal.SIGKILL)
    assert '[ros2run]: Killed' in running.finish()


def test_ctrl_c_of_a_terminal_reaches_the_program_once(
    terminal: Callable[..., Any], listener: str
) -> None:
    running = terminal('run', 'demo', listener, '3')
    running.wait_for('ready')
    running.ctrl_c()
    running.wait_for('[ros2run]: Process exited with failure 3')
    assert running.seen.count('got SIGINT') == 1


def test_interrupt_at_any_moment_shows_no_traceback_of_the_standin(
    standin: None, start: Callable[..., Any]
) -> None:
    for milliseconds in range(60, 500, 40):
        running = start('run', 'demo', 'show')
        time.sleep(milliseconds / 1000)  # not for luck: any moment will do
        running.interrupt()
        # Python itself, before it comes to the stand-in, may show one.
        assert not re.search(r'File ".*src/ros2_pip/', running.finish()), milliseconds


def test_program_is_run_with_its_arguments(ros2: Ros2) -> None:
    done = ros2('run', 'demo', 'show', 'a b', '--ros-args', '-p', 'x:=1')
    assert done.stdout.splitlines() == ['arg a b', 'arg --ros-args', 'arg -p', 'arg x:=1']
    assert done.returncode == 0
    done = ros2('run', '--prefix', 'env', 'demo', 'show', '3')
    assert done.returncode == 3
    assert '[ros2run]: Process exited with failure 3' in done.stdout


def test_programs_are_listed_where_none_is_named(standin: None, ros2: Ros2) -> None:
    done = ros2('run', 'demo')
    assert done.returncode == 2
    assert '\n  show\n' in done.stderr
    done = ros2('run', 'demo', 'shew')
    assert done.returncode == 1
    assert "no executable 'shew'" in done.stderr and '\n  show\n' in done.stderr


def test_its_readme_names_the_commands_that_there_are_and_no_other(standin: None) -> None:
    readme = (Path(__file__).parents[2] / 'src/ros2_pip/README.md').read_text()
    said = {name: set(re.split(r',\s+', verbs)) for name, verbs in NAMED.findall(readme)}
    commands = import_module('ros2_pip.cli').COMMANDS
    modules = {name: import_module(f'ros2_pip.commands.{name}') for name in commands}
    assert said == {name: set(m.VERBS) for name, m in modules.items() if hasattr(m, 'VERBS')}


def test_package_that_is_not_there_is_named(ros2: Ros2) -> None:
    done = ros2('run', 'no_such_package', 'x')
    assert done.returncode == 1
    assert "'no_such_package'" in done.stderr


def test_packages_and_what_is_in_them_are_listed(ros2: Ros2, prefix: Path) -> None:
    assert {'demo', 'rclpy'} <= set(ros2('pkg', 'list').stdout.splitlines())
    assert ros2('pkg', 'prefix', 'demo').stdout == f'{prefix}\n'
    assert ros2('pkg', 'prefix', '--share', 'demo').stdout == f'{prefix}/share/demo\n'
    assert 'demo show\n' in ros2('pkg', 'executables', 'demo').stdout
    assert f'{prefix}/lib/demo/show\n' in ros2('pkg', 'executables', '--full-path', 'demo').stdout
    for verb in ('prefix', 'executables'):
        done = ros2('pkg', verb, 'no_such_package')
        assert done.returncode == 1
        assert 'not found' in done.stderr
