# SPDX-License-Identifier: Apache-2.0
"""Actions of one step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .._values import Text
from ..action import Action
from ..event import Event
from ..event_handler import BaseEventHandler
from ..events import Shutdown as ShutdownEvent
from ..events.process import ProcessExited
from ..launch_context import LaunchContext
from ..launch_description_entity import LaunchDescriptionEntity
from ..logging import get_logger
from ..some_substitutions_type import SomeSubstitutionsType


class LogInfo(Action):
    """Writes a line to the log."""

    def __init__(self, *, msg: SomeSubstitutionsType, **kwargs: Any) -> None:
        """:param msg: the line"""
        super().__init__(**kwargs)
        self.msg = Text(msg)

    def execute(self, context: LaunchContext) -> None:
        """Write it."""
        get_logger('launch.user').info('%s', self.msg.perform(context))


class OpaqueFunction(Action):
    """Calls a function, and then visits the actions that it returns."""

    def __init__(
        self,
        *,
        function: Callable[..., Any],
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        **others: Any,
    ) -> None:
        """:param function: called with the context, `args` and `kwargs`; TypeError if it is none"""
        super().__init__(**others)
        if not callable(function):
            raise TypeError(f'OpaqueFunction(function={function!r}): that is no function')
        self._call = lambda context: function(context, *(args or ()), **(kwargs or {}))

    def execute(self, context: LaunchContext) -> Any:
        """Call it."""
        return self._call(context)


class EmitEvent(Action):
    """Makes an event happen."""

    def __init__(self, *, event: Event, **kwargs: Any) -> None:
        """:raises RuntimeError: if it is no event"""
        super().__init__(**kwargs)
        if not isinstance(event, Event):
            raise RuntimeError(f'EmitEvent(event={event!r}): that is no event')
        self.event = event

    def execute(self, context: LaunchContext) -> None:
        """Make it happen."""
        context.emit_event_sync(self.event)


class Shutdown(EmitEvent):
    """Ends the launch, with all of its processes."""

    def __init__(self, *, reason: str = 'reason not given', **kwargs: Any) -> None:
        """:param reason: told to the handlers of the event"""
        super().__init__(event=ShutdownEvent(reason=reason), **kwargs)

    def execute(self, context: LaunchContext) -> None:
        """End it."""
        cause = context.get_locals_as_dict().get('event')
        if isinstance(cause, ProcessExited):
            get_logger('launch').info('process[%s] has ended, so all ends', cause.process_name)
        super().execute(context)


class RegisterEventHandler(Action):
    """Adds an event handler."""

    def __init__(self, event_handler: BaseEventHandler, **kwargs: Any) -> None:
        """:param event_handler: what is added"""
        super().__init__(**kwargs)
        self.event_handler = event_handler

    def execute(self, context: LaunchContext) -> None:
        """Add it."""
        context.register_event_handler(self.event_handler)

    def _contents(self) -> list[tuple[LaunchDescriptionEntity, bool]]:
        answer = getattr(self.event_handler, 'entities', None)
        answers = answer if isinstance(answer, (list, tuple)) else [answer]
        return [(one, True) for one in answers if isinstance(one, LaunchDescriptionEntity)]
