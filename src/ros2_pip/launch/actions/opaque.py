# SPDX-License-Identifier: Apache-2.0
"""Functions and coroutines as actions."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..action import Action
from ..utilities import ensure_argument_type

if TYPE_CHECKING:
    from ..launch_context import LaunchContext


class OpaqueFunction(Action):
    """Calls ``function(context, *args, **kwargs)`` and visits the actions it returns, if any."""

    def __init__(
        self,
        *,
        function: Callable[..., Any],
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        **left_over_kwargs: Any,
    ) -> None:
        """:raises TypeError: if ``function`` cannot be called"""
        super().__init__(**left_over_kwargs)
        if not callable(function):
            raise TypeError(
                f"OpaqueFunction expected a callable for 'function', got '{type(function)}'"
            )
        ensure_argument_type(args, (Iterable, type(None)), 'args', 'OpaqueFunction')
        ensure_argument_type(kwargs, (Mapping, type(None)), 'kwargs', 'OpaqueFunction')
        self.__function = function
        self.__args = tuple(args or ())
        self.__kwargs = dict(kwargs or {})

    def execute(self, context: LaunchContext) -> Any:
        """Call the function and return what it returns."""
        return self.__function(context, *self.__args, **self.__kwargs)


class OpaqueCoroutine(Action):
    """Runs ``coroutine(context, *args, **kwargs)`` beside the launch; its end cancels it."""

    def __init__(
        self,
        *,
        coroutine: Callable[..., Awaitable[Any]],
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        ignore_context: bool = False,
        **left_over_kwargs: Any,
    ) -> None:
        """
        :param ignore_context: call without the context
        :raises TypeError: if ``coroutine`` is no coroutine function
        """
        super().__init__(**left_over_kwargs)
        if not inspect.iscoroutinefunction(coroutine):
            raise TypeError(
                "OpaqueCoroutine expected a coroutine function for 'coroutine', "
                f"got '{type(coroutine)}'"
            )
        self.__coroutine = coroutine
        self.__args = tuple(args or ())
        self.__kwargs = dict(kwargs or {})
        self.__ignore_context = ignore_context
        self.__task: asyncio.Task[None] | None = None

    def execute(self, context: LaunchContext) -> None:
        """Start the coroutine."""
        from ..event_handlers import OnShutdown

        args = self.__args if self.__ignore_context else (context, *self.__args)
        assert context.asyncio_loop is not None
        task = context.asyncio_loop.create_task(self.__run(args))
        self.__task = task

        def cancel(event: Any, context: LaunchContext) -> None:
            task.cancel()

        context.register_event_handler(OnShutdown(on_shutdown=cancel))

    async def __run(self, args: tuple[Any, ...]) -> None:
        await self.__coroutine(*args, **self.__kwargs)

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        """Return the task, once there is one."""
        return self.__task
