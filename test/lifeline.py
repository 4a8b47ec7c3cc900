# SPDX-License-Identifier: Apache-2.0
"""
A run that ends early, however it ends, leaves no process.

`hold()` starts a guardian, a process in a session of its own that reads from a pipe of which only this process
has the other end. When this process is gone, killed or not, the guardian ends everything that was started
since: by a mark in the environment, which processes of processes inherit, wherever they were reparented to.

What the last `tell()` said, the guardian writes to the terminal if this process did not take it back.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

MARKS = 'ACT_ROS_LIFELINES'
"""In the environment: the marks of all lifelines that a process hangs on, the outermost first."""

GRACE_S = 5.0
"""From SIGTERM to SIGKILL."""
PATIENCE_S = 20.0
"""For what ends by itself at the end of a run."""

_QUIET_SCANS, _SCAN_S = (
    3,
    0.1,
)  # none found so many times in a row: also none on its way from fork to exec


class Lifeline:
    """What this process starts from now on ends with it."""

    def __init__(self) -> None:
        """Start the guardian, and mark what follows."""
        self.mark = secrets.token_hex(8)
        heard, self._voice = os.pipe()
        self._guardian = subprocess.Popen(
            [sys.executable, '-I', '-S', __file__, self.mark, str(os.getpid())],
            stdin=heard, stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        os.close(heard)
        os.set_blocking(self._voice, False)
        outer = os.environ.get(MARKS)
        os.environ[MARKS] = f'{outer}:{self.mark}' if outer else self.mark

    def tell(self, line: str) -> None:
        """Say what the guardian writes if this process ends before it says something else; '' takes it back."""
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(self._voice, f'{line}\n'.encode())

    def left(self) -> list[str]:
        """The command lines of what does not end by itself, this process and guardians left out."""
        end, quiet = time.monotonic() + PATIENCE_S, 0
        running: list[str] = []
        while quiet < _QUIET_SCANS:
            running = [line for line in map(_command, _marked(self.mark)) if line]
            if time.monotonic() > end:
                break
            quiet = 0 if running else quiet + 1
            time.sleep(_SCAN_S)
        return running


_held: Lifeline | None = None


def hold() -> Lifeline:
    """The lifeline of this process."""
    global _held
    if _held is None:
        _held = Lifeline()
    return _held


def marks() -> dict[str, str]:
    """What belongs into the environment of a process that shall not inherit ours."""
    return {MARKS: os.environ[MARKS]} if MARKS in os.environ else {}


def tie(env: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """A mark for one process and all that it starts, for `end`, and the environment with it."""
    mark = secrets.token_hex(8)
    return mark, {**env, MARKS: f'{env.get(MARKS, "")}:{mark}'}


def end(mark: str) -> None:
    """Kill what carries a mark, until none does."""
    while running := _marked(mark):
        for pid in running:
            _signal(pid, signal.SIGKILL)
        time.sleep(_SCAN_S)


def _marked(mark: str) -> list[int]:
    """The processes with this mark. One that is over but not waited for has no environment any more."""
    found = []
    for entry in Path('/proc').iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if mark.encode() in (entry / 'environ').read_bytes():
                    found.append(int(entry.name))
    return found


def _command(pid: int) -> str:
    """How a process was started; '' for one that is gone, or ends by itself with those it serves."""
    try:
        words = Path(f'/proc/{pid}/cmdline').read_bytes().decode(errors='replace').split('\0')
    except OSError:
        return ''
    line = ' '.join(words)
    # Guardians, and the process that tidies up after the multiprocessing of one that still runs.
    own = __file__ in words or 'multiprocessing.resource_tracker' in line
    return '' if own else f'{pid}: {line[:200].strip()}'


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _listen(parent: int) -> str:
    """Read until the other end is closed or its process gone; the last line."""
    # Something that was forked from it without an exec may still hold the other end.
    last = buffer = b''
    while True:
        lives = os.getppid() == parent
        # What it had said before it went counts, also where this process was slow to come.
        if select.select([0], [], [], 1.0 if lives else 0.0)[0]:
            data = os.read(0, 65536)
            if not data:
                break
            *lines, buffer = (buffer + data).split(b'\n')
            last = lines[-1] if lines else last
        elif not lives:
            break
    return last.decode(errors='replace')


def _guard(mark: str, parent: int) -> None:
    """Wait for the end of the process that holds the line; end what it left."""
    words = _listen(parent)
    if words:
        sys.stderr.write(f'\n{words}\n')
        sys.stderr.flush()
    asked: set[int] = set()
    end, quiet = time.monotonic() + GRACE_S, 0
    while quiet < _QUIET_SCANS:
        running = _marked(mark)
        quiet = 0 if running else quiet + 1
        late = time.monotonic() > end
        for pid in running:
            if late or pid not in asked:
                _signal(pid, signal.SIGKILL if late else signal.SIGTERM)
                asked.add(pid)
        time.sleep(_SCAN_S)


if __name__ == '__main__':
    for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(_number, signal.SIG_IGN)
    _guard(sys.argv[1], int(sys.argv[2]))
