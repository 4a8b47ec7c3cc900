# SPDX-License-Identifier: Apache-2.0
"""What has happened to a process."""

from __future__ import annotations

from typing import Any

from .._standin import lacking
from ..event import Event

__getattr__ = lacking(__name__)


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
