# SPDX-License-Identifier: Apache-2.0
"""Actions for later."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..action import Action
from ..event import Event
from ..event_handler import BaseEventHandler
from ..events import TimerEvent
from ..some_substitutions_type import SomeSubstitutionsType_types_tuple
from ..utilities import ensure_argument_type
from ..utilities.type_utils import normalize_typed_substitution, perform_typed_substitution

if TYPE_CHECKING:
    from ..launch_context import LaunchContext
    from ..launch_description_entity import LaunchDescriptionEntity
    from ..some_entities_type import SomeEntitiesType
    from ..some_substitutions_type import SomeSubstitutionsType


class _OnTimer(BaseEventHandler):
    """Answers the end of any timer with that timer's actions."""

    def __init__(self) -> None:
        super().__init__(matcher=lambda event: isinstance(event, TimerEvent))

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        super().handle(event, context)
        assert isinstance(event, TimerEvent)
        return event.timer_action.handle(context)


class TimerAction(Action):
    """Visits actions once, after a time, unless it is cancelled; the end of the launch does that."""

    def __init__(
        self,
        *,
        period: float | SomeSubstitutionsType,
        actions: Iterable[LaunchDescriptionEntity],
        cancel_on_shutdown: bool | SomeSubstitutionsType = True,
        **kwargs: Any,
    ) -> None:
        """
        :param period: seconds
        :param cancel_on_shutdown: otherwise the launch waits for the time to be over
        """
        super().__init__(**kwargs)
        kinds = (*SomeSubstitutionsType_types_tuple, float)
        ensure_argument_type(period, kinds, 'period', 'TimerAction')
        ensure_argument_type(actions, Iterable, 'actions', 'TimerAction')
        if isinstance(period, str):
            period = float(period)
        self.period = normalize_typed_substitution(period, float)
        self.actions = list(actions)
        self.__cancel_on_shutdown = normalize_typed_substitution(cancel_on_shutdown, bool)
        self.__cancelled = asyncio.Event()
        self.__locals: dict[str, Any] = {}
        self.__task: asyncio.Task[None] | None = None

    def describe(self) -> str:
        """Return the period in words."""
        return f'TimerAction(period={self.period}, actions=<actions>)'

    def describe_conditional_sub_entities(
        self,
    ) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        """Return the actions of later."""
        return [(f'{self.period} seconds pass without being canceled', self.actions)]

    def handle(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """Return the actions; they see the locals of when the timer was started."""
        context.extend_locals(self.__locals)
        return self.actions

    def cancel(self) -> None:
        """Cancel, in the loop's thread; also before it was started, or when it is over."""
        self.__cancelled.set()

    def execute(self, context: LaunchContext) -> None:
        """Start the timer."""
        if self.__cancelled.is_set():
            return
        from ..event_handlers import OnShutdown

        if not any(isinstance(handler, _OnTimer) for handler in context._event_handlers):
            context.register_event_handler(_OnTimer())
        if perform_typed_substitution(context, self.__cancel_on_shutdown, bool):
            context.register_event_handler(
                OnShutdown(on_shutdown=lambda event, context: self.cancel())
            )
        self.__locals = context.get_locals_as_dict()
        period = perform_typed_substitution(context, self.period, float)
        assert context.asyncio_loop is not None
        self.__task = context.asyncio_loop.create_task(self.__wait(context, period))

    async def __wait(self, context: LaunchContext, period: float) -> None:
        try:
            await asyncio.wait_for(self.__cancelled.wait(), period)
        except asyncio.TimeoutError:
            context.emit_event_sync(TimerEvent(timer_action=self))

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        """Return what ends with the timer, once it was started."""
        return self.__task
