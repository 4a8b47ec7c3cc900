# SPDX-License-Identifier: Apache-2.0
"""Handlers of the usual events."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .._standin import lacking
from ..event import Event
from ..event_handler import BaseEventHandler, EventHandler
from ..events import IncludeLaunchDescription, Shutdown
from .on_action_event import (
    OnActionEventBase,
    OnExecutionComplete,
    OnProcessExit,
    OnProcessIO,
    OnProcessStart,
)

if TYPE_CHECKING:
    from ..launch_context import LaunchContext
    from ..some_entities_type import SomeEntitiesType

__all__ = [
    'OnActionEventBase',
    'OnExecutionComplete',
    'OnIncludeLaunchDescription',
    'OnProcessExit',
    'OnProcessIO',
    'OnProcessStart',
    'OnShutdown',
    'event_named',
]

__getattr__ = lacking(__name__)


def event_named(name: str) -> Callable[[Event], bool]:
    """Return a matcher for events by their name."""
    return lambda event: event.name == name


class OnShutdown(BaseEventHandler):
    """Answers the end of the launch."""

    def __init__(
        self,
        *,
        on_shutdown: SomeEntitiesType
        | Callable[[Shutdown, LaunchContext], SomeEntitiesType | None],
        handle_once: bool = False,
    ) -> None:
        """:param on_shutdown: the answer, or a function of (event, context) that returns it"""
        super().__init__(
            matcher=lambda event: isinstance(event, Shutdown), handle_once=handle_once
        )
        self.__on_shutdown = on_shutdown

    @property
    def handler_description(self) -> str:
        """The answer, or the function."""
        return str(self.__on_shutdown)

    @property
    def matcher_description(self) -> str:
        """What it waits for, in words."""
        return 'event issubclass of launch.events.Shutdown'

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        """Return the answer."""
        super().handle(event, context)
        if callable(self.__on_shutdown):
            assert isinstance(event, Shutdown)
            return self.__on_shutdown(event, context)
        return self.__on_shutdown


class OnIncludeLaunchDescription(EventHandler):
    """Visits the descriptions that are handed to the launch service."""

    def __init__(self, *, handle_once: bool = False) -> None:
        """:param handle_once: for the first description only"""
        super().__init__(
            matcher=lambda event: isinstance(event, IncludeLaunchDescription),
            handle_once=handle_once,
        )

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        """Return the description of the event."""
        super().handle(event, context)
        assert isinstance(event, IncludeLaunchDescription)
        return [event.launch_description]
