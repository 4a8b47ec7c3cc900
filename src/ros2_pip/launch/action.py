# SPDX-License-Identifier: Apache-2.0
"""The base of actions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .launch_description_entity import LaunchDescriptionEntity

if TYPE_CHECKING:
    from .condition import Condition
    from .launch_context import LaunchContext


class Action(LaunchDescriptionEntity):
    """Something to do when launching, perhaps only if a condition holds."""

    def __init__(self, *, condition: Condition | None = None) -> None:
        """:param condition: evaluated when the action is reached; None is always"""
        self.__condition = condition

    @property
    def condition(self) -> Condition | None:
        """The condition, if there is one."""
        return self.__condition

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the actions that this one brings in."""
        return []

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the actions brought in whatever happens."""
        return self.get_sub_entities() if self.__condition is None else []

    def describe_conditional_sub_entities(
        self,
    ) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        """Return the actions brought in if the condition holds."""
        if self.__condition is None:
            return []
        return [(f'Conditionally included by {self.describe()}', self.get_sub_entities())]

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        """Execute this if its condition holds, and tell who waits for its completion."""
        if self.__condition is not None and not self.__condition.evaluate(context):
            return None
        try:
            return self.execute(context)
        finally:
            self.__announce_completion(context)

    def __announce_completion(self, context: LaunchContext) -> None:
        from .events import ExecutionComplete

        event = ExecutionComplete(action=self)
        if not context.would_handle_event(event):
            return
        future = self.get_asyncio_future()
        if future is None:
            context.emit_event_sync(event)
        else:
            future.add_done_callback(lambda _: context.emit_event_sync(event))

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        """Do it; return what is to be visited next. Does nothing here: override it."""
        return None
