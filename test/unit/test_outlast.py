# SPDX-License-Identifier: Apache-2.0
"""What must not end before the session is told of Ctrl+C only after it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from act_ros.nodes.process.node_lock import node_lock_address

CHILD = """
import os, signal, sys, time
signal.signal(signal.SIGINT, lambda *_: (print('told', flush=True), sys.exit(7)))
print(os.getpid(), os.getsid(0), flush=True)
time.sleep(60)
"""


@pytest.fixture
def node():
    return f'/test/{os.getpid()}/session'


@pytest.fixture
def outlast(node):
    source = Path(__file__).resolve().parents[2] / 'src' / 'act_ros'
    process = subprocess.Popen(
        [sys.executable, '-m', 'act_ros.nodes.process.outlast', node, '--', sys.executable, '-c', CHILD],
        stdout=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, 'PYTHONPATH': str(source)},
    )  # fmt: skip
    pid, session = map(int, process.stdout.readline().split())
    process.child = pid
    assert session == pid != process.pid  # the terminal's Ctrl+C is for another group
    yield process
    process.kill()
    process.wait()


def test_ctrl_c_reaches_it_after_the_node_has_ended(outlast, node):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as claim:
        claim.bind(node_lock_address(node))
        os.killpg(outlast.pid, signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            outlast.wait(1.0)
        os.kill(outlast.child, 0)
    assert outlast.wait(20) == 7
    assert outlast.stdout.read() == 'told\n'


def test_without_the_node_it_is_told_at_once(outlast):
    outlast.send_signal(signal.SIGINT)
    assert outlast.wait(20) == 7


def test_sigterm_ends_it_in_any_case(outlast, node):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as claim:
        claim.bind(node_lock_address(node))
        outlast.send_signal(signal.SIGTERM)
        assert outlast.wait(20) == 128 + signal.SIGTERM


def test_a_wrong_call_says_how():
    done = subprocess.run(
        [sys.executable, '-m', 'act_ros.nodes.process.outlast', 'x'],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and 'usage: outlast NODE -- COMMAND' in done.stderr
