# SPDX-License-Identifier: Apache-2.0
"""Actions for later."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from .._values import Typed
from ..action import Action
from ..event_handlers import OnShutdown
from ..events import IncludeLaunchDescription
from ..launch_context import LaunchContext
from ..launch_description import LaunchDescription
from ..launch_description_entity import LaunchDescriptionEntity
from ..some_substitutions_type import SomeSubstitutionsType
from .simple import OpaqueFunction


class TimerAction(Action):
    """Visits its actions after some time, unless it is cancelled before; the end of all cancels it."""

    def __init__(
        self,
        *,
        period: float | SomeSubstitutionsType,
        actions: Iterable[LaunchDescriptionEntity],
        **kwargs: Any,
    ) -> None:
        """:param period: seconds; as in ROS 2, no whole number"""
        super().__init__(**kwargs)
        self._period = Typed(float(period) if isinstance(period, str) else period, float)
        self._actions = list(actions)
        self._cancelled = False
        self._wait: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        """Have nothing visited; it does not matter whether the time has begun, or is over."""
        self._cancelled = True
        if self._wait is not None:
            self._wait.cancel()

    def execute(self, context: LaunchContext) -> None:
        """Let the time begin."""
        if self._cancelled or context.asyncio_loop is None:
            return
        period = self._period.perform(context)
        known = context.get_locals_as_dict()
        self._wait = context.asyncio_loop.create_task(self.__after(period, known, context))
        context.register_event_handler(
            OnShutdown(on_shutdown=lambda event, context: self.cancel())
        )

    async def __after(self, period: float, known: dict[str, Any], context: LaunchContext) -> None:
        await asyncio.sleep(period)
        remember = OpaqueFunction(function=lambda context: context.extend_locals(known))
        context.emit_event_sync(
            IncludeLaunchDescription(LaunchDescription([remember, *self._actions]))
        )

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        """Return what is done when the time is over."""
        return self._wait

    def _contents(self) -> list[tuple[LaunchDescriptionEntity, bool]]:
        return [(action, True) for action in self._actions]
