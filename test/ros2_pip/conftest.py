# SPDX-License-Identifier: Apache-2.0
"""
What the tests of the stand-in share.

They are about what ROS 2 Jazzy's own launch and ros2 do, too. Those that are about the stand-in
itself, or the words it uses, ask for the fixture `standin`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pty
import queue
import select
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

DEADLINE_S = 30.0

# A shell has its background jobs ignore a Ctrl+C, and so would all that is started here.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_launch = importlib.util.find_spec('launch')
# The folder of launch files is a package called launch too, for want of another, and has no origin.
if _launch is None or _launch.origin is None:
    collect_ignore_glob = ['test_*.py', 'graph']

HEADER = """
import sys
from launch import LaunchDescription
from launch.actions import *
from launch.conditions import *
from launch.event_handlers import *
from launch.launch_description_sources import *
from launch.substitutions import *
from launch_ros.actions import *
from launch_ros.parameter_descriptions import ParameterFile, ParameterValue
from launch_ros.substitutions import *

def python(code, **kwargs):
    return ExecuteProcess(cmd=[sys.executable, '-u', '-c', code], **{'output': 'screen', **kwargs})
"""


class Running:
    """A command that runs, and the lines it has written to its output and error output."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._queue: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._queue.put(line.rstrip('\n'))
        self._queue.put(None)

    def wait_for(self, part: str, deadline_s: float = DEADLINE_S) -> str:
        """Return the first line from here on that has ``part`` in it."""
        deadline = time.monotonic() + deadline_s
        while True:
            try:
                line = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                pytest.fail(f'{part!r} is not in the output:\n' + '\n'.join(self.lines))
            self.lines.append(line)
            if part in line:
                return line

    def finish(self, deadline_s: float = DEADLINE_S) -> str:
        """Wait for the end of the command; return all that it has written."""
        deadline = time.monotonic() + deadline_s
        while (line := self._queue.get(timeout=max(0.0, deadline - time.monotonic()))) is not None:
            self.lines.append(line)
        self.process.wait(timeout=deadline_s)
        return '\n'.join(self.lines)

    def interrupt(self) -> None:
        """Send SIGINT to the command alone, not to its children."""
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End it and all that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Terminal:
    """A command on a terminal of its own, and what is to be seen there."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self.seen = ''
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.execve(command[0], command, env)

    def wait_for(self, part: str) -> None:
        """Wait until ``part`` is to be seen."""
        end = time.monotonic() + DEADLINE_S
        while part not in self.seen:
            ready, _, _ = select.select([self._fd], [], [], max(0.0, end - time.monotonic()))
            try:
                self.seen += os.read(self._fd, 1 << 16).decode() if ready else ''
            except OSError:  # it has ended
                ready = []
            if not ready and part not in self.seen:
                pytest.fail(f'{part!r} is not to be seen:\n{self.seen}')

    def ctrl_c(self) -> None:
        """Press Ctrl+C."""
        os.write(self._fd, b'\x03')

    def close(self) -> None:
        """End it and all that it has started on the terminal."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._fd)


@pytest.fixture(autouse=True)
def _own_log_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Launches within the tests log to where the tests may."""
    monkeypatch.setenv('ROS_LOG_DIR', str(tmp_path / 'log'))


@pytest.fixture(scope='session')
def ros2_path() -> str:
    """The ros2 command: the one on the PATH, or that of this Python."""
    return shutil.which('ros2') or str(Path(sys.executable).with_name('ros2'))


@pytest.fixture(scope='session')
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prefix with a package 'demo': a program that shows its arguments, and a launch file."""
    root = tmp_path_factory.mktemp('prefix')
    (root / 'share/ament_index/resource_index/packages').mkdir(parents=True)
    (root / 'share/ament_index/resource_index/packages/demo').touch()
    (root / 'share/demo/launch').mkdir(parents=True)
    (root / 'share/demo/launch/demo.launch.py').write_text(
        HEADER + 'def generate_launch_description():\n'
        "    return LaunchDescription([DeclareLaunchArgument('who', default_value='you'),\n"
        "        LogInfo(msg=['hello ', LaunchConfiguration('who')])])\n"
    )
    (root / 'share/demo/package.xml').write_text(
        '<package format="3"><name>demo</name><version>1.2.3</version></package>'
    )
    program = root / 'lib/demo/show'
    program.parent.mkdir(parents=True)
    # A shell script, since it starts in no time.
    program.write_text(
        textwrap.dedent("""\
        #!/bin/sh
        for word; do
            echo "arg $word"
            case $word in
                */launch_params_*|/*.yaml) echo "file $(tr '\\n' ';' <"$word")" ;;
            esac
        done
        case $1 in [0-9]*) exit "$1" ;; esac
        """)
    )
    program.chmod(0o755)
    return root


@pytest.fixture
def env(prefix: Path, tmp_path: Path, domain: str) -> dict[str, str]:
    """The environment of commands: packages, a folder for logs, and a ROS domain of one's own."""
    paths = [str(prefix), *os.environ.get('AMENT_PREFIX_PATH', sys.prefix).split(os.pathsep)]
    return {
        **os.environ,
        'AMENT_PREFIX_PATH': os.pathsep.join(paths),
        'ROS_LOG_DIR': str(tmp_path / 'log'),
        'ROS_DOMAIN_ID': domain,
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'PYTHONWARNINGS': 'ignore',
        'COLUMNS': '200',
    }


@pytest.fixture
def ros2(ros2_path: str, env: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a ros2 command to its end."""

    def run(*words: object, stdin: str = '') -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [ros2_path, *map(str, words)],
            env=env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )

    return run


@pytest.fixture
def start(ros2_path: str, env: dict[str, str]) -> Iterator[Callable[..., Running]]:
    """Start a ros2 command, or any other one if its first word is a path."""
    running = []

    def run(*words: object) -> Running:
        command = [str(word) for word in words]
        if not command[0].startswith('/'):
            command.insert(0, ros2_path)
        running.append(Running(command, env))
        return running[-1]

    yield run
    for one in running:
        one.kill()


@pytest.fixture
def terminal(ros2_path: str, env: dict[str, str]) -> Iterator[Callable[..., Terminal]]:
    """Start a ros2 command on a terminal."""
    with contextlib.ExitStack() as stack:

        def run(*words: object) -> Terminal:
            made = Terminal([ros2_path, *map(str, words)], env)
            stack.callback(made.close)
            return made

        yield run


@pytest.fixture
def launch_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a launch file; its body is what stands in the list of actions."""

    def write(actions: str, name: str = 'test.launch.py', before: str = '') -> Path:
        path = tmp_path / name
        path.write_text(
            f'{HEADER}\n{textwrap.dedent(before)}\ndef generate_launch_description():\n'
            f'    return LaunchDescription([{textwrap.dedent(actions)}])\n'
        )
        return path

    return write


@pytest.fixture
def launched(
    ros2: Callable[..., subprocess.CompletedProcess[str]],
    launch_file: Callable[..., Path],
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Launch a list of actions to its end."""

    def run(actions: str, *arguments: str, before: str = '') -> subprocess.CompletedProcess[str]:
        return ros2('launch', launch_file(actions, before=before), *arguments)

    return run


@pytest.fixture
def seen() -> Any:
    """What a launch in this process came by."""
    from seen import Seen

    return Seen()


@pytest.fixture
def standin() -> None:
    """For tests of the stand-in itself: skipped where ROS 2's own launch is."""
    if importlib.util.find_spec('launch._standin') is None:
        pytest.skip("this is ROS 2's own launch")
