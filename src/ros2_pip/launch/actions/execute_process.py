# SPDX-License-Identifier: Apache-2.0
"""Processes: they are started, logged, started again, and ended."""

from __future__ import annotations

import asyncio
import itertools
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from signal import Signals
from typing import Any

from .._values import Text, Typed
from ..action import Action
from ..conditions import IfCondition
from ..event_handlers import OnProcessExit, OnShutdown
from ..events import Shutdown
from ..events.process import ProcessExited, ProcessStarted
from ..launch_context import LaunchContext
from ..logging import get_logger, get_output_loggers
from ..some_substitutions_type import SomeSubstitutionsType
from ..substitutions import LaunchConfiguration
from . import _child

_numbers = itertools.count(1)

Environment = Mapping[Any, SomeSubstitutionsType]


class ExecuteProcess(Action):
    """A process."""

    def __init__(
        self,
        *,
        cmd: Iterable[SomeSubstitutionsType],
        prefix: SomeSubstitutionsType | None = None,
        name: SomeSubstitutionsType | None = None,
        cwd: SomeSubstitutionsType | None = None,
        env: Environment | None = None,
        additional_env: Environment | None = None,
        shell: bool = False,
        sigterm_timeout: SomeSubstitutionsType = LaunchConfiguration('sigterm_timeout', default=5),
        sigkill_timeout: SomeSubstitutionsType = LaunchConfiguration('sigkill_timeout', default=5),
        emulate_tty: bool = False,
        output: SomeSubstitutionsType | Mapping[str, Any] = 'log',
        on_exit: Any = None,
        respawn: bool | SomeSubstitutionsType = False,
        respawn_delay: float | None = None,
        respawn_max_retries: int = -1,
        **kwargs: Any,
    ) -> None:
        """
        :param cmd: program and arguments
        :param prefix: words in front of them; by default launch configuration 'launch-prefix'
        :param name: what the log calls it; by default the program, which may be that of the prefix
        :param env: its environment, in place of that of the launch
        :param additional_env: what it has in its environment besides
        :param sigterm_timeout: seconds that it has to end, until it gets a SIGTERM
        :param sigkill_timeout: seconds it has then, until it gets a SIGKILL
        :param emulate_tty: it writes to terminals; launch configuration 'emulate_tty' goes before
        :param output: see `launch.logging.get_output_loggers`
        :param on_exit: actions for its end, or a function of event and context that returns them
        :param respawn: start it again when it ends, `respawn_delay` seconds later and up to
            `respawn_max_retries` times (-1: always)
        """
        super().__init__(**kwargs)
        self.process_details: dict[str, Any] | None = None
        self._cmd = [Text(word) for word in cmd]
        self._prefix = Text(prefix or LaunchConfiguration('launch-prefix', default=''))
        self._name = None if name is None else Text(name)
        self._cwd = None if cwd is None else Text(cwd)
        self._env = None if env is None else _pairs(env)
        self._additional_env = _pairs(additional_env or {})
        self._shell, self._tty = shell, emulate_tty
        self._patience = Text(sigterm_timeout), Text(sigkill_timeout)
        self._seconds = [5.0, 5.0]  # in case the others are no numbers
        self._output = output if isinstance(output, Mapping) else Text(output)
        self._on_exit = on_exit
        self._respawn = Typed(respawn, bool)
        self._respawn_delay, self._respawns = respawn_delay or 0.0, respawn_max_retries
        self._child: _child.Child | None = None
        self._life: asyncio.Task[None] | None = None
        self._stop: asyncio.Future[bool] | None = None
        self._lines = {1: _child.Lines(), 2: _child.Lines()}

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        """Return what is done when the process has ended for good."""
        return self._life

    def _words(self, context: LaunchContext) -> list[str]:
        """Return program and arguments; actions that have more of them add to this."""
        return [word.perform(context) for word in self._cmd]

    def _prepare(self, context: LaunchContext) -> None:
        """Find out all that the process is started with."""
        cmd = shlex.split(self._prefix.perform(context)) + self._words(context)
        name = Path(cmd[0]).name if self._name is None else self._name.perform(context)
        env = dict(context.environment) if self._env is None else _performed(self._env, context)
        env |= _performed(self._additional_env, context)
        self.process_details = {
            'action': self,
            'name': f'{name}-{next(_numbers)}',
            'cmd': cmd,
            'cwd': None if self._cwd is None else self._cwd.perform(context),
            'env': env,
            'pid': -1,
        }

    def execute(self, context: LaunchContext) -> None:
        """Start it; RuntimeError if that was done before, as each process is an action of its own."""
        if self._life is not None:
            raise RuntimeError(f'process[{self._title}] was started before: make a second action')
        self._prepare(context)
        if context.is_shutdown or context.asyncio_loop is None:
            return
        output = self._output
        self._logger = get_logger(self._title)
        self._loggers = get_output_loggers(
            self._title, output.perform(context) if isinstance(output, Text) else output
        )
        again = self._respawn.perform(context)
        self._stop = context.asyncio_loop.create_future()
        context.register_event_handler(OnShutdown(on_shutdown=self.__on_shutdown))
        if self._on_exit is not None:
            handler = OnProcessExit(target_action=self, on_exit=self._on_exit)
            context.register_event_handler(handler)
        self._life = context.asyncio_loop.create_task(self.__live(context, again))

    @property
    def _title(self) -> str:
        assert self.process_details is not None
        return str(self.process_details['name'])

    # Its life

    async def __live(self, context: LaunchContext, again: bool) -> None:
        """Run it, once or more."""
        assert self._stop is not None
        starts = 0
        while not self._stop.done() and await self.__run(context):
            starts += 1
            if not again or self._respawns == starts - 1:
                return
            await asyncio.wait([self._stop], timeout=self._respawn_delay)

    async def __run(self, context: LaunchContext) -> bool:
        """Run it once; return whether that was possible."""
        assert self.process_details is not None and self._stop is not None
        details = self.process_details
        tty = self._tty
        if 'emulate_tty' in context.launch_configurations:
            tty = IfCondition(LaunchConfiguration('emulate_tty')).evaluate(context)
        try:
            child = await _child.start(
                details['cmd'],
                lambda fd, data: self.__log(fd, self._lines[fd].take(data)),
                cwd=details['cwd'],
                env=details['env'],
                shell=self._shell,
                tty=tty,
            )
        except (OSError, ValueError) as error:
            self._logger.error('cannot be started: %s', error)
            return False
        self._child, details['pid'] = child, child.pid
        self._logger.info('process started with pid [%d]', child.pid)
        context.emit_event_sync(ProcessStarted(**details))
        ending = asyncio.ensure_future(self.__end(self._stop))
        code = await child.end()
        ending.cancel()
        for fd, lines in self._lines.items():
            self.__log(fd, lines.last())
        if code == 0:
            self._logger.info('process has finished cleanly [pid %d]', child.pid)
        else:
            cmd = ' '.join(filter(str.strip, details['cmd']))
            what = "process has died [pid %d, exit code %d, cmd '%s']."
            self._logger.error(what, child.pid, code, cmd)
        context.emit_event_sync(ProcessExited(returncode=code, **details))
        return True

    def __log(self, fd: int, lines: list[str]) -> None:
        for line in lines:
            self._loggers[fd - 1].info('[%s] %s', self._title, line)

    # Its end

    def __on_shutdown(self, event: Shutdown, context: LaunchContext) -> None:
        assert self._stop is not None
        if not self._stop.done():
            # From a terminal the process has its Ctrl+C already. A second one would disturb how it
            # ends because of the first.
            self._stop.set_result(context.noninteractive or not event.due_to_sigint)
            self._seconds = [float(text.perform(context)) for text in self._patience]

    def __send(self, number: Signals) -> None:
        if self._child is not None and self._child.runs:
            self._logger.info("sending signal '%s' to process[%s]", number.name, self._title)
            self._child.send_signal(number)

    async def __end(self, stop: asyncio.Future[bool]) -> None:
        """Once it is to end: SIGINT; some time later SIGTERM; some time later SIGKILL."""
        await asyncio.wait([stop])
        if stop.result():
            self.__send(Signals.SIGINT)
        waited = Signals.SIGINT
        for seconds, number in zip(self._seconds, (Signals.SIGTERM, Signals.SIGKILL)):
            await asyncio.sleep(seconds)
            self._logger.error(
                "process[%s] did not end within %g s of its '%s', escalating to '%s'",
                self._title, seconds, waited.name, number.name,
            )  # fmt: skip
            self.__send(number)
            waited = number


def _pairs(environment: Environment) -> list[tuple[Text, Text]]:
    return [(Text(name), Text(value)) for name, value in environment.items()]


def _performed(pairs: list[tuple[Text, Text]], context: LaunchContext) -> dict[str, str]:
    return {name.perform(context): value.perform(context) for name, value in pairs}
