# SPDX-License-Identifier: Apache-2.0
"""Ctrl+C and SIGTERM for a command that finishes what it is at: the first asks, a second Ctrl+C ends at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopping:
    """Listens for the two signals while it is entered.

    Attributes:
        heard: the first signal that came; 0: none.
        ask: called with it; None: `KeyboardInterrupt` is raised instead.
    """

    def __init__(self, again_ends: bool) -> None:
        """With `again_ends` a second Ctrl+C ends the process; torchrun sends one of its own after a person's."""
        self.heard = 0
        self.ask: Callable[[], None] | None = None
        self._again_ends = again_ends
        self._before: dict[int, Any] = {}

    @property
    def status(self) -> int:
        """Exit status of a process that ended for it."""
        return 128 + self.heard if self.heard else 0

    def __enter__(self) -> Stopping:
        self._before = {number: signal.signal(number, self._hear) for number in SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        first, self.heard = not self.heard, self.heard or number
        if self.ask is None:
            raise KeyboardInterrupt
        if first:
            if self._again_ends:  # even if it comes while this line is told
                signal.signal(signal.SIGINT, signal.SIG_DFL)
            self.ask()


def say(text: str) -> None:
    """Print a line to stderr; inside a signal's handler, where `print` may be in the middle of another."""
    os.write(2, f'{text}\n'.encode())
