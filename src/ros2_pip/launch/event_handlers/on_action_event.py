# SPDX-License-Identifier: Apache-2.0
"""Handlers of events that come from an action."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Union

from ..action import Action
from ..event import Event
from ..event_handler import BaseEventHandler
from ..events import ExecutionComplete
from ..events.process import ProcessExited, ProcessIO, ProcessStarted
from ..launch_description_entity import LaunchDescriptionEntity

if TYPE_CHECKING:
    from ..launch_context import LaunchContext
    from ..some_entities_type import SomeEntitiesType

    Answer = Union[SomeEntitiesType, Callable[[Any, LaunchContext], Any]]
    Target = Union[Action, Callable[[Any], bool], None]


class OnActionEventBase(BaseEventHandler):
    """Answers one kind of event, of one action, of those that match, or of all."""

    def __init__(
        self,
        *,
        action_matcher: Target,
        on_event: Answer,
        target_event_cls: type[Event],
        target_action_cls: type[Action],
        handle_once: bool = False,
    ) -> None:
        """
        :param action_matcher: an action, a function that says whether one is meant, or None for all
        :param on_event: the actions of the answer, or a function of (event, context)
        :raises TypeError: if one of them is something else
        """
        if not (issubclass(target_event_cls, Event)):
            raise TypeError("'target_event_cls' must be a subclass of 'Event'")
        if not (
            action_matcher is None
            or isinstance(action_matcher, target_action_cls)
            or callable(action_matcher)
        ):
            raise TypeError(
                f"action_matcher must be an '{target_action_cls.__name__}' instance or a callable"
            )
        self.__target = action_matcher
        self.__event_cls = target_event_cls
        self.__action_cls = target_action_cls
        self.__actions: list[LaunchDescriptionEntity] = []
        self.__function = on_event if callable(on_event) else None
        if self.__function is None:
            self.__actions = self.__checked(on_event)
        super().__init__(matcher=self.__is_meant, handle_once=handle_once)

    @staticmethod
    def __checked(entities: Any) -> list[LaunchDescriptionEntity]:
        if not isinstance(entities, Iterable):
            return [entities]
        items = list(entities)
        for item in items:
            if not isinstance(item, LaunchDescriptionEntity):
                raise TypeError(
                    "expected all items in 'on_event' iterable to be of type "
                    f"'LaunchDescriptionEntity' but got '{type(item)}'"
                )
        return items

    def __is_meant(self, event: Any) -> bool:
        if not isinstance(event, self.__event_cls):
            return False
        action = event.action  # type: ignore[attr-defined]
        if isinstance(self.__target, self.__action_cls):
            return action is self.__target
        if callable(self.__target):
            return bool(self.__target(action))
        return True

    @property
    def handler_description(self) -> str:
        """``<actions>``, or the function."""
        return '<actions>' if self.__actions else str(self.__function)

    @property
    def matcher_description(self) -> str:
        """The kind of event, and of action if one is meant."""
        text = f'event == {self.__event_cls.__name__}'
        if self.__target is not None:
            text += f' and {self.__action_cls.__name__}(event.action)'
        return text

    def describe(self) -> tuple[str, list[Any]]:
        """Return (text, the actions of the answer as far as they are known)."""
        return super().describe()[0], list(self.__actions)

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        """Return the answer."""
        super().handle(event, context)
        if self.__function is None:
            return self.__actions
        answer: SomeEntitiesType | None = self.__function(event, context)
        return answer


class OnExecutionComplete(OnActionEventBase):
    """Answers the end of an action."""

    def __init__(
        self,
        *,
        target_action: Target = None,
        on_completion: Answer,
        handle_once: bool = False,
    ) -> None:
        """:param target_action: an action, a function that matches one, or None for all"""
        super().__init__(
            action_matcher=target_action,
            on_event=on_completion,
            target_event_cls=ExecutionComplete,
            target_action_cls=Action,
            handle_once=handle_once,
        )


class OnProcessStart(OnActionEventBase):
    """Answers the start of a process."""

    def __init__(
        self,
        *,
        target_action: Target = None,
        on_start: Answer,
        handle_once: bool = False,
    ) -> None:
        """:param target_action: an action, a function that matches one, or None for all"""
        from ..actions import ExecuteLocal

        super().__init__(
            action_matcher=target_action,
            on_event=on_start,
            target_event_cls=ProcessStarted,
            target_action_cls=ExecuteLocal,
            handle_once=handle_once,
        )


class OnProcessExit(OnActionEventBase):
    """Answers the end of a process, whatever its exit code."""

    def __init__(
        self,
        *,
        target_action: Target = None,
        on_exit: Answer,
        handle_once: bool = False,
    ) -> None:
        """:param target_action: an action, a function that matches one, or None for all"""
        from ..actions import ExecuteLocal

        super().__init__(
            action_matcher=target_action,
            on_event=on_exit,
            target_event_cls=ProcessExited,
            target_action_cls=ExecuteLocal,
            handle_once=handle_once,
        )


class OnProcessIO(OnActionEventBase):
    """Answers what a process writes."""

    def __init__(
        self,
        *,
        target_action: Target = None,
        on_stdin: Callable[[ProcessIO], Any] | None = None,
        on_stdout: Callable[[ProcessIO], Any] | None = None,
        on_stderr: Callable[[ProcessIO], Any] | None = None,
        handle_once: bool = False,
    ) -> None:
        """Functions of the event: its ``text`` is bytes, not cut at line ends."""
        from ..actions import ExecuteLocal

        def answer(event: ProcessIO, context: LaunchContext) -> Any:
            for came, function in (
                (event.from_stdin, on_stdin),
                (event.from_stdout, on_stdout),
                (event.from_stderr, on_stderr),
            ):
                if came and function is not None:
                    return function(event)
            return None

        super().__init__(
            action_matcher=target_action,
            on_event=answer,
            target_event_cls=ProcessIO,
            target_action_cls=ExecuteLocal,
            handle_once=handle_once,
        )
