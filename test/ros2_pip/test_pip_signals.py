# SPDX-License-Identifier: Apache-2.0
"""A launch that is interrupted, and processes that do not listen: they end as with ROS 2's launch."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alive import is_alive

# A program that ignores signals until it is killed, or for a minute.
STUBBORN = """
STUBBORN = '''
import os, signal, sys, time
for name in sys.argv[1:]:
    signal.signal(getattr(signal, name), lambda number, frame: print('ignored', number))
print('ready', os.getpid())
for _ in range(600):
    time.sleep(0.1)
'''

def stubborn(*signals, **kwargs):
    return ExecuteProcess(
        cmd=[sys.executable, '-u', '-c', STUBBORN, *signals], name='stubborn', output='screen',
        **kwargs)
"""


def test_interrupt_ends_processes_with_sigint_where_there_is_no_terminal(
    start: Callable[..., Any],
    launch_file: Callable[..., Path],
) -> None:
    running = start('launch', '-n', launch_file('stubborn(), stubborn()', before=STUBBORN))
    for _ in range(2):
        running.wait_for('ready')
    running.interrupt()
    output = running.finish()
    assert running.process.returncode == 0
    assert re.search(r'^\[WARNING\] \[launch\]: .*\(SIGINT\)', output, re.M)
    for name in ('stubborn-1', 'stubborn-2'):
        assert f"[INFO] [{name}]: sending signal 'SIGINT' to process[{name}]" in output
        assert re.search(rf'\[{name}\]: process has died \[pid \d+, exit code -2', output)


def test_ctrl_c_of_a_terminal_reaches_processes_once(
    terminal: Callable[..., Any],
    launch_file: Callable[..., Path],
) -> None:
    path = launch_file("stubborn('SIGINT', sigterm_timeout='1')", before=STUBBORN)
    running = terminal('launch', path)
    running.wait_for('ready')
    running.ctrl_c()
    running.wait_for('exit code -15')
    assert running.seen.count('ignored 2') == 1
    assert "sending signal 'SIGINT'" not in running.seen


def test_shutdown_escalates_to_sigterm_and_sigkill(
    start: Callable[..., Any],
    launch_file: Callable[..., Path],
) -> None:
    running = start(
        'launch',
        '-n',
        launch_file(
            """stubborn('SIGINT', sigterm_timeout='0.5', sigkill_timeout='30'),
        stubborn('SIGINT', 'SIGTERM')""",
            before=STUBBORN,
        ),
        'sigterm_timeout:=1',
        'sigkill_timeout:=0.5',
    )
    pids = [int(running.wait_for('ready').split()[-1]) for _ in range(2)]
    running.interrupt()
    output = running.finish()
    escalated = re.findall(r"^\[ERROR\] \[(.*)\]: process.*, escalating to '(.*)'$", output, re.M)
    assert sorted(escalated) == [
        ('stubborn-1', 'SIGTERM'),
        ('stubborn-2', 'SIGKILL'),
        ('stubborn-2', 'SIGTERM'),
    ]
    assert re.search(r'\[stubborn-1\]: process has died \[pid \d+, exit code -15', output)
    assert re.search(r'\[stubborn-2\]: process has died \[pid \d+, exit code -9', output)
    assert '[stubborn-2] ignored 2' in output and '[stubborn-2] ignored 15' in output
    assert running.process.returncode == 0
    assert not any(is_alive(pid) for pid in pids)


def test_second_interrupt_is_ignored(
    start: Callable[..., Any],
    launch_file: Callable[..., Path],
) -> None:
    running = start(
        'launch', '-n', launch_file("stubborn('SIGINT', sigterm_timeout='2')", before=STUBBORN)
    )
    running.wait_for('ready')
    running.interrupt()
    running.wait_for('ignored 2')
    running.interrupt()
    output = running.finish()
    assert '(SIGINT) again' in output
    assert 'exit code -15' in output


def test_killed_node_is_seen_while_the_others_run(
    start: Callable[..., Any],
    launch_file: Callable[..., Path],
) -> None:
    running = start('launch', '-n', launch_file('stubborn(), stubborn()', before=STUBBORN))
    pids = [int(running.wait_for('ready').split()[-1]) for _ in range(2)]
    os.kill(pids[0], signal.SIGKILL)
    assert 'exit code -9' in running.wait_for('process has died')
    assert is_alive(pids[1])
    running.interrupt()
    running.finish()
    assert not is_alive(pids[1])


def test_terminated_launch_leaves_no_process_behind(
    standin: None,
    start: Callable[..., Any],
    launch_file: Callable[..., Path],
) -> None:
    running = start('launch', launch_file('stubborn()', before=STUBBORN))
    pid = int(running.wait_for('ready').split()[-1])
    running.process.send_signal(signal.SIGTERM)
    assert '[ERROR] [launch]: SIGTERM' in running.finish()
    assert running.process.returncode == 1
    assert not is_alive(pid)


def test_interrupt_at_any_moment_shows_no_traceback_of_the_standin(
    standin: None, start: Callable[..., Any], launch_file: Callable[..., Path]
) -> None:
    path = launch_file("ExecuteProcess(cmd=['sleep', '60'])")
    for milliseconds in range(80, 1000, 80):
        running = start('launch', '-n', path)
        time.sleep(milliseconds / 1000)  # not for luck: any moment will do
        running.interrupt()
        # Python itself, before it comes to the stand-in, may show one.
        assert not re.search(r'File ".*src/ros2_pip/', running.finish()), milliseconds
