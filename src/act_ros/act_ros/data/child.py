# SPDX-License-Identifier: Apache-2.0
"""The process at the other end of `child_processes`: it applies a function to the items it is sent."""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import select
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any


def serve(pipe: Connection) -> None:
    """Work until the parent is gone."""
    _end_with_parent(pipe.fileno())
    # HDF5's objects complain once more when they are collected after an error, which is reported already.
    sys.unraisablehook = lambda _: None
    sys.excepthook = lambda *_: None
    sys.path[:], main, packed = pipe.recv()
    if main:
        sys.modules['__main__'] = importlib.import_module(main)
    function = pickle.loads(packed)  # noqa: S301 - from the parent
    started = False
    while True:
        try:
            item = pipe.recv()
        except (EOFError, ConnectionResetError):
            return
        if not started:  # only now: what the first item's type imports belongs to the start
            started = True
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                pipe.send(None)
        result: Any = None
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


def _end_with_parent(fd: int) -> None:
    """End this process when its parent has ended, however that came, and whatever this one does."""
    poll = select.poll()
    poll.register(fd, select.POLLRDHUP)

    def watch() -> None:
        poll.poll()
        os._exit(1)

    threading.Thread(target=watch, name='parent watch', daemon=True).start()


if __name__ == '__main__':
    serve(Connection(int(sys.argv[1])))
