# SPDX-License-Identifier: Apache-2.0
"""The processes that make episodes' files of their logs, seen from the recorder."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path
from typing import IO

from act_ros.data.errors import EpisodeError
from act_ros.python_process import python_command

PATIENCE_S, RATE = 60.0, 10e6
"""Patience with a process that makes a file: seconds, and bytes a second besides."""
_LEAVE_S = 5.0


class LogFollower:
    """Makes the file of an episode while its log is written, so that little is left at the end.

    It ends without a file when the recorder does before the log has its end.
    """

    def __init__(self, log: Path) -> None:
        """Begin to follow `log`; where no process can be started, the file is made at the end."""
        self._log = log
        try:
            self._process: subprocess.Popen[str] | None = _start(
                '--follow', log, stdin=subprocess.PIPE
            )
        except OSError:
            self._process = None

    def result(self) -> Path:
        """Wait for the file of a log that has its end.

        What the follower did not manage, because it was killed, say, is done again from the log.

        Raises:
            EpisodeError: there is none, and why.
        """
        if self._process is not None:
            with contextlib.suppress(EpisodeError):
                return Path(_end_of(self._process, self._log))
        return Path(make(self._log))

    def give_up(self) -> None:
        """End it; it leaves no file."""
        if self._process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=_LEAVE_S)
        self._process.kill()
        self._process.wait()
        self._log.with_suffix('.partial').unlink(missing_ok=True)


def make(*arguments: str | Path) -> str:
    """Run `log_to_hdf5` with these arguments; what it printed.

    Raises:
        EpisodeError: it failed, and why.
    """
    try:
        process = _start(*arguments)
    except OSError as error:
        raise EpisodeError(str(error)) from error
    return _end_of(process, Path(arguments[-1]))


def _start(
    *arguments: str | Path, stdin: int | IO[str] = subprocess.DEVNULL
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        python_command('act_ros.data.recording.log_to_hdf5', *arguments),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, 'OPENBLAS_NUM_THREADS': '1'},
        start_new_session=True,  # so that Ctrl+C in the terminal doesn't reach it
    )


def _end_of(process: subprocess.Popen[str], log: Path) -> str:
    late = ''
    try:
        patience = PATIENCE_S + log.stat().st_size / RATE
        out, errors = process.communicate(timeout=patience)
    except (OSError, subprocess.TimeoutExpired) as error:
        late = str(error)
        process.kill()
        out, errors = process.communicate()  # it may have come to its end all the same
    if process.returncode == 0 and out.strip():
        return out.strip()
    raise EpisodeError(late or errors.strip() or f'the process ended with {process.returncode}')
