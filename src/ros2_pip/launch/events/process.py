# SPDX-License-Identifier: Apache-2.0
"""Events of processes: what happened to one, and what is to happen to those that match."""

from __future__ import annotations

import signal as signal_module
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._standin import lacking
from ..event import Event
from ..utilities import ensure_argument_type

if TYPE_CHECKING:
    from ..actions import ExecuteLocal

    Matcher = Callable[[ExecuteLocal], bool]

__getattr__ = lacking(__name__)


class RunningProcessEvent(Event):
    """Something happened to a process."""

    name = 'launch.events.process.RunningProcessEvent'

    def __init__(
        self,
        *,
        action: ExecuteLocal,
        name: str,
        cmd: list[str],
        cwd: str | None,
        env: dict[str, str] | None,
        pid: int,
    ) -> None:
        """:param name: of the process as in the log, e.g. ``talker-1``"""
        self.action = action
        self.process_name = name
        self.cmd = cmd
        self.cwd = cwd
        self.env = env
        self.pid = pid

    @property
    def execute_process_action(self) -> ExecuteLocal:
        """The action that started the process."""
        return self.action


class ProcessStarted(RunningProcessEvent):
    """A process has started."""

    name = 'launch.events.process.ProcessStarted'


class ProcessExited(RunningProcessEvent):
    """A process has ended."""

    name = 'launch.events.process.ProcessExited'

    def __init__(self, *, returncode: int, **kwargs: Any) -> None:
        """:param returncode: negative: the signal that ended it"""
        super().__init__(**kwargs)
        self.returncode = returncode


class ProcessIO(RunningProcessEvent):
    """A process has written something."""

    name = 'launch.events.process.ProcessIO'

    def __init__(self, *, text: bytes, fd: int, **kwargs: Any) -> None:
        """
        :param text: as it came: not decoded, and not cut at line ends
        :param fd: 0, 1 or 2
        """
        super().__init__(**kwargs)
        self.text = text
        self.from_stdin = fd == 0
        self.from_stdout = fd == 1
        self.from_stderr = fd == 2


class ProcessStdin(ProcessIO):
    """Something is to be written to a process."""

    name = 'launch.events.process.ProcessStdin'

    def __init__(self, *, text: bytes, **kwargs: Any) -> None:
        """:param text: to be written"""
        super().__init__(text=text, fd=0, **kwargs)


class ProcessStdout(ProcessIO):
    """A process has written to its output."""

    name = 'launch.events.process.ProcessStdout'

    def __init__(self, *, text: bytes, **kwargs: Any) -> None:
        """:param text: as it came"""
        super().__init__(text=text, fd=1, **kwargs)


class ProcessStderr(ProcessIO):
    """A process has written to its error output."""

    name = 'launch.events.process.ProcessStderr'

    def __init__(self, *, text: bytes, **kwargs: Any) -> None:
        """:param text: as it came"""
        super().__init__(text=text, fd=2, **kwargs)


class ProcessTargetedEvent(Event):
    """Something is to happen to the processes that match."""

    name = 'launch.events.process.ProcessTargetedEvent'

    def __init__(self, *, process_matcher: Matcher) -> None:
        """:param process_matcher: says whether an action's process is meant"""
        self.process_matcher = process_matcher


class ShutdownProcess(ProcessTargetedEvent):
    """Processes are to be shut down: SIGINT, then SIGTERM, then SIGKILL."""

    name = 'launch.events.process.ShutdownProcess'


class SignalProcess(ProcessTargetedEvent):
    """Processes are to get a signal."""

    name = 'launch.events.process.SignalProcess'

    def __init__(
        self,
        *,
        signal_number: str | signal_module.Signals,
        process_matcher: Matcher,
    ) -> None:
        """:param signal_number: a signal, or the text 'SIGKILL'"""
        super().__init__(process_matcher=process_matcher)
        ensure_argument_type(
            signal_number, (str, signal_module.Signals), 'signal_number', 'SignalProcess'
        )
        self.signal = signal_number

    @property
    def signal_name(self) -> str:
        """The name, e.g. 'SIGINT'."""
        return self.signal if isinstance(self.signal, str) else self.signal.name


def _by_detail(holds: Callable[[dict[str, Any]], bool]) -> Matcher:
    return lambda action: action.process_details is not None and holds(action.process_details)


def matches_pid(pid: int) -> Matcher:
    """Return a matcher for the process with this id."""
    return _by_detail(lambda details: bool(details['pid'] == pid))


def matches_name(name: str) -> Matcher:
    """Return a matcher for the process with this name in the log, e.g. ``talker-1``."""
    return _by_detail(lambda details: bool(details['name'] == name))


def matches_executable(executable: str) -> Matcher:
    """Return a matcher for processes whose program ends so."""
    return _by_detail(lambda details: bool(details['cmd'][0].endswith(executable)))
