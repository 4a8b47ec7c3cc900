# SPDX-License-Identifier: Apache-2.0
"""Processes: started, logged, respawned, and shut down."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..action import Action
from ..conditions import evaluate_condition_expression
from ..descriptions import Executable
from ..event import Event
from ..event_handler import BaseEventHandler, EventHandler
from ..events import Shutdown
from ..events.process import (
    ProcessExited,
    ProcessStarted,
    ProcessStderr,
    ProcessStdout,
    ShutdownProcess,
    SignalProcess,
)
from ..logging import get_logger, get_output_loggers
from ..substitutions import LaunchConfiguration
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from ..utilities.type_utils import normalize_typed_substitution, perform_typed_substitution
from . import _child

if TYPE_CHECKING:
    from ..launch_context import LaunchContext
    from ..launch_description_entity import LaunchDescriptionEntity
    from ..some_entities_type import SomeEntitiesType
    from ..some_substitutions_type import SomeSubstitutionsType


class ExecuteLocal(Action):
    """A process on this machine."""

    def __init__(
        self,
        *,
        process_description: Executable,
        shell: bool = False,
        sigterm_timeout: SomeSubstitutionsType = LaunchConfiguration('sigterm_timeout', default=5),
        sigkill_timeout: SomeSubstitutionsType = LaunchConfiguration('sigkill_timeout', default=5),
        emulate_tty: bool = False,
        output: SomeSubstitutionsType | Mapping[str, Any] = 'log',
        output_format: str = '[{this.process_description.final_name}] {line}',
        cached_output: bool = False,
        log_cmd: bool = False,
        on_exit: SomeEntitiesType
        | Callable[[ProcessExited, LaunchContext], SomeEntitiesType | None]
        | None = None,
        respawn: bool | SomeSubstitutionsType = False,
        respawn_delay: float | None = None,
        respawn_max_retries: int = -1,
        **kwargs: Any,
    ) -> None:
        """
        :param shell: have a shell run it
        :param sigterm_timeout: seconds from SIGINT to SIGTERM when shutting down
        :param sigkill_timeout: seconds from SIGTERM to SIGKILL
        :param emulate_tty: give it terminals to write to; the launch configuration of this name
            decides where it is set
        :param output: where its output goes: see `launch.logging.get_output_loggers`; the variable
            OVERRIDE_LAUNCH_PROCESS_OUTPUT decides where it is set
        :param output_format: of a line; knows ``line`` and ``this``
        :param cached_output: keep the output for `get_stdout` and `get_stderr`
        :param log_cmd: log the command before it is run
        :param on_exit: actions for when it has ended, or a function of (event, context)
        :param respawn: start it again whenever it ends
        :param respawn_delay: seconds before it is started again
        :param respawn_max_retries: how often at most; negative is without end
        """
        super().__init__(**kwargs)
        self.process_description = process_description
        self.shell = shell
        self.sigterm_timeout = normalize_to_list_of_substitutions(sigterm_timeout)
        self.sigkill_timeout = normalize_to_list_of_substitutions(sigkill_timeout)
        self.emulate_tty = emulate_tty
        chosen: Any = os.environ.get('OVERRIDE_LAUNCH_PROCESS_OUTPUT', output)
        self.output = (
            chosen if isinstance(chosen, Mapping) else normalize_to_list_of_substitutions(chosen)
        )
        self.process_details: dict[str, Any] | None = None
        self.__output_format = output_format
        self.__cache: dict[int, list[str]] | None = {1: [], 2: []} if cached_output else None
        self.__log_cmd = log_cmd
        self.__on_exit = on_exit
        self.__respawn = normalize_typed_substitution(respawn, bool)
        self.__respawn_delay = respawn_delay
        self.__respawns_left = respawn_max_retries
        self.__child: _child.Child | None = None
        self.__task: asyncio.Task[None] | None = None
        self.__stopping: asyncio.Event = asyncio.Event()
        self.__stop_with_sigint = False
        self.__timeouts = '5', 5.0, 5.0
        self.__lines = {1: _child.Lines(), 2: _child.Lines()}

    @property
    def return_code(self) -> int | None:
        """The exit code of the process, negative for a signal; None if it has not ended."""
        return None if self.__child is None else self.__child.returncode

    def get_stdout(self) -> str:
        """Return the output so far; RuntimeError without ``cached_output``."""
        return self.__cached(1, 'stdout')

    def get_stderr(self) -> str:
        """Return the errors written so far; RuntimeError without ``cached_output``."""
        return self.__cached(2, 'stderr')

    def __cached(self, fd: int, name: str) -> str:
        if self.__cache is None:
            raise RuntimeError(f'cached output must be true to be able to get {name}')
        return ''.join(self.__cache[fd])

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the actions for when it has ended, if they are known."""
        return self.__on_exit if isinstance(self.__on_exit, list) else []

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        """Return what ends with the process and its respawns, once it was started."""
        return self.__task

    # Start

    def prepare(self, context: LaunchContext) -> None:
        """Perform the substitutions; overridden by actions that add to the command."""
        description = self.process_description
        description.prepare(context, self)
        self.process_details = {
            'action': self,
            'name': description.final_name,
            'cmd': description.final_cmd,
            'cwd': description.final_cwd,
            'env': description.final_env,
            'pid': -1,
        }

    def execute(self, context: LaunchContext) -> None:
        """
        Start the process and register what handles its events.

        :raises RuntimeError: if this was executed before: a process is an action of its own
        """
        if self.__task is not None:
            raise RuntimeError(
                f"ExecuteLocal action '{self.process_description.final_name}': "
                f'executed more than once: {self.describe()}'
            )
        self.prepare(context)
        if context.is_shutdown:
            return
        name = self.process_description.final_name
        assert name is not None
        self.__logger = get_logger(name)
        output = self.output
        if not isinstance(output, Mapping):
            output = perform_substitutions(context, output)
        self.__loggers = dict(zip((1, 2), get_output_loggers(name, output)))
        self.__keep_alive = perform_typed_substitution(context, self.__respawn, bool)
        for handler in self.__handlers():
            context.register_event_handler(handler)
        assert context.asyncio_loop is not None
        self.__task = context.asyncio_loop.create_task(self.__supervise(context))

    def __handlers(self) -> list[BaseEventHandler]:
        from ..event_handlers import OnProcessExit, OnShutdown
        from .opaque import OpaqueFunction

        handlers: list[BaseEventHandler] = [
            EventHandler(
                matcher=lambda event: (
                    isinstance(event, ShutdownProcess) and event.process_matcher(self)
                ),
                entities=OpaqueFunction(
                    function=lambda context: self.__stop(context, sigint=True)
                ),
            ),
            EventHandler(
                matcher=lambda event: (
                    isinstance(event, SignalProcess) and event.process_matcher(self)
                ),
                entities=OpaqueFunction(function=self.__on_signal),
            ),
            OnShutdown(on_shutdown=self.__on_shutdown),
        ]
        if self.__on_exit is not None:
            handlers.append(OnProcessExit(target_action=self, on_exit=self.__on_exit))
        return handlers

    async def __supervise(self, context: LaunchContext) -> None:
        """Run the process, and again as often as it is to be respawned."""
        while await self.__run_once(context):
            stopping = self.__stopping.is_set() or context.is_shutdown
            if stopping or not self.__keep_alive or self.__respawns_left == 0:
                return
            self.__respawns_left -= 1
            if self.__respawn_delay:
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self.__stopping.wait(), self.__respawn_delay)
                    return

    async def __run_once(self, context: LaunchContext) -> bool:
        """Run the process until it ends; return whether it could be started."""
        details = self.process_details
        assert details is not None
        if self.__log_cmd:
            self.__logger.info(
                "process details: cmd='%s', cwd='%s', custom_env?=%s",
                _shown(details['cmd']),
                details['cwd'],
                details['env'] is not None,
            )
        try:
            child = await _child.start(
                details['cmd'],
                lambda fd, data: self.__on_output(context, fd, data),
                self.__on_start,
                cwd=details['cwd'],
                env=details['env'],
                shell=self.shell,
                emulate_tty=self.__wants_tty(context),
            )
        except Exception:
            self.__logger.error(
                'exception occurred while executing process:\n%s', traceback.format_exc()
            )
            return False
        self.__child = child
        context.emit_event_sync(ProcessStarted(**details))
        escalation = asyncio.ensure_future(self.__escalate())
        code = await child.wait()
        escalation.cancel()
        self.__on_end(context, code)
        return True

    def __on_start(self, pid: int) -> None:
        assert self.process_details is not None
        self.process_details['pid'] = pid
        self.__logger.info('process started with pid [%d]', pid)

    def __wants_tty(self, context: LaunchContext) -> bool:
        configured = context.launch_configurations.get('emulate_tty')
        if configured is None:
            return self.emulate_tty
        return evaluate_condition_expression(
            context, normalize_to_list_of_substitutions(configured)
        )

    # What comes from it

    def __on_output(self, context: LaunchContext, fd: int, data: bytes) -> None:
        assert self.process_details is not None
        if self.__cache is not None:
            self.__cache[fd].append(data.decode(errors='replace'))
        kind = ProcessStdout if fd == 1 else ProcessStderr
        event = kind(text=data, **self.process_details)
        if context.would_handle_event(event):
            context.emit_event_sync(event)
        self.__log(fd, self.__lines[fd].feed(data))

    def __log(self, fd: int, lines: list[str]) -> None:
        for line in lines:
            self.__loggers[fd].info('%s', self.__output_format.format(line=line, this=self))

    def __on_end(self, context: LaunchContext, code: int) -> None:
        assert self.process_details is not None
        for fd, lines in self.__lines.items():
            self.__log(fd, lines.flush())
        pid = self.process_details['pid']
        if code == 0:
            self.__logger.info('process has finished cleanly [pid %d]', pid)
        else:
            self.__logger.error(
                "process has died [pid %d, exit code %d, cmd '%s'].",
                pid,
                code,
                _shown(self.process_details['cmd']),
            )
        context.emit_event_sync(ProcessExited(returncode=code, **self.process_details))

    # Signals and shutdown

    def __on_signal(self, context: LaunchContext) -> None:
        event = context.locals.event
        self.__send(event.signal_name)

    def __send(self, signal_name: str) -> None:
        assert self.process_details is not None
        name = self.process_details['name']
        if self.__child is None:
            raise RuntimeError('Signal event received before execution.')
        if self.__child.returncode is None:
            self.__logger.info("sending signal '%s' to process[%s]", signal_name, name)
        if not self.__child.send_signal(signal.Signals[signal_name]):
            self.__logger.debug(
                "signal '%s' not sent to '%s' because it has closed already", signal_name, name
            )

    def __on_shutdown(self, event: Event, context: LaunchContext) -> None:
        assert isinstance(event, Shutdown)
        # A terminal has sent its Ctrl+C to the process too; a second SIGINT would cut short what
        # it does to end well.
        self.__stop(context, sigint=not event.due_to_sigint or context.noninteractive)

    def __stop(self, context: LaunchContext, sigint: bool) -> None:
        if self.__stopping.is_set():
            return
        self.__stop_with_sigint = sigint
        try:
            texts = [
                perform_substitutions(context, timeout)
                for timeout in (self.sigterm_timeout, self.sigkill_timeout)
            ]
            self.__timeouts = texts[0], float(texts[0]), float(texts[1])
        finally:
            self.__stopping.set()  # a timeout that is no number is an error, and no way out

    async def __escalate(self) -> None:
        """Once it is to stop: SIGINT, SIGTERM after a time, SIGKILL after another."""
        await self.__stopping.wait()
        if self.__stop_with_sigint:
            self.__send('SIGINT')
        term_text, term_s, kill_s = self.__timeouts
        await asyncio.sleep(term_s)
        self.__escalated(term_text, 'SIGINT', 'SIGTERM')
        await asyncio.sleep(kill_s)
        # ROS 2 counts these seconds from the SIGINT on.
        self.__escalated(str(term_s + kill_s), 'SIGTERM', 'SIGKILL')

    def __escalated(self, seconds: str, last: str, now: str) -> None:
        assert self.process_details is not None
        self.__logger.error(
            "process[%s] failed to terminate '%s' seconds after receiving '%s', "
            "escalating to '%s'",
            self.process_details['name'],
            seconds,
            last,
            now,
        )
        self.__send(now)


def _shown(cmd: list[str]) -> str:
    return ' '.join(part for part in cmd if part.strip())


class ExecuteProcess(ExecuteLocal):
    """A process given by its command."""

    def __init__(
        self,
        *,
        cmd: Any,
        prefix: SomeSubstitutionsType | None = None,
        name: SomeSubstitutionsType | None = None,
        cwd: SomeSubstitutionsType | None = None,
        env: Mapping[Any, SomeSubstitutionsType] | None = None,
        additional_env: Mapping[Any, SomeSubstitutionsType] | None = None,
        **kwargs: Any,
    ) -> None:
        """See `launch.descriptions.Executable` and `ExecuteLocal` for the parameters."""
        super().__init__(
            process_description=Executable(
                cmd=cmd, prefix=prefix, name=name, cwd=cwd, env=env, additional_env=additional_env
            ),
            **kwargs,
        )

    @property
    def name(self) -> Any:
        """The name for the log once it was executed; before, substitutions or None."""
        return self.process_description.final_name or self.process_description.name

    @property
    def cmd(self) -> Any:
        """Program and arguments; lists of substitutions until it is executed."""
        return self.process_description.final_cmd or self.process_description.cmd

    @property
    def cwd(self) -> Any:
        """The folder it starts in; substitutions until it is executed."""
        return self.process_description.final_cwd or self.process_description.cwd

    @property
    def env(self) -> Any:
        """The whole environment; pairs of substitutions until it is executed."""
        return self.process_description.final_env or self.process_description.env

    @property
    def additional_env(self) -> Any:
        """What is added to the environment, as pairs of substitutions."""
        return self.process_description.additional_env
