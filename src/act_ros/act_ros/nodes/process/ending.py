# SPDX-License-Identifier: Apache-2.0
"""How a process is told to end, and that it can still speak when its terminal is gone."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Any, TextIO

ENDINGS = (signal.SIGINT, signal.SIGTERM) + (
    # Who ignores it from the start was started by `nohup`, to outlive the terminal.
    (signal.SIGHUP,) if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN else ()
)
"""Ctrl+C, an orderly end, and a terminal that was closed or a connection that broke: all end a process in good order."""


class LastingOutput:
    """A stream that may be written to when nobody reads it any more: what is written then goes nowhere.

    Else the first line after the end of a terminal would end what brings the arms to rest.
    """

    def __init__(self, stream: TextIO) -> None:
        """Write to `stream`."""
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, as far as there is somebody who reads."""
        try:
            self._stream.write(text)
        except OSError:
            self._abandon()
        return len(text)

    def flush(self) -> None:
        """The same."""
        try:
            self._stream.flush()
        except OSError:
            self._abandon()

    def _abandon(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
