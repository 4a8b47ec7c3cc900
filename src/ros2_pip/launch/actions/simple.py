# SPDX-License-Identifier: Apache-2.0
"""Actions of one step: a line in the log, an event, an event handler."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..action import Action
from ..event import Event
from ..events import Shutdown as ShutdownEvent
from ..events.process import ProcessExited
from ..logging import get_logger
from ..utilities import (
    is_a_subclass,
    normalize_to_list_of_entities,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)

if TYPE_CHECKING:
    from ..event_handler import BaseEventHandler
    from ..launch_context import LaunchContext
    from ..launch_description_entity import LaunchDescriptionEntity
    from ..some_substitutions_type import SomeSubstitutionsType


class LogInfo(Action):
    """Log a message as ``[INFO] [launch.user]: message``."""

    def __init__(self, *, msg: SomeSubstitutionsType, **kwargs: Any) -> None:
        """:param msg: the message"""
        super().__init__(**kwargs)
        self.msg = normalize_to_list_of_substitutions(msg)

    def execute(self, context: LaunchContext) -> None:
        """Log it."""
        get_logger('launch.user').info('%s', perform_substitutions(context, self.msg))


class EmitEvent(Action):
    """Emit an event."""

    def __init__(self, *, event: Event, **kwargs: Any) -> None:
        """:raises RuntimeError: if ``event`` is none"""
        super().__init__(**kwargs)
        if not is_a_subclass(event, Event):
            raise RuntimeError(f"EmitEvent() expected an event instance, got '{event}'.")
        self.event = event

    def execute(self, context: LaunchContext) -> None:
        """Emit it."""
        context.emit_event_sync(self.event)


class Shutdown(EmitEvent):
    """End the launch and all its processes."""

    def __init__(self, *, reason: str = 'reason not given', **kwargs: Any) -> None:
        """:param reason: for those who handle the event"""
        super().__init__(event=ShutdownEvent(reason=reason), **kwargs)

    def execute(self, context: LaunchContext) -> None:
        """Emit the event; says which process was required if the end of one led here."""
        event = context.get_locals_as_dict().get('event')
        if isinstance(event, ProcessExited):
            get_logger('launch').info(
                'process[%s] was required: shutting down launched system', event.process_name
            )
        super().execute(context)


class RegisterEventHandler(Action):
    """Handle events from here on."""

    def __init__(self, event_handler: BaseEventHandler, **kwargs: Any) -> None:
        """:param event_handler: what is registered"""
        super().__init__(**kwargs)
        self.event_handler = event_handler

    def execute(self, context: LaunchContext) -> None:
        """Register it."""
        context.register_event_handler(self.event_handler)

    def describe_conditional_sub_entities(
        self,
    ) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        """Return the actions of the handler, as far as they are known."""
        text, entities = self.event_handler.describe()
        return [(text, normalize_to_list_of_entities(entities))] if entities else []


class UnregisterEventHandler(Action):
    """Handle events no longer."""

    def __init__(self, event_handler: BaseEventHandler, **kwargs: Any) -> None:
        """:param event_handler: one that was registered"""
        super().__init__(**kwargs)
        self.event_handler = event_handler

    def execute(self, context: LaunchContext) -> None:
        """Unregister it."""
        context.unregister_event_handler(self.event_handler)
