# SPDX-License-Identifier: Apache-2.0
"""What launches: it visits descriptions, has events answered, and waits for what runs."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterable, Iterator
from typing import Any

from .event import Event
from .event_handler import EventHandler
from .event_handlers import OnShutdown
from .events import IncludeLaunchDescription, Shutdown
from .launch_context import LaunchContext
from .launch_description import LaunchDescription
from .launch_description_entity import LaunchDescriptionEntity
from .logging import announce, get_logger, launch_config

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)


class LaunchService:
    """Launches descriptions, until all is done, or an error, a signal or an action ends it."""

    def __init__(
        self, *, argv: Iterable[str] = (), noninteractive: bool = False, debug: bool = False
    ) -> None:
        """
        :param argv: arguments of the launch, for actions to look at
        :param noninteractive: no terminal sends its Ctrl+C to the processes, so this has to
        :param debug: log every event, and where errors come from
        """
        launch_config.level = 'DEBUG' if debug else 'INFO'
        self._logger = get_logger('launch')
        self._running: list[asyncio.Future[Any]] = []
        self._code = 0
        self._interrupted = False
        self.context = LaunchContext(argv=argv or (), noninteractive=noninteractive)
        self.context.register_event_handler(
            EventHandler(
                matcher=lambda event: isinstance(event, IncludeLaunchDescription),
                entities=lambda event, context: event.launch_description,
            )
        )
        self.context.register_event_handler(OnShutdown(on_shutdown=self.__on_shutdown))

    # From any thread

    def emit_event(self, event: Event) -> None:
        """Have an event answered."""
        loop = self.context.asyncio_loop
        if loop is None:
            self.context.emit_event_sync(event)
        else:
            loop.call_soon_threadsafe(self.context.emit_event_sync, event)

    def include_launch_description(self, launch_description: LaunchDescription) -> None:
        """Launch a description: now, or when this runs."""
        self.emit_event(IncludeLaunchDescription(launch_description))

    def shutdown(self) -> None:
        """End what runs; nothing happens where nothing does."""
        if self.context.asyncio_loop is not None:
            self.emit_event(Shutdown(reason='LaunchService.shutdown() was called'))

    # In the main thread

    def run(self, *, shutdown_when_idle: bool = True) -> int:
        """
        Launch, and return when all has ended.

        :param shutdown_when_idle: end when nothing is left that runs
        :returns: 0; 1 after an error. That a process has died is none.
        """
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(self.run_async(shutdown_when_idle=shutdown_when_idle))
        finally:
            loop.close()

    async def run_async(self, *, shutdown_when_idle: bool = True) -> int:
        """Do what `run` does, in a loop that runs."""
        loop = asyncio.get_running_loop()
        self._code = 0
        self._interrupted = self.context.is_shutdown = False
        self.context._run_in(loop)
        with _handled(loop, self.__on_signal):
            announce()
            try:
                while await self.__step(shutdown_when_idle):
                    pass
            finally:
                self.context._run_in(None)
        return self._code

    async def __step(self, shutdown_when_idle: bool) -> bool:
        """Have one event answered, or wait for one; return whether to go on."""
        context = self.context
        assert context._news is not None
        try:
            if context._events:
                self.__answer(context._events.popleft())
                await asyncio.sleep(0)  # what runs beside has its turn
                return True
        except Exception as error:
            self.__fail(error)
            return True
        self.__forget_done()
        if not self._running and not context._events:
            if context.is_shutdown:
                return False
            if shutdown_when_idle:
                self.__begin_shutdown(Shutdown(reason='nothing is left to do'))
                return True
        context._news.clear()
        news = asyncio.ensure_future(context._news.wait())
        await asyncio.wait([news, *self._running], return_when=asyncio.FIRST_COMPLETED)
        news.cancel()
        return True

    def __answer(self, event: Event) -> None:
        context = self.context
        for handler in list(context._handlers):
            if not handler.matches(event):
                continue
            outside = context._locals
            context._locals = dict(outside)
            try:
                answer = handler.handle(event, context)
                for entity in answer if isinstance(answer, Iterable) else [answer]:
                    self.__visit(entity)
            finally:
                context._locals = outside

    def __visit(self, entity: Any) -> None:
        """Visit an entity, and all that it leads to before what stands beside it."""
        if entity is None:
            return
        if not isinstance(entity, LaunchDescriptionEntity):
            raise RuntimeError(f'{entity!r} is no action, and cannot be launched')
        following = entity.visit(self.context)
        running = entity.get_asyncio_future()
        if running is not None:
            self._running.append(running)
        for one in following or ():
            self.__visit(one)

    def __forget_done(self) -> None:
        """Forget what is done; what has failed ends the launch."""
        done = [future for future in self._running if future.done()]
        self._running = [future for future in self._running if future not in done]
        for future in done:
            error = None if future.cancelled() else future.exception()
            if isinstance(error, Exception):
                self.__fail(error)

    # Its end

    def __on_shutdown(self, event: Event, context: LaunchContext) -> None:
        context.is_shutdown = True

    def __begin_shutdown(self, event: Shutdown) -> None:
        if not self.context.is_shutdown:
            self.context.is_shutdown = True
            self.context.emit_event_sync(event)

    def __fail(self, error: Exception) -> None:
        self._logger.debug('this error has ended the launch', exc_info=error)
        self._logger.error('Caught exception (--debug shows where): %s', error)
        self._code = 1
        self.__begin_shutdown(Shutdown(reason=str(error)))

    def __on_signal(self, number: signal.Signals) -> None:
        if number == signal.SIGINT:
            if self._interrupted:
                self._logger.warning('Ctrl+C (SIGINT) again: all is ending already')
                return
            self._interrupted = True
            self._logger.warning('Ctrl+C (SIGINT): all ends')
            self.__begin_shutdown(Shutdown(reason='Ctrl+C', due_to_sigint=True))
            return
        # ROS 2's launch dies of these, and what it has started lives on. Who stops a launch, as a
        # service manager does, wants all of it stopped.
        self._logger.error('%s: all ends', number.name)
        self._code = 1
        self.__begin_shutdown(Shutdown(reason=number.name))


@contextlib.contextmanager
def _handled(loop: asyncio.AbstractEventLoop, handler: Any) -> Iterator[None]:
    """Have signals handled in the loop; afterwards they are handled as before."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    if before[signal.SIGHUP] is signal.SIG_IGN:  # it was started by `nohup`
        del before[signal.SIGHUP]
    for number in before:
        loop.add_signal_handler(number, handler, number)
    try:
        yield
    finally:
        for number, old in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, old)
