# SPDX-License-Identifier: Apache-2.0
"""What has happened to a process, and what is to happen to processes."""

from __future__ import annotations

from collections.abc import Callable
from signal import Signals
from typing import Any

from .._standin import lacking
from ..event import Event

__getattr__ = lacking(__name__)

Matcher = Callable[[Any], bool]


class RunningProcessEvent(Event):
    """Something has happened to a process."""

    name = 'launch.events.process.RunningProcessEvent'

    def __init__(
        self,
        *,
        action: Any,
        name: str,
        cmd: list[str],
        cwd: str | None,
        env: dict[str, str] | None,
        pid: int,
    ) -> None:
        """
        :param action: what has started it
        :param name: what it is called in the log, such as `talker-1`
        """
        self.action = action
        self.process_name = name
        self.pid = pid
        self.cmd, self.cwd, self.env = cmd, cwd, env


class ProcessStarted(RunningProcessEvent):
    """A process runs."""

    name = 'launch.events.process.ProcessStarted'


class ProcessExited(RunningProcessEvent):
    """A process has ended."""

    name = 'launch.events.process.ProcessExited'

    def __init__(self, *, returncode: int, **details: Any) -> None:
        """:param returncode: its exit code; of a process that a signal has ended, minus the signal"""
        super().__init__(**details)
        self.returncode = returncode


class ProcessIO(RunningProcessEvent):
    """A process has written something."""

    name = 'launch.events.process.ProcessIO'

    def __init__(self, *, text: bytes, fd: int, **details: Any) -> None:
        """:param text: as it came, in pieces of any length"""
        super().__init__(**details)
        self.text = text
        self.fd = fd

    from_stdin = property(lambda self: self.fd == 0)
    from_stdout = property(lambda self: self.fd == 1)
    from_stderr = property(lambda self: self.fd == 2)


class _ForProcesses(Event):
    """Something is to happen to the processes of some actions."""

    def __init__(self, *, process_matcher: Matcher) -> None:
        """:param process_matcher: says of an action whether its process is one of them"""
        self.process_matcher = process_matcher


class ShutdownProcess(_ForProcesses):
    """Processes are to end."""

    name = 'launch.events.process.ShutdownProcess'


class SignalProcess(_ForProcesses):
    """Processes are to get a signal."""

    name = 'launch.events.process.SignalProcess'

    def __init__(self, *, signal_number: str | Signals, process_matcher: Matcher) -> None:
        """:param signal_number: the signal or its name"""
        super().__init__(process_matcher=process_matcher)
        self.signal = Signals[signal_number] if isinstance(signal_number, str) else signal_number


def matches_name(name: str) -> Matcher:
    """Return a function that knows a process by its name in the log."""
    return lambda action: bool(action.process_details and action.process_details['name'] == name)
