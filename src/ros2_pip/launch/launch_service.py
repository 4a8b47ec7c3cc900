# SPDX-License-Identifier: Apache-2.0
"""The loop that launches: it visits descriptions, handles events and waits for what goes on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
import traceback
from collections.abc import Iterable, Iterator
from typing import Any

from .event import Event
from .event_handlers import OnIncludeLaunchDescription, OnShutdown
from .events import IncludeLaunchDescription, Shutdown
from .launch_context import LaunchContext
from .launch_description import LaunchDescription
from .launch_description_entity import LaunchDescriptionEntity
from .logging import get_logger, launch_config, log_launch_config
from .utilities import visit_all_entities_and_collect_futures


class LaunchService:
    """Launches what it is given, until all is done, an error ends it, or it is shut down."""

    def __init__(
        self,
        *,
        argv: Iterable[str] | None = None,
        noninteractive: bool = False,
        debug: bool = False,
    ) -> None:
        """
        :param argv: arguments of the launch, for actions to look at
        :param noninteractive: no terminal sends its Ctrl+C to the processes of the launch, so that
            they need a SIGINT from here
        :param debug: log what happens inside
        """
        launch_config.level = logging.DEBUG if debug else logging.INFO
        self.__debug = debug
        self.__logger = get_logger('launch')
        self.__context = LaunchContext(argv=argv, noninteractive=noninteractive)
        self.__context.register_event_handler(OnIncludeLaunchDescription())
        self.__context.register_event_handler(OnShutdown(on_shutdown=self.__on_shutdown))
        self.__going_on: list[tuple[LaunchDescriptionEntity, asyncio.Future[Any]]] = []
        self.__loop: asyncio.AbstractEventLoop | None = None
        self.__lock = threading.RLock()
        self.__shutting_down = False
        self.__interrupted = False
        self.__return_code = 0
        self.__task: asyncio.Task[Any] | None = None

    @property
    def context(self) -> LaunchContext:
        """The context of this launch."""
        return self.__context

    @property
    def event_loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop, while it runs."""
        return self.__loop

    @property
    def task(self) -> asyncio.Task[Any] | None:
        """The task that runs the launch."""
        return self.__task

    # What other threads may call

    def emit_event(self, event: Event) -> None:
        """Queue an event, from any thread."""
        with self.__lock:
            loop = self.__loop
            if loop is None or loop is _running_loop():
                self.__context.emit_event_sync(event)
                return
        asyncio.run_coroutine_threadsafe(self.__context.emit_event(event), loop).result()

    def include_launch_description(self, launch_description: LaunchDescription) -> None:
        """Visit a description, now or as soon as the launch runs."""
        self.emit_event(IncludeLaunchDescription(launch_description))

    def shutdown(self, force_sync: bool = False) -> Any:
        """
        Begin to shut down; does nothing unless the launch runs.

        :returns: something to await where that is called in the loop without ``force_sync``
        """
        with self.__lock:
            if self.__loop is None:
                return None
            in_loop = self.__loop is _running_loop()
        self.__begin_shutdown('LaunchService.shutdown() called')
        return asyncio.sleep(0) if in_loop and not force_sync else None

    # The loop

    def run(self, *, shutdown_when_idle: bool = True) -> int:
        """
        Launch, in the main thread, until it is over.

        :param shutdown_when_idle: end when there is nothing left to wait for
        :returns: 0, or 1 if there was an error; processes that died are none
        """
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            return loop.run_until_complete(self.run_async(shutdown_when_idle=shutdown_when_idle))
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    async def run_async(self, *, shutdown_when_idle: bool = True) -> int:
        """Launch in a loop that runs already, in the main thread; see :meth:`run`."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError('LaunchService can only be run in the main thread.')
        self.__return_code = 0
        with self.__running() as loop, _signals(loop, self.__on_signal):
            log_launch_config(logger=self.__logger)
            while True:
                try:
                    if await self.__step(shutdown_when_idle):
                        return self.__return_code
                except asyncio.CancelledError:
                    self.__logger.error('run task was canceled')
                    return 1
                except Exception as error:
                    self.__on_error(error)

    @contextlib.contextmanager
    def __running(self) -> Iterator[asyncio.AbstractEventLoop]:
        loop = asyncio.get_running_loop()
        with self.__lock:
            if self.__loop is not None:
                raise RuntimeError('LaunchService cannot be run multiple times concurrently.')
            self.__loop = loop
            self.__context._set_asyncio_loop(loop)
        self.__task = asyncio.current_task()
        loop.set_debug(self.__debug)
        loop.set_exception_handler(self.__on_loop_error)
        try:
            yield loop
        finally:
            with self.__lock:
                self.__context._set_asyncio_loop(None)
                self.__loop = None
                self.__shutting_down = self.__interrupted = False

    async def __step(self, shutdown_when_idle: bool) -> bool:
        """Handle one event, or wait for something to happen; return whether all is over."""
        context = self.__context
        if context._events:
            self.__handle(context._events.popleft())
            await asyncio.sleep(0)
            return False
        self.__prune()
        futures = [future for _, future in self.__going_on] + context._completion_futures
        if not futures:
            if self.__shutting_down:
                return True
            if shutdown_when_idle:
                self.__begin_shutdown('idle')
                return False
        assert context._wakeup is not None
        context._wakeup.clear()
        woken = asyncio.ensure_future(context._wakeup.wait())
        try:
            await asyncio.wait([*futures, woken], return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
        return False

    def __prune(self) -> None:
        """Drop the futures that are done; raise the first error among them."""
        done = [future for _, future in self.__going_on if future.done()]
        done += [future for future in self.__context._completion_futures if future.done()]
        self.__going_on = [pair for pair in self.__going_on if not pair[1].done()]
        self.__context._completion_futures = [
            future for future in self.__context._completion_futures if not future.done()
        ]
        errors = [future.exception() for future in done if not future.cancelled()]
        first, *others = [error for error in errors if error is not None] or [None]
        for error in others:
            self.__logger.error('%s', error)
        if first is not None:
            raise first

    def __handle(self, event: Event) -> None:
        context = self.__context
        self.__logger.debug("processing event: '%s'", event)
        for handler in tuple(context._event_handlers):
            if not handler.matches(event):
                continue
            self.__logger.debug("processing event: '%s' ✓ '%s'", event, handler)
            context._push_locals()
            try:
                answer = handler.handle(event, context)
                entities = answer if isinstance(answer, Iterable) else (answer,)
                for entity in entities:
                    self.__visit(entity)
            finally:
                context._pop_locals()

    def __visit(self, entity: Any) -> None:
        if entity is None:
            return
        if not isinstance(entity, LaunchDescriptionEntity):
            raise RuntimeError(
                f"expected a LaunchDescriptionEntity from event_handler, got '{entity}'"
            )
        visit_all_entities_and_collect_futures(entity, self.__context, self.__going_on)

    # Ends

    def __begin_shutdown(self, reason: str, due_to_sigint: bool = False) -> None:
        if not self.__shutting_down:
            self.emit_event(Shutdown(reason=reason, due_to_sigint=due_to_sigint))
        self.__shutting_down = True
        self.__context.is_shutdown = True

    def __on_shutdown(self, event: Shutdown, context: LaunchContext) -> None:
        # Shutdown may also be emitted by an action.
        self.__shutting_down = True
        context.is_shutdown = True

    def __on_error(self, error: Exception) -> None:
        message = f'Caught exception in launch (see debug for traceback): {error}'
        self.__logger.debug('%s', ''.join(traceback.format_exception(error)))
        self.__logger.error('%s', message)
        self.__return_code = 1
        self.__begin_shutdown(message)

    def __on_loop_error(self, loop: asyncio.AbstractEventLoop, details: dict[str, Any]) -> None:
        self.__return_code = 1
        loop.default_exception_handler(details)

    def __on_signal(self, number: signal.Signals) -> None:
        if number == signal.SIGINT:
            text = 'user interrupted with ctrl-c (SIGINT)'
            if self.__interrupted:
                self.__logger.warning('%s again, ignoring...', text)
                return
            self.__interrupted = True
            self.__logger.warning(text)
            self.__begin_shutdown('ctrl-c (SIGINT)', due_to_sigint=True)
            return
        # ROS 2's launch dies of these at once and leaves its processes behind. Here they end too:
        # a service manager that stops the launch means them as well.
        self.__logger.error('user interrupted with ctrl-\\ (%s), terminating...', number.name)
        self.__return_code = 1
        self.__begin_shutdown(f'{number.name} received')


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


@contextlib.contextmanager
def _signals(loop: asyncio.AbstractEventLoop, handler: Any) -> Iterator[None]:
    """Hand SIGINT, SIGTERM and SIGQUIT to ``handler``; afterwards all is as it was."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        loop.add_signal_handler(number, handler, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])
