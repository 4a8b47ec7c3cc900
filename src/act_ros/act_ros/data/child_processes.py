# SPDX-License-Identifier: Apache-2.0
"""Work on many items in child processes that may die: a crash costs one item, never the run.

HDF5's library ends its process on a full disk and on some damaged files; an encoder may be killed
for want of memory. `concurrent.futures` gives up its whole pool then.
"""

from __future__ import annotations

import contextlib
import math
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any, Generic, TypeVar

from act_ros.boot.run_module import order
from act_ros.python_process import python_command
from act_ros.text import PrintableError

Item = TypeVar('Item')
Result = TypeVar('Result')


_LOOK_S = 5.0
"""How often it is looked whether an item takes too long."""


class ChildError(PrintableError, RuntimeError):
    """What went wrong in a child process with one item, in one line."""


class ChildDeath(ChildError):
    """The child process died of an item. `how`: 'SIGKILL', say, or 'status 1'."""

    def __init__(self, code: int | None) -> None:
        self.how = (
            signal.Signals(-code).name if code is not None and code < 0 else f'status {code}'
        )
        if self.how.startswith('SIG'):
            super().__init__(
                f'the process that worked on it was ended by {self.how}: the file is damaged in a way that '
                'its library does not survive, the disk is full, or memory ran out'
            )
        else:
            super().__init__(f'the process that worked on it ended with {self.how}')


class ChildGivenUp(ChildError):
    """The child process did not come back from an item within `limit_s`, and was ended."""

    def __init__(self, limit_s: float) -> None:
        super().__init__(
            f'it was given up after {limit_s:.0f} s: the file is damaged in a way that its library does not '
            'come back from, or the disk does not answer'
        )


@dataclass(frozen=True)
class ItemOutcome(Generic[Item, Result]):
    """What became of an item: its result, or the error."""

    item: Item
    result: Result | None
    error: ChildError | None


class _Child(Generic[Item, Result]):
    """A process that works on one item at a time."""

    def __init__(self, function: Callable[[Item], Result]) -> None:
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        command = python_command('act_ros.data.child', theirs.fileno())
        with theirs, _sigint_blocked():
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
            )
        self.pipe: Connection[Any, Any] = Connection(mine.detach())
        with contextlib.suppress(OSError):  # it has died: seen when its answer is waited for
            self.pipe.send((order(sys.path), *_packed(function)))
        self.started = False
        self.since = math.inf
        """When it took its item on. Its own start, which may take seconds, is not the item's."""
        self.item: Item | None = None
        self.index = -1
        """The item it works on; -1: none."""

    def give(self, index: int, item: Item) -> None:
        self.index, self.item = index, item
        self.since = time.monotonic() if self.started else math.inf
        with contextlib.suppress(OSError):  # it has died: seen when its answer is waited for
            self.pipe.send(item)

    def take(self) -> tuple[Result | None, ChildError | None] | None:
        """Its answer, or what it died of; None if it only says that it has started."""
        try:
            answer = self.pipe.recv()
            if answer is None:
                self.started, self.since = True, time.monotonic()
                return None
            self.index = -1
            result, message = answer
        except (EOFError, OSError):
            self.index = -1
            return None, ChildDeath(self._wait())
        return result, ChildError(message) if message is not None else None

    def stop(self, limit_s: float) -> ChildError:
        """End it in the middle of its work."""
        self.index = -1
        self.process.kill()
        self._wait()
        return ChildGivenUp(limit_s)

    def end(self) -> None:
        self.pipe.close()
        self.process.terminate()
        if self._wait() is None:
            self.process.kill()
            self._wait()

    def _wait(self) -> int | None:
        """Its exit status, negative for a signal; None if it doesn't end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(5)
        return None


def each(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    limit_s: float = math.inf,
) -> Generator[ItemOutcome[Item, Result], None, None]:
    """Apply `function` to every item in `workers` processes; yields the outcomes in order.

    A process that dies is replaced; its item's outcome says what it died of. Closing the iterator
    ends the processes, in the middle of their work; so does the end of this process, of whatever
    kind. They hear no Ctrl+C: that is this process's to handle.

    Args:
        function: of a module, so that it can be sent to a child; its exceptions become errors.
        items: what can be pickled; they may be without end, and are taken as they are needed.
        workers: processes at most.
        limit_s: an item that takes longer is given up, and its process ended.
    """
    upcoming = iter(items)
    following = list(islice(upcoming, 1))  # known in advance: no process is started for nothing
    done: dict[int, ItemOutcome[Item, Result]] = {}
    children: list[_Child[Item, Result]] = []
    given = turn = 0
    try:
        while True:
            idle = [child for child in children if child.index < 0]
            while following and (idle or len(children) < workers):
                if not idle:
                    idle = [_Child(function)]
                    children += idle
                idle.pop().give(given, following.pop())
                given += 1
                following = list(islice(upcoming, 1))
            busy = [child for child in children if child.index >= 0]
            if not busy:
                return
            ready = wait([child.pipe for child in busy], min(limit_s, _LOOK_S))
            for child in busy:
                index, answer = child.index, None
                if child.pipe in ready:
                    answer = child.take()
                elif time.monotonic() - child.since > limit_s:
                    answer = None, child.stop(limit_s)
                if answer is None:
                    continue
                assert child.item is not None
                done[index] = ItemOutcome(child.item, *answer)
                if child.process.poll() is not None:
                    child.end()
                    children.remove(child)
            while turn in done:
                yield done.pop(turn)
                turn += 1
    finally:
        for child in children:
            child.end()


def _packed(function: Callable[[Item], Result]) -> tuple[str, bytes]:
    """A function for another process, and the module that it needs as its `__main__`; '' for none.

    What a person runs by `python -m` is no module of its own name there, and its functions are `__main__`'s.
    """
    data = bytes(ForkingPickler.dumps(function))
    spec = getattr(sys.modules['__main__'], '__spec__', None)
    return spec.name if spec and b'__main__' in data else '', data


@contextlib.contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Start children in here: they never hear Ctrl+C, from their first moment on.

    A blocked signal stays blocked in a child; a handler of its own would come after seconds of imports.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with _sigint_deferred():
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextlib.contextmanager
def _sigint_deferred() -> Iterator[None]:
    """Let a Ctrl+C that comes in here, by way of another thread that doesn't block it, count only afterwards.

    In the midst of a start it would leave a child that has been told half of what it is to do.
    """
    if threading.current_thread() is not threading.main_thread():  # it alone runs handlers
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)
        if came:
            signal.raise_signal(signal.SIGINT)
