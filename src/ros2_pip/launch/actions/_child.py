# SPDX-License-Identifier: Apache-2.0
"""One child process: its pipes or terminals, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence

# How long the end of a process waits for the end of its output: a grandchild may hold that open.
DRAIN_S = 0.2

Receiver = Callable[[int, bytes], None]


class _Reader(asyncio.Protocol):
    """Hands on what comes from one terminal."""

    def __init__(self, fd: int, receive: Receiver, closed: asyncio.Event) -> None:
        self.__fd = fd
        self.__receive = receive
        self.__closed = closed

    def data_received(self, data: bytes) -> None:
        self.__receive(self.__fd, data)

    def connection_lost(self, error: Exception | None) -> None:
        self.__closed.set()  # with EIO, which is how a terminal says that nobody writes any more


class _Protocol(asyncio.SubprocessProtocol):
    """Hands on what comes from the pipes."""

    def __init__(self, receive: Receiver, started: Callable[[int], None]) -> None:
        self.__receive = receive
        self.__started = started
        self.exited = asyncio.Event()
        self.closed = {1: asyncio.Event(), 2: asyncio.Event()}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self.__started(transport.get_pid())

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.__receive(fd, data)

    def pipe_connection_lost(self, fd: int, error: Exception | None) -> None:
        if fd in self.closed:
            self.closed[fd].set()

    def process_exited(self) -> None:
        self.exited.set()


class Child:
    """A process that was started; `start` makes it."""

    def __init__(
        self,
        transport: asyncio.SubprocessTransport,
        protocol: _Protocol,
        terminals: Sequence[asyncio.BaseTransport],
    ) -> None:
        """Take over what `start` has made."""
        self.__transport = transport
        self.__protocol = protocol
        self.__terminals = terminals
        self.pid = transport.get_pid()

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self.__transport.get_returncode()

    async def wait(self) -> int:
        """Wait for the end of the process and, for a moment, of its output."""
        await self.__protocol.exited.wait()
        with contextlib.suppress(asyncio.TimeoutError):
            closed = asyncio.gather(*(event.wait() for event in self.__protocol.closed.values()))
            await asyncio.wait_for(closed, DRAIN_S)
        for transport in (*self.__terminals, self.__transport):
            transport.close()
        code = self.__transport.get_returncode()
        assert code is not None
        return code

    def send_signal(self, number: signal.Signals) -> bool:
        """Send a signal to the process; return False if it has ended already."""
        if self.__protocol.exited.is_set():
            return False
        try:
            self.__transport.send_signal(number)
        except ProcessLookupError:
            return False
        return True


async def start(
    cmd: Sequence[str],
    receive: Receiver,
    started: Callable[[int], None],
    *,
    cwd: str | None,
    env: Mapping[str, str] | None,
    shell: bool,
    emulate_tty: bool,
) -> Child:
    """
    Start a process in this one's process group, so that a terminal's Ctrl+C reaches it.

    :param receive: called with (1 for output or 2 for errors, bytes) as they come
    :param started: called with the process id, before anything is received
    :param shell: have a shell run the words of ``cmd``, joined by blanks
    :param emulate_tty: output and errors are terminals, so that programs do not buffer them
    :raises OSError: if it cannot be started
    """
    loop = asyncio.get_running_loop()
    protocol = _Protocol(receive, started)
    masters: list[int] = []
    slaves: list[int] = []
    outputs = {'stdout': asyncio.subprocess.PIPE, 'stderr': asyncio.subprocess.PIPE}
    try:
        if emulate_tty:
            for name in outputs:
                master, slave = os.openpty()
                masters.append(master)
                slaves.append(slave)
                outputs[name] = slave
        run = loop.subprocess_shell if shell else loop.subprocess_exec
        words = [' '.join(cmd)] if shell else list(cmd)
        # Standard input is a pipe that stays open and empty: no process takes the terminal's keys.
        transport, _ = await run(lambda: protocol, *words, cwd=cwd, env=env, **outputs)
    except BaseException:
        for master in masters:
            os.close(master)
        raise
    finally:
        for slave in slaves:
            os.close(slave)
    terminals = [
        (
            await loop.connect_read_pipe(
                lambda fd=fd: _Reader(fd, receive, protocol.closed[fd]), os.fdopen(master, 'rb', 0)
            )
        )[0]
        for fd, master in enumerate(masters, start=1)
    ]
    return Child(transport, protocol, terminals)


class Lines:
    """Cuts what comes from a process into lines."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.__rest = b''

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that are complete now, without their ends."""
        *complete, self.__rest = (self.__rest + data).split(b'\n')
        return [_decoded(line) for line in complete]

    def flush(self) -> list[str]:
        """Return the last line if it has no end, and start anew."""
        rest, self.__rest = self.__rest, b''
        return [_decoded(rest)] if rest else []


def _decoded(line: bytes) -> str:
    return line.removesuffix(b'\r').decode(errors='replace')
