# SPDX-License-Identifier: Apache-2.0
"""One process, and what it writes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence

# What a process wrote last is waited for so long: one that it has started may hold the pipe open.
DRAIN_S = 0.2

Receive = Callable[[int, bytes], None]


class Child:
    """A process in the process group of this one, so that a terminal's Ctrl+C reaches it."""

    def __init__(self, process: asyncio.subprocess.Process, stdin: int) -> None:
        """Take a process that runs, and the other end of its standard input."""
        self._process = process
        self._stdin = stdin
        self._readers: list[asyncio.Task[None]] = []
        self.pid = process.pid

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def end(self) -> int:
        """Wait for its end, and then a little for what it wrote; return the exit code."""
        code = await self._process.wait()
        done, late = await asyncio.wait(self._readers, timeout=DRAIN_S)
        os.close(self._stdin)
        for reader in late:
            reader.cancel()
        for reader in done:
            reader.result()  # raises what went wrong with it
        return code

    async def _read(self, fd: int, source: int, receive: Receive) -> None:
        stream = asyncio.StreamReader()
        with os.fdopen(source, 'rb', 0) as file:
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(stream), file
            )
            with contextlib.closing(transport), contextlib.suppress(OSError):
                # A terminal that nobody writes to any more is an OSError.
                while data := await stream.read(1 << 16):
                    receive(fd, data)


async def start(
    cmd: Sequence[str],
    receive: Receive,
    *,
    cwd: str | None,
    env: Mapping[str, str] | None,
    shell: bool,
    tty: bool,
) -> Child:
    """
    Start a process.

    :param receive: is given 1 or 2, for its output or its error output, and what it wrote there
    :param shell: a shell is given the words of `cmd` as one text
    :param tty: it writes to terminals, so that it holds nothing back
    :raises OSError: if it cannot be started
    """
    # Its standard input stays open and empty: the keys of the terminal are for nobody.
    stdin, keep = os.pipe()
    outputs = [os.openpty() if tty else os.pipe() for _ in range(2)]
    sources = [pair[0] for pair in outputs]
    ends = [pair[1] for pair in outputs]
    words = ['/bin/sh', '-c', ' '.join(cmd)] if shell else cmd
    try:
        process = await asyncio.create_subprocess_exec(
            *words, stdin=stdin, stdout=ends[0], stderr=ends[1], cwd=cwd, env=env
        )
    except BaseException:
        for fd in (keep, *sources):
            os.close(fd)
        raise
    finally:
        for fd in (stdin, *ends):
            os.close(fd)
    child = Child(process, keep)
    child._readers = [
        asyncio.create_task(child._read(fd, source, receive))
        for fd, source in enumerate(sources, start=1)
    ]
    return child


class Lines:
    """Makes lines of what comes in pieces."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._rest = b''

    def take(self, data: bytes) -> list[str]:
        """Return the lines that are complete with `data`."""
        *lines, self._rest = (self._rest + data).split(b'\n')
        return [line.removesuffix(b'\r').decode(errors='replace') for line in lines]

    def last(self) -> list[str]:
        """Return the line that has no end, if there is one."""
        return self.take(b'\n') if self._rest else []
