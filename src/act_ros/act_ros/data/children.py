# SPDX-License-Identifier: Apache-2.0
"""Work on many items in child processes that may die: a crash costs one item, never the run.

HDF5's library ends its process on a full disk and on some damaged files; an encoder may be killed
for want of memory. `concurrent.futures` gives up its whole pool then.
"""

from __future__ import annotations

import contextlib
import math
import signal
import sys
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Generic, TypeVar

from act_ros.text import PrintableError

Item = TypeVar('Item')
Result = TypeVar('Result')


_LOOK_S = 5.0
"""How often it is looked whether an item takes too long."""


class ChildError(PrintableError, RuntimeError):
    """What went wrong in a child process with one item, in one line."""


@dataclass(frozen=True)
class Outcome(Generic[Item, Result]):
    """What became of an item: its result, or the error."""

    item: Item
    result: Result | None
    error: ChildError | None


class _Child(Generic[Item, Result]):
    """A process that works on one item at a time."""

    def __init__(self, function: Callable[[Item], Result]) -> None:
        # 'spawn': a fork of a process in which libraries have started threads may hang.
        context = get_context('spawn')
        self.pipe, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(
            target=_serve, args=(function, theirs), daemon=True
        )
        self.process.start()
        theirs.close()
        self.since = 0.0
        self.index = -1
        """The item it works on; -1: none."""

    def give(self, index: int, item: Item) -> None:
        self.index, self.since = index, time.monotonic()
        with contextlib.suppress(OSError):  # it has died: seen when its answer is waited for
            self.pipe.send(item)

    def take(self) -> tuple[Result | None, ChildError | None]:
        """Its answer, or what it died of."""
        self.index = -1
        try:
            result, message = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(5)
            return None, ChildError(_death(self.process.exitcode))
        return result, ChildError(message) if message is not None else None

    def stop(self, limit_s: float) -> ChildError:
        """End it in the middle of its work."""
        self.index = -1
        self.process.kill()
        self.process.join(5)
        return ChildError(
            f'it was given up after {limit_s:.0f} s: the file is damaged in a way that its library does not '
            'come back from, or the disk does not answer'
        )

    def end(self) -> None:
        self.pipe.close()
        self.process.terminate()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()


def each(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    limit_s: float = math.inf,
) -> Generator[Outcome[Item, Result], None, None]:
    """Apply `function` to every item in `workers` processes; yields the outcomes in order.

    A process that dies is replaced; its item's outcome says what it died of. Closing the iterator
    ends the processes.

    Args:
        function: of a module, so that it can be sent to a child; its exceptions become errors.
        items: what can be pickled.
        workers: processes at most.
        limit_s: an item that takes longer is given up, and its process ended.
    """
    done: dict[int, Outcome[Item, Result]] = {}
    children: list[_Child[Item, Result]] = []
    given = 0
    try:
        for turn in range(len(items)):
            while turn not in done:
                idle = [child for child in children if child.index < 0]
                if not idle and len(children) < min(workers, len(items)) and given < len(items):
                    idle = [_Child(function)]
                    children += idle
                for child in idle:
                    if given < len(items):
                        child.give(given, items[given])
                        given += 1
                busy = [child for child in children if child.index >= 0]
                if len(busy) < min(workers, len(items)) and given < len(items):
                    continue  # more children may start before the wait
                ready = wait([child.pipe for child in busy], min(limit_s, _LOOK_S))
                for child in busy:
                    index, result, error = child.index, None, None
                    if child.pipe in ready:
                        result, error = child.take()
                    elif time.monotonic() - child.since > limit_s:
                        error = child.stop(limit_s)
                    else:
                        continue
                    done[index] = Outcome(items[index], result, error)
                    if not child.process.is_alive():
                        child.end()
                        children.remove(child)
            yield done.pop(turn)
    finally:
        for child in children:
            child.end()


def _serve(function: Callable[[Item], Result], pipe: Connection) -> None:
    """A child's life: until its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the parent's to handle
    # HDF5's objects complain once more when they are collected after an error, which is reported already.
    sys.unraisablehook = lambda _: None
    sys.excepthook = lambda *_: None
    while True:
        try:
            item = pipe.recv()
        except EOFError:
            return
        result: Result | None = None
        message = None
        try:
            result = function(item)
        except Exception as error:
            message = ' '.join(str(error).split()) or type(error).__name__
            if isinstance(error, MemoryError):
                message = f'out of memory: {message}'
        try:
            pipe.send((result, message))
        except (BrokenPipeError, ConnectionResetError):
            return


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return (
            f'the process that worked on it was ended by {name}: the file is damaged in a way that its '
            'library does not survive, the disk is full, or memory ran out'
        )
    return f'the process that worked on it ended with status {code}'
