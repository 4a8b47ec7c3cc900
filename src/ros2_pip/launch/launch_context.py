# SPDX-License-Identifier: Apache-2.0
"""What actions know and share while a launch runs."""

from __future__ import annotations

import asyncio
import collections
import os
from collections.abc import Iterable, MutableMapping
from types import SimpleNamespace
from typing import Any, Protocol

from .event import Event
from .logging import get_logger


class _Substitution(Protocol):
    def perform(self, context: LaunchContext) -> str: ...


class _Handler(Protocol):
    def matches(self, event: Event) -> bool: ...

    def handle(self, event: Event, context: LaunchContext) -> Any: ...


class LaunchContext:
    """Configurations, environment, locals, handlers and waiting events of one launch."""

    def __init__(self, *, argv: Iterable[str] = (), noninteractive: bool = False) -> None:
        """
        :param argv: arguments of the launch, for actions to look at
        :param noninteractive: the processes get no Ctrl+C from a terminal
        """
        self.argv = list(argv)
        self.noninteractive = noninteractive
        self.is_shutdown = False
        self.launch_configurations: dict[str, Any] = {}
        self._handlers: list[_Handler] = []
        self._events: collections.deque[Event] = collections.deque()
        self._globals: dict[str, Any] = {}
        self._locals: dict[str, Any] = {}
        self._scopes: list[tuple[dict[str, Any], dict[str, str]]] = []
        self._began_with = dict(os.environ)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: asyncio.Event | None = None

    @property
    def asyncio_loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop of the launch, while it runs."""
        return self._loop

    def _run_in(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self._loop = loop
        self._news = asyncio.Event() if loop is not None else None

    # Events

    def register_event_handler(self, event_handler: _Handler) -> None:
        """Add a handler: the one added last is asked first."""
        self._handlers.insert(0, event_handler)

    def unregister_event_handler(self, event_handler: _Handler) -> None:
        """Take a handler away; ValueError if it is not there."""
        del self._handlers[self._handlers.index(event_handler)]

    def emit_event_sync(self, event: Event) -> None:
        """Have `event` answered, in its turn. For the thread of the launch only."""
        get_logger('launch').debug('event: %s', event.name)
        self._events.append(event)
        if self._news is not None:
            self._news.set()

    # Locals: known while one event is answered; globals: until the end

    @property
    def locals(self) -> SimpleNamespace:
        """Globals and locals as attributes."""
        return SimpleNamespace(**self.get_locals_as_dict())

    def get_locals_as_dict(self) -> dict[str, Any]:
        """Return globals and locals."""
        return self._globals | self._locals

    def extend_globals(self, extensions: dict[str, Any]) -> None:
        """Add globals."""
        self._globals |= extensions

    def extend_locals(self, extensions: dict[str, Any]) -> None:
        """Add locals."""
        self._locals |= extensions

    # Scopes of configurations and environment

    @property
    def environment(self) -> MutableMapping[str, str]:
        """The environment that processes start with, which is this process's own."""
        return os.environ

    def _enter_scope(self, forwarding: bool) -> None:
        """Begin a scope, with all that was set before or, without `forwarding`, with nothing."""
        self._scopes.append((self.launch_configurations, dict(os.environ)))
        self.launch_configurations = dict(self.launch_configurations) if forwarding else {}
        if not forwarding:
            _set_environment(self._began_with)

    def _leave_scope(self) -> None:
        self.launch_configurations, environment = self._scopes.pop()
        _set_environment(environment)

    def perform_substitution(self, substitution: _Substitution) -> str:
        """Return the text that `substitution` stands for."""
        return substitution.perform(self)


def _set_environment(values: dict[str, str]) -> None:
    for name in set(os.environ) - set(values):
        del os.environ[name]
    os.environ.update(values)
