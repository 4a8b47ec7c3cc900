# SPDX-License-Identifier: Apache-2.0
"""Nodes of the suite in processes of their own, as they run in earnest."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import termios
from importlib.metadata import distribution
from pathlib import Path
from types import TracebackType
from typing import Any

import lifeline
import warm


def _take_terminal() -> None:
    """Make what is standard input the terminal of this session: its end is told to the session."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # though the tests themselves run under nohup


def module_of(executable: str) -> str:
    """The module behind `ros2 run act_ros EXECUTABLE`."""
    return distribution('act_ros').entry_points[executable].module


class Running:
    """One node, by the module of its executable, in namespace /act; it and all that it started end with the block."""

    def __init__(
        self, name: str, log: Path, terminal: int | None = None, **parameters: Any
    ) -> None:
        """Start it with parameters; what it prints goes into `log`, or to a terminal, which becomes its own."""
        given = [
            f'{key}:={str(value) if value != [] else [""]}' for key, value in parameters.items()
        ]
        options = [part for pair in given for part in ('-p', pair)]
        words = ['--ros-args', '-r', '__ns:=/act', *options]
        self._mark, env = lifeline.tie(os.environ)
        env.update(PYTHONPATH=os.pathsep.join(sys.path), OMP_NUM_THREADS='1')
        self.log = log
        self.process: subprocess.Popen[bytes] | warm.Process
        with log.open('wb') as out:
            if terminal is None:
                self.process = warm.start(module_of(name), words, env, out)
            else:
                self.process = subprocess.Popen(
                    [sys.executable, '-m', module_of(name), *words],
                    stdin=terminal, stdout=terminal, stderr=terminal, env=env,
                    start_new_session=True, preexec_fn=_take_terminal,
                )  # fmt: skip

    @property
    def output(self) -> str:
        """What it printed so far."""
        return self.log.read_text()

    def stop(self, timeout: float = 90.0) -> int:
        """Press Ctrl+C and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout)

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # In order. One that is killed while it writes holds for ever the lock of the shared memory in which this
        # process listens. Fast DDS 2.14 gives that memory up after a second, and where the listening is ended
        # meanwhile, as at the end of a test, that waits for the lock, in memory that there is no more: it crashes.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.stop(lifeline.PATIENCE_S)
        self.process.kill()
        lifeline.end(self._mark)
        self.process.wait()
        if error is not None:
            sys.stderr.write(self.output)
