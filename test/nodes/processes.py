# SPDX-License-Identifier: Apache-2.0
"""Nodes of the suite in processes of their own, as they run in earnest."""

from __future__ import annotations

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
        command = [sys.executable, '-m', module_of(name), '--ros-args', '-r', '__ns:=/act']
        self._mark, env = lifeline.tie(os.environ)
        env.update(PYTHONPATH=os.pathsep.join(sys.path), OMP_NUM_THREADS='1')
        self.log = log
        with log.open('wb') as out:
            where = out if terminal is None else terminal
            self.process = subprocess.Popen(
                [*command, *options],
                stdin=None if terminal is None else terminal,
                stdout=where,
                stderr=where,
                env=env,
                start_new_session=terminal is not None,
                preexec_fn=None if terminal is None else _take_terminal,
            )

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
        lifeline.end(self._mark)
        self.process.wait()
        if error is not None:
            sys.stderr.write(self.output)
