# SPDX-License-Identifier: Apache-2.0
"""The process that draws the film, seen from the simulator: neither physics nor policy wait for it."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from queue import SimpleQueue

from act_ros.nodes.shared.base import Logger
from act_ros.python_process import python_command
from act_ros.sim.film.shot import FPS, Shot

MOST_WAITING = 120 * FPS
"""While more shots than these are to be drawn, no further episode is filmed."""
PROGRAM = 'act_ros.sim.film.film_maker'
_YIELDING = ('nice', '-n', '19')
"""To the inference process as well, which yields to the loop by 10."""
_LEAVE_S = 20.0


class FilmProcess:
    """Takes shots at any rate; a process beside draws them when the processor has time."""

    def __init__(self, path: Path, task: str, episodes: int, logger: Logger) -> None:
        """Begin the film `path` of `episodes` (0: it is open how many); `logger` tells how it goes.

        Raises:
            OSError: its folder cannot be made, or no process be started.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._logger = path, logger
        self._shots: SimpleQueue[Shot | None] = SimpleQueue()
        self._episode, self._left_out = 0, False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        # Ctrl+C in the terminal must not reach it: a blocked signal stays blocked in the child. Not a session
        # of its own: Linux may give each session the same share of the processor, however nice it is.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
        try:
            self._process = subprocess.Popen(
                [*_YIELDING, *python_command(PROGRAM, path, task, episodes)],
                stdin=subprocess.PIPE,
                stderr=self._errors,
                env={**os.environ, 'LP_NUM_THREADS': '1', 'OMP_NUM_THREADS': '1'},
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        self._thread = threading.Thread(target=self._feed, name='film', daemon=True)
        self._thread.start()

    def add(self, shot: Shot) -> None:
        """Hand in a shot; returns at once."""
        if shot.episode != self._episode:
            self._episode = shot.episode
            self._left_out = self._shots.qsize() > MOST_WAITING
            if self._left_out:
                self._logger.warning(
                    f'episode {shot.episode} is not filmed: {MOST_WAITING / FPS:.0f} s of the film '
                    'are still to be drawn'
                )
        if not self._left_out:
            self._shots.put(shot)

    def close(self, ended: bool) -> None:
        """End the film: with all shots if the episodes have `ended`, else with those that are drawn."""
        waiting_s = self._shots.qsize() / FPS
        if not ended:
            self._process.terminate()
            while not self._shots.empty():
                self._shots.get()
        if waiting_s > 1.0:
            what = 'are still to be drawn' if ended else 'were not drawn yet and are left out'
            self._logger.info(f'{waiting_s:.0f} s of the film {self._path} {what}')
        self._shots.put(None)
        self._thread.join(None if ended else _LEAVE_S)
        if self._process.poll() is None:
            self._process.kill()

    def _feed(self) -> None:
        """Body of the thread: one shot after the other into the process, and at last how that ended."""
        assert self._process.stdin is not None
        try:
            while (shot := self._shots.get()) is not None:
                self._process.stdin.write(shot.to_bytes())
                self._process.stdin.flush()
            self._process.stdin.close()
        except OSError:
            pass  # it has ended: that is told below
        with self._errors:
            code = self._process.wait()
            if code not in (0, -signal.SIGTERM):
                self._errors.seek(0)
                said = self._errors.read().decode(errors='replace').strip().splitlines()
                why = said[-1] if said else f'{self._path}: its process ended with {code}'
                self._logger.error(f'the film ends here: {why}')
