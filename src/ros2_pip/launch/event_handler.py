# SPDX-License-Identifier: Apache-2.0
"""The base of event handlers, and the plain one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .event import Event
    from .launch_context import LaunchContext
    from .some_entities_type import SomeEntitiesType


class BaseEventHandler:
    """
    Chooses events and answers them with actions.

    Actions that a handler returns see the event as ``context.locals.event``.
    """

    def __init__(self, *, matcher: Callable[[Event], bool], handle_once: bool = False) -> None:
        """
        :param matcher: says whether an event is for this handler
        :param handle_once: unregister after the first event handled
        """
        self.__matcher = matcher
        self.__handle_once = handle_once

    @property
    def handle_once(self) -> bool:
        """Whether this goes after the first event handled."""
        return self.__handle_once

    @property
    def handler_description(self) -> str | None:
        """What it answers with, in words."""
        return None

    @property
    def matcher_description(self) -> str | None:
        """What it waits for, in words."""
        return None

    def matches(self, event: Event) -> bool:
        """Return whether ``event`` is for this handler."""
        return self.__matcher(event)

    def describe(self) -> tuple[str, list[Any]]:
        """Return (text, actions it is known to answer with)."""
        return (
            f"{type(self).__name__}(matcher='{self.matcher_description}', "
            f"handler='{self.handler_description}', handle_once={self.handle_once})",
            [],
        )

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        """Return the actions that answer ``event``. Those who override it call this first."""
        context.extend_locals({'event': event})
        if self.handle_once:
            context.unregister_event_handler(self)
        return None


class EventHandler(BaseEventHandler):
    """Answers every matching event with the same actions."""

    def __init__(
        self,
        *,
        matcher: Callable[[Event], bool],
        entities: SomeEntitiesType | None = None,
        handle_once: bool = False,
    ) -> None:
        """:param entities: the action or actions of the answer"""
        super().__init__(matcher=matcher, handle_once=handle_once)
        self.__entities = entities

    @property
    def entities(self) -> SomeEntitiesType | None:
        """The action or actions of the answer."""
        return self.__entities

    def describe(self) -> tuple[str, list[Any]]:
        """Return (text, the actions of the answer)."""
        text, _ = super().describe()
        entities = self.__entities
        if entities is None:
            return text, []
        return text, list(entities) if not hasattr(entities, 'visit') else [entities]

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        """Return the actions."""
        super().handle(event, context)
        return self.__entities
