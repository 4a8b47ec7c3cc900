# SPDX-License-Identifier: Apache-2.0
"""Handlers of events."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Union

from .event import Event
from .launch_context import LaunchContext
from .launch_description_entity import LaunchDescriptionEntity

Entities = Union[LaunchDescriptionEntity, Iterable[LaunchDescriptionEntity], None]


class BaseEventHandler:
    """Chooses events, and answers each with actions, to which it is `context.locals.event`."""

    def __init__(self, *, matcher: Callable[[Any], bool], handle_once: bool = False) -> None:
        """
        :param matcher: whether an event is one of those
        :param handle_once: answer the first one only
        """
        self.handle_once = handle_once
        self._matcher = matcher

    def matches(self, event: Event) -> bool:
        """Return whether `event` is to be answered."""
        return self._matcher(event)

    def handle(self, event: Event, context: LaunchContext) -> Entities:
        """Return the actions; a class that has its own answer calls this first."""
        if self.handle_once:
            context.unregister_event_handler(self)
        context.extend_locals({'event': event})
        return None


class EventHandler(BaseEventHandler):
    """Answers with known actions, or with those that a function makes."""

    def __init__(
        self,
        *,
        matcher: Callable[[Any], bool],
        entities: Entities | Callable[[Any, LaunchContext], Entities] = None,
        handle_once: bool = False,
    ) -> None:
        """:param entities: the actions, or a function of event and context that returns them"""
        self.entities = entities
        super().__init__(matcher=matcher, handle_once=handle_once)

    def handle(self, event: Event, context: LaunchContext) -> Entities:
        """Return the actions."""
        super().handle(event, context)
        return self.entities(event, context) if callable(self.entities) else self.entities
