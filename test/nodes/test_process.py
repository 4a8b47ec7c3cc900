# SPDX-License-Identifier: Apache-2.0
"""How a process of nodes hears that it is to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_prefix
from processes import module_of

from act_ros.nodes.shared.watchdog import HUNG

PROGRAM = """
import os, signal, sys, threading
from act_ros.nodes.process.run import stop_at_signals

class Interrupted(threading.Condition):
    '''The condition inside an event, interrupted by Ctrl+C at the worst moment: while its lock is held.'''

    def wait(self, timeout=None):
        os.kill(os.getpid(), signal.SIGINT)
        return super().wait(timeout)

stop = threading.Event()
stop._cond = Interrupted(threading.Lock())
stop_at_signals(stop)
sys.exit(0 if stop.wait(20.0) else 1)
"""


@pytest.mark.parametrize(
    ('name', 'broken', 'said'),
    [
        ('sim', 'seed', 'seed'),
        ('policy', 'threads:=two', "threads' to 'two'"),
        ('policy', 'enable:=[1,', 'enable:=[1,'),
    ],
)
def test_what_ros_itself_refuses_is_one_line(name, broken, said):
    """Its errors have no public name, and are told from ours by where they come from."""
    command = [sys.executable, '-m', module_of(name), '--ros-args', '-p', broken]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90)
    assert done.returncode == 1, done.stderr
    assert 'error: ' in done.stderr and said in done.stderr and 'Traceback' not in done.stderr


@pytest.mark.parametrize(
    'given', [{'HOME': '/dev/null'}, {}, {'ROS_LOG_DIR': '/proc/nope'}], ids=str
)
def test_where_no_log_can_be_written_it_says_what_to_set(given):
    names = ('HOME', 'ROS_HOME', 'ROS_LOG_DIR')
    env = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, '-m', module_of('guard')],
        env={**env, **given}, capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    assert done.returncode == 1 and 'Traceback' not in done.stderr, done.stderr
    said = done.stderr.splitlines()[-1]
    assert 'set ROS_LOG_DIR to a folder that can be written' in said and 'DOMAIN' not in said
    assert f'HOME is {given.get("HOME", "not set")}' in said
    assert f'ROS_LOG_DIR is {given.get("ROS_LOG_DIR", "not set")}' in said


def test_ctrl_c_in_the_midst_of_waiting_for_it_ends_the_process():
    assert subprocess.run([sys.executable, '-c', PROGRAM], timeout=90).returncode == 0


HANGING = """
import sys, threading
from act_ros.nodes import teleop
teleop.TeleopNode._tick = lambda self, beat: threading.Event().wait()
sys.exit(teleop.main())
"""


def test_a_control_thread_that_hangs_ends_the_process_as_a_crash_does():
    done = subprocess.run(
        [sys.executable, '-c', HANGING], capture_output=True, text=True, timeout=90
    )
    assert done.returncode == HUNG
    assert '/act/teleop HANGS' in done.stderr and 'Traceback' not in done.stderr


@pytest.mark.parametrize('name', ['policy', 'session', 'guard', 'keys'])
def test_ctrl_c_while_a_node_still_imports_ends_it_without_a_word(name, tmp_path):
    program = Path(get_package_prefix('act_ros'), 'lib', 'act_ros', name)
    with (tmp_path / 'log').open('wb') as log:
        process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=log, stderr=log)
        maps = Path(f'/proc/{process.pid}/maps')
        end = time.monotonic() + 60
        while 'rclpy' not in maps.read_text():  # it is in the midst of it
            assert time.monotonic() < end
        process.send_signal(signal.SIGINT)
        assert process.wait(90) == 0
    assert not (tmp_path / 'log').read_text()
