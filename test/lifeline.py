# SPDX-License-Identifier: Apache-2.0
"""Processes that tests start end with the test process, however that ends: SIGKILL, too.

`hold()` marks the environment, which all processes inherit, their own children and new sessions
too, and starts a watcher. Once the test process is gone, it ends whatever still bears the mark.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

MARK = 'ACT_ROS_TEST_RUN'
GRACE_S = 2.0
POLL_S = 0.1


def hold() -> None:
    """Tie all that this process starts from now on to its own life."""
    os.environ[MARK] = uuid.uuid4().hex
    # A session of its own: what ends a test run by its process group must not end the watcher.
    subprocess.Popen(
        [sys.executable, '-I', __file__, str(os.getpid()), os.environ[MARK]],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


def bearers(mark: str) -> list[int]:
    """Ids of the processes with this mark in their environment, but for the caller's."""
    entry = f'{MARK}={mark}'.encode()
    found = []
    for folder in Path('/proc').iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                environment = (folder / 'environ').read_bytes()
            except OSError:  # it has just ended, or is another user's
                continue
            if entry in environment.split(b'\0'):
                found.append(int(folder.name))
    return found


def _watch(parent: int, mark: str) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_S)
    deadline = time.monotonic() + GRACE_S
    asked: set[int] = set()
    while pids := bearers(mark):
        late = time.monotonic() > deadline
        for pid in pids:
            if late or pid not in asked:  # a second SIGTERM would cut short what the first began
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
        asked.update(pids)
        time.sleep(POLL_S)


if __name__ == '__main__':
    _watch(int(sys.argv[1]), sys.argv[2])
