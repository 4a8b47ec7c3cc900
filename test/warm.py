# SPDX-License-Identifier: Apache-2.0
"""Nodes as processes that need not load what all nodes load: most of a processor's second for each.

`start()` forks them from one process that has loaded it. Each is a process of its own with the arguments, the
environment and the output that it is given; it only finds there what it imports.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from runpy import run_module
from typing import IO, Any

MESSAGES = ('act', 'diagnostic', 'interbotix_xs', 'lifecycle', 'rosgraph', 'sensor', 'std')
SERVICES = ('act_msgs', 'interbotix_xs_msgs', 'lifecycle_msgs', 'rcl_interfaces', 'std_srvs')
COMMON = (
    *('rosidl_parser.parser', 'type_description_interfaces.srv'),
    *(f'{name}_msgs.msg' for name in MESSAGES),
    *(f'{name}.srv' for name in SERVICES),
    *(
        'act_ros.control.runtime',
        'act_ros.control.session.session',
        'act_ros.data.recording.archive',
    ),
)
"""What is loaded. Neither rclpy nor MuJoCo, which begin threads when they are: no fork may follow that."""

MOST = 1 << 17
"""Bytes of a request."""


class Process:
    """A process that was started here: of what `subprocess.Popen` has, what tests use."""

    def __init__(self, report: socket.socket) -> None:
        """`report`: tells its number, then, when it has ended, how."""
        self._report = report
        self.pid = int(report.recv(16))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, `timeout` seconds at most, and return its exit status."""
        status = self._look(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(f'process {self.pid}', timeout or 0.0)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            self._report.settimeout(timeout)
            try:
                self.returncode = int(self._report.recv(16) or -signal.SIGKILL)
            except (BlockingIOError, TimeoutError):
                return None
            self._report.close()
        return self.returncode


_server: tuple[socket.socket, subprocess.Popen[bytes]] | None = None
"""What forks them, and the way to it."""


def start(module: str, arguments: Sequence[str], env: dict[str, str], out: IO[Any]) -> Process:
    """Run a module, as `python -m` does, in a process of its own, which writes to `out`, output and errors."""
    global _server
    if _server is None:
        _server = _begin()
    mine, report = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    request = json.dumps([module, list(arguments), env, str(Path.cwd())]).encode()
    assert len(request) < MOST
    with report:
        socket.send_fds(_server[0], [request], [out.fileno(), report.fileno()])
    return Process(mine)


def end() -> None:
    """End what forks them; those that still run go on."""
    global _server
    if _server is not None:
        control, process = _server
        control.close()
        process.wait()
        _server = None


def _begin() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Start the process that forks the others, which ends with this one, and the way to it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path), 'OMP_NUM_THREADS': '1'},
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    return ours, process


def _serve(control: socket.socket) -> str:
    """Fork at each request, and report how each ends; returns in the process that is to run what is returned."""
    running: dict[int, tuple[int, socket.socket]] = {}  # by a descriptor of the process
    while True:
        ready, _, _ = select.select([control, *running], [], [])
        for one in ready:
            if one is not control:
                pid, report = running.pop(one)
                status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                os.close(one)
                _tell(report, status)
                report.close()
                continue
            request, files, _, _ = socket.recv_fds(control, MOST, 2)
            if not request:
                sys.exit()
            out, report = files[0], socket.socket(fileno=files[1])
            pid = os.fork()
            if pid == 0:
                for other in (control, report, *(socket_ for _, socket_ in running.values())):
                    other.close()
                for descriptor in running:
                    os.close(descriptor)
                return _become(json.loads(request), out)
            os.close(out)
            running[os.pidfd_open(pid)] = pid, report
            _tell(report, pid)


def _tell(report: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):  # who started it has gone
        report.send(str(number).encode())


def _become(request: list[Any], out: int) -> str:
    """In a new process: have what was asked for; returns the module that it is to run."""
    module, arguments, env, folder = request
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(out)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    sys.argv[1:] = arguments
    return str(module)


if __name__ == '__main__':
    for name in COMMON:
        import_module(name)
    threads = [*Path('/proc/self/task').iterdir()]
    assert len(threads) == 1, 'what was loaded has begun threads'
    gc.freeze()  # what is there already is not looked through, and so not copied, by each
    run_module(_serve(socket.socket(fileno=int(sys.argv[1]))), run_name='__main__', alter_sys=True)
