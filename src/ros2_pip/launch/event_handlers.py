# SPDX-License-Identifier: Apache-2.0
"""Handlers of the usual events."""

from __future__ import annotations

from typing import Any

from ._standin import lacking
from .action import Action
from .event import Event
from .event_handler import EventHandler
from .events import Shutdown
from .events.process import ProcessExited, ProcessStarted

__all__ = ['OnProcessExit', 'OnProcessStart', 'OnShutdown']

__getattr__ = lacking(__name__)


class OnShutdown(EventHandler):
    """Answers the end of the launch."""

    def __init__(self, *, on_shutdown: Any, handle_once: bool = False) -> None:
        """:param on_shutdown: actions, or a function of event and context that returns them"""
        super().__init__(
            matcher=lambda event: isinstance(event, Shutdown),
            entities=on_shutdown,
            handle_once=handle_once,
        )


class _OfAction(EventHandler):
    """Answers the events of one action, of those that a function chooses, or of all."""

    def __init__(self, kind: type[Event], target: Any, answer: Any, once: bool) -> None:
        if not (target is None or callable(target) or isinstance(target, Action)):
            raise TypeError(f'target_action={target!r} is neither an action nor a function')

        def matches(event: Any) -> bool:
            if not isinstance(event, kind) or target is None:
                return isinstance(event, kind)
            action = event.action  # type: ignore[attr-defined]
            return bool(target(action)) if callable(target) else action is target

        super().__init__(matcher=matches, entities=answer, handle_once=once)


class OnProcessStart(_OfAction):
    """Answers that a process runs."""

    def __init__(
        self, *, target_action: Any = None, on_start: Any, handle_once: bool = False
    ) -> None:
        """:param on_start: actions, or a function of event and context that returns them"""
        super().__init__(ProcessStarted, target_action, on_start, handle_once)


class OnProcessExit(_OfAction):
    """Answers that a process has ended, well or not."""

    def __init__(
        self, *, target_action: Any = None, on_exit: Any, handle_once: bool = False
    ) -> None:
        """:param on_exit: actions, or a function of event and context that returns them"""
        super().__init__(ProcessExited, target_action, on_exit, handle_once)
