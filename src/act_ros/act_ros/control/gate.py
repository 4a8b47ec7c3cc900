# SPDX-License-Identifier: Apache-2.0
"""The gate before the arms: every command of a process passes it, or is not sent.

It is shut by a stop until a person resets that, by a fault until the arms are enabled again, and, where a button has
to be held, while nobody holds it. Nothing that hangs can hold it open: it asks no loop, no network and no executor.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

FRESH_S = 0.5
"""A held button that says nothing for so long counts as let go."""
_ON_ITS_WAY_S = 0.1
"""Patience with a command that is being sent while the gate is shut; a publisher takes less than 1 ms."""


class Gate:
    """Lets commands through, or not. Safe to use from any thread."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Begin open; `now` is the steady clock."""
        self.stopped_by = ''
        """Who or what stopped the robot; '' where nothing has."""
        self.fault = ''
        self.stops = 0
        """Counts the stops. What was asked for before one is not done after it."""
        self.how_to_reset = ''
        self.changed: Callable[[], object] = lambda: None
        """Called, in any thread, when it is shut or opened."""
        self.passed_at = -float('inf')
        """When the last command went through (steady clock)."""
        self.opening = 0
        """Counts how often it was opened. What was computed before an opening is of where the arms were then."""
        self._now = now
        self._button, self._held_at = '', -float('inf')
        self._passing = threading.Lock()

    @property
    def why(self) -> str:
        """Why nothing is sent, as a sentence; '' while commands go through."""
        if self.stopped_by:
            return (
                f'stopped by {self.stopped_by}; nothing is commanded. {self.how_to_reset}'.rstrip()
            )
        return self.fault

    def send(self, publish: Callable[[], object], opening: int | None = None) -> bool:
        """Let a command through: call `publish`, or return False.

        Args:
            publish: sends the command.
            opening: `opening` as it was when the command was computed; None: it is of no pose of the arms.
        """
        with self._passing:
            if not self.stopped_by and self._button and not self._is_held():
                self._shut(f'{self._button}, which was let go')
            if self.stopped_by or self.fault:
                return False
            # Only now: an opening is counted before it is one.
            if opening is not None and opening != self.opening:
                return False
            self.passed_at = self._now()
            publish()
            return True

    def stop(self, by: str) -> None:
        """Let nothing through until `reset`. When this returns, no command is on its way any more."""
        self._shut(by)
        self._wait_for_the_last()

    def reset(self) -> None:
        """Take a stop back."""
        self.opening += 1
        self.stopped_by = ''
        self.changed()

    def block(self, fault: str) -> None:
        """Let nothing through until `permit`; the first fault is the one that is shown."""
        self.fault = self.fault or fault
        self._wait_for_the_last()
        self.changed()

    def permit(self) -> None:
        """Forget a fault: somebody enables the arms, and what commands them has begun anew."""
        self.opening += 1
        if self.fault:
            self.fault = ''
            self.changed()

    def refusal(self) -> str:
        """Why the arms must not be enabled, as a sentence, or ''. A fault is no reason: enabling clears it."""
        if not self.stopped_by and self._button and not self._is_held():
            return f'hold {self._button} first'
        return self.why if self.stopped_by else ''

    def require(self, button: str) -> None:
        """Let commands through only while this button is held."""
        self._button = button

    def held(self, down: bool) -> None:
        """Take in whether the button is held now."""
        self._held_at = self._now() if down else -float('inf')

    def _is_held(self) -> bool:
        return self._now() - self._held_at <= FRESH_S

    def _shut(self, by: str) -> None:
        if not self.stopped_by:
            self.stopped_by = by
            self.stops += 1
            self.changed()

    def _wait_for_the_last(self) -> None:
        if self._passing.acquire(timeout=_ON_ITS_WAY_S):
            self._passing.release()
