# SPDX-License-Identifier: Apache-2.0
"""The keys of a terminal, one by one, as they are pressed; and the one that does not wait for its turn."""

from __future__ import annotations

import os
import queue
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_S = 0.1
STOP, END = ' ', ('', 'q', '\x04')


@contextmanager
def single_keys() -> Iterator[None]:
    """Let the terminal hand over each key at once; restored at the end. A pipe is left as it is."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


class Keyboard:
    """Reads in a thread of its own, so that space is heard while another key waits for its answer."""

    def __init__(self, stop: Callable[[], object]) -> None:
        """Call `stop` in that thread at each space; the other keys come from `pressed`."""
        self._stop = stop
        self._keys: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, name='keyboard', daemon=True).start()

    def _read(self) -> None:
        key = STOP
        while key not in END:
            # Not through Python's buffer, which would read ahead.
            key = os.read(sys.stdin.fileno(), 1).decode('ascii', 'replace')
            if key == STOP:
                self._stop()
            else:
                self._keys.put('\n' if key == '\r' else key)

    def pressed(self) -> Iterator[str]:
        """The keys, one after the other, and '' now and then, until `q` or the end of the input."""
        while True:
            try:
                key = self._keys.get(timeout=LOOK_S)
            except queue.Empty:
                yield ''
                continue
            if key in END:
                return
            yield key
