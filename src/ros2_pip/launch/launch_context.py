# SPDX-License-Identifier: Apache-2.0
"""What actions know and share while they are executed."""

from __future__ import annotations

import asyncio
import collections
import os
from collections.abc import Iterable, MutableMapping
from typing import Any

from .event import Event
from .event_handler import BaseEventHandler
from .logging import get_logger
from .substitution import Substitution


class Locals:
    """Read-only attributes; what is missing is named together with what there is."""

    def __init__(self, values: dict[str, Any]) -> None:
        """:param values: the attributes"""
        self.__dict__['_values'] = values

    def __getattr__(self, key: str) -> Any:
        values = self.__dict__['_values']
        if key not in values:
            raise AttributeError(
                f"context.locals does not contain attribute '{key}', "
                f'it contains: [{", ".join(values)}]'
            )
        return values[key]

    def __setattr__(self, key: str, value: Any) -> None:
        raise AttributeError(f"can't set attribute '{key}', locals are read-only")


class LaunchContext:
    """
    Launch configurations, environment, locals, event handlers and the queue of events.

    It belongs to the thread of the launch service's loop.
    """

    def __init__(
        self,
        *,
        argv: Iterable[str] | None = None,
        noninteractive: bool = False,
    ) -> None:
        """
        :param argv: arguments of the launch, for actions to look at
        :param noninteractive: no terminal sends its Ctrl+C to the processes of the launch
        """
        self.argv = [] if argv is None else argv
        self.noninteractive = noninteractive
        self.is_shutdown = False
        self.asyncio_loop: asyncio.AbstractEventLoop | None = None
        self._events: collections.deque[Event] = collections.deque()
        self._wakeup: asyncio.Event | None = None
        self._event_handlers: collections.deque[BaseEventHandler] = collections.deque()
        self._completion_futures: list[asyncio.Future[Any]] = []
        self.__globals: dict[str, Any] = {}
        self.__locals: dict[str, Any] = {}
        self.__locals_stack: list[dict[str, Any]] = []
        self.__configurations: dict[str, Any] = {}
        self.__configurations_stack: list[dict[str, Any]] = []
        self.__environment_stack: list[dict[str, str]] = []
        self.__environment_at_start = dict(os.environ)
        self.__logger = get_logger('launch')

    # Events

    def would_handle_event(self, event: Event) -> bool:
        """Return whether a handler waits for ``event``."""
        return any(handler.matches(event) for handler in self._event_handlers)

    def register_event_handler(
        self,
        event_handler: BaseEventHandler,
        append: bool = False,
    ) -> None:
        """Add a handler: before those there are, or after them."""
        if append:
            self._event_handlers.append(event_handler)
        else:
            self._event_handlers.appendleft(event_handler)

    def unregister_event_handler(self, event_handler: BaseEventHandler) -> None:
        """Remove a handler; ValueError if it is not there."""
        self._event_handlers.remove(event_handler)

    def emit_event_sync(self, event: Event) -> None:
        """Queue an event. Not thread-safe: see ``LaunchService.emit_event``."""
        self.__logger.debug("emitting event: '%s'", event.name)
        self._events.append(event)
        if self._wakeup is not None:
            self._wakeup.set()

    async def emit_event(self, event: Event) -> None:
        """Queue an event."""
        self.emit_event_sync(event)

    def add_completion_future(self, completion_future: asyncio.Future[Any]) -> None:
        """Keep the launch going until this future is done."""
        self._completion_futures.append(completion_future)

    def _set_asyncio_loop(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self.asyncio_loop = loop
        self._wakeup = None if loop is None else asyncio.Event()

    # Locals: what is known only while one event is handled

    @property
    def locals(self) -> Locals:
        """Globals and locals as attributes."""
        return Locals(self.get_locals_as_dict())

    def get_locals_as_dict(self) -> dict[str, Any]:
        """Return globals and locals."""
        return {**self.__globals, **self.__locals}

    def extend_globals(self, extensions: dict[str, Any]) -> None:
        """Add what stays until the end of the launch."""
        self.__globals.update(extensions)

    def extend_locals(self, extensions: dict[str, Any]) -> None:
        """Add what stays until the event that is handled has been."""
        self.__locals.update(extensions)

    def _push_locals(self) -> None:
        self.__locals_stack.append(dict(self.__locals))

    def _pop_locals(self) -> None:
        self.__locals = self.__popped(self.__locals_stack, 'locals')

    # Launch configurations and environment: scopes of them nest

    @property
    def launch_configurations(self) -> dict[str, Any]:
        """Launch configurations by name."""
        return self.__configurations

    @property
    def environment(self) -> MutableMapping[str, str]:
        """The environment that processes start with; it is this process's own."""
        return os.environ

    def _push_launch_configurations(self) -> None:
        self.__configurations_stack.append(dict(self.__configurations))

    def _pop_launch_configurations(self) -> None:
        self.__configurations = self.__popped(self.__configurations_stack, 'launch_configurations')

    def _push_environment(self) -> None:
        self.__environment_stack.append(dict(os.environ))

    def _pop_environment(self) -> None:
        self.__set_environment(self.__popped(self.__environment_stack, 'environment'))

    def _reset_environment(self) -> None:
        self.__set_environment(self.__environment_at_start)

    @staticmethod
    def __set_environment(values: dict[str, str]) -> None:
        os.environ.clear()
        os.environ.update(values)

    @staticmethod
    def __popped(stack: list[dict[str, Any]], what: str) -> dict[str, Any]:
        if not stack:
            raise RuntimeError(f'{what} stack unexpectedly empty')
        return stack.pop()

    def perform_substitution(self, substitution: Substitution) -> str:
        """Return the text of ``substitution`` in this context."""
        return substitution.perform(self)
