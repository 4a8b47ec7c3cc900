# SPDX-License-Identifier: Apache-2.0
"""A dataset's folder and the threads that write to it, in bounded memory; nothing is lost silently."""

from __future__ import annotations

import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from act_ros.data.episode import EpisodeError, EpisodeWriter, next_index
from act_ros.data.folder import FolderLock, unfinished
from act_ros.data.grid import COMMAND, RowData
from act_ros.data.rows import Row

QUEUE_ROWS = 32
"""Rows that may wait for the encoders and the disk; then rows are lost, counted and shown."""
ENCODERS = 2
MIN_FREE = 512 * 1024**2
"""No episode begins with fewer bytes free."""
SPARE = 64 * 1024**2
"""An episode ends while there is still room for its file, which is as long as its log, and this."""
FINISH_S, FINISH_RATE = 60.0, 10e6
"""Patience with the process that finishes a file: seconds, and bytes a second besides."""
MOST_FAULTS = 50


@dataclass(frozen=True)
class Outcome:
    """How an episode ended: its number, rows, rows lost, and its file; None where it wasn't kept."""

    number: int
    rows: int
    dropped: int
    success: bool
    path: Path | None
    message: str


@dataclass
class Session:
    """The open episode. `rows` counts those handed to the writer; `verdict`: (keep, success)."""

    number: int
    writer: EpisodeWriter
    first_tick: int
    length: int
    end_tick: int | None = None
    rows: int = 0
    dropped: int = 0
    overflow: int = 0
    stale: int = 0
    faults: list[str] = field(default_factory=list)
    done: Future[Outcome] = field(default_factory=Future)
    error: str = ''
    full: str = ''
    verdict: tuple[bool, bool] | None = None

    def due(self, tick: int) -> bool:
        """Whether the episode is over at `tick`."""
        full = self.length > 0 and self.rows + self.dropped >= self.length
        return full or bool(self.full) or (self.end_tick is not None and tick >= self.end_tick)

    def mark(self, fault: str) -> bool:
        """Note a fault in the episode's attributes; whether it is a new one."""
        text = f'row {self.rows}: {fault}'
        if text in self.faults or len(self.faults) >= MOST_FAULTS:
            return False
        self.faults.append(text)
        return True


class Archive:
    """A dataset's folder: episodes are begun, given rows, ended; files are made by another process."""

    def __init__(
        self,
        folder: Path,
        joint_names: Sequence[str],
        arms: Sequence[str],
        cameras: Sequence[str],
        quality: int,
        min_free: int = MIN_FREE,
    ) -> None:
        """Take the folder for this process; `quality` of the JPEGs, or `rows.RAW`.

        Raises:
            EpisodeError: another recorder has it.
            OSError: it cannot be made or written.
        """
        self.folder = folder
        self._lock = FolderLock(folder)
        self._joint_names, self._cameras, self._quality = joint_names, cameras, quality
        self._arms, self._min_free = tuple(arms), min_free
        self._sources = (*(f'observations/joint_age/{arm}' for arm in arms), 'action_age')
        self._encoders = ThreadPoolExecutor(ENCODERS, 'encoder')
        self._queue: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._write, name='writer', daemon=True)
        self._thread.start()
        self._finisher = ThreadPoolExecutor(1, 'finisher')

    @property
    def waiting(self) -> int:
        """Rows that wait to be written."""
        return self._queue.qsize()

    @property
    def free(self) -> int:
        """Bytes free on the disk; 0 where the folder is gone."""
        try:
            return shutil.disk_usage(self.folder).free
        except OSError:
            return 0

    def recover(self) -> list[str]:
        """Finish or set aside what an interrupted recorder left; a line on each for a person."""
        lines = []
        for log in unfinished(self.folder):
            line, why = _finish('--recover', log)
            stays = f'an interrupted recording could not be finished, it stays as {log}: {why}'
            lines.append(line or stays)
        return lines

    def begin(self, first_tick: int, length: int, attrs: Mapping[str, Any]) -> Session:
        """Open the next episode; its rows begin at `first_tick`, at most `length` of them (0: any).

        Raises:
            EpisodeError: too little room on the disk.
            OSError: the folder cannot be written.
        """
        free = shutil.disk_usage(self.folder).free
        if free < self._min_free:
            raise EpisodeError(
                f'only {free // 1024**2} MB free in {self.folder}, {self._min_free // 1024**2} MB '
                'are needed; make room or record elsewhere'
            )
        number = next_index(self.folder)
        path = self.folder / f'episode_{number}.hdf5'
        writer = EpisodeWriter(
            path, self._joint_names, self._cameras, attrs, self._quality, self._sources
        )
        return Session(number, writer, first_tick, length)

    def add(self, session: Session, row: RowData) -> bool:
        """Hand a row to the writer; False where the queue is full and the row lost, which is counted."""
        if self._queue.qsize() >= QUEUE_ROWS:
            session.dropped += 1
            session.overflow += 1
            return False
        frames = [
            row.pictures[camera].encoded(self._encoders, self._quality) for camera in self._cameras
        ]
        self._queue.put(lambda: self._append(session, row, frames))
        session.rows += 1
        session.stale += bool(row.stale)
        return True

    def end(self, session: Session, keep: bool, success: bool, why: str = '') -> None:
        """Close an episode after its rows are written; `session.done` gets the outcome."""
        self._queue.put(lambda: self._close(session, keep, success, why))

    def close(self) -> None:
        """Write and finish everything that is under way, then give the folder back."""
        self._queue.put(None)
        self._thread.join()
        self._finisher.shutdown()
        self._encoders.shutdown()
        self._lock.release()

    def _write(self) -> None:
        while (job := self._queue.get()) is not None:
            job()

    def _append(self, session: Session, row: RowData, frames: list[Future[bytes]]) -> None:
        if session.error:
            return
        ages = tuple(row.ages_s[camera] for camera in self._cameras)
        others = tuple(row.ages_s[source] for source in (*self._arms, COMMAND))
        try:
            data = tuple(frame.result() for frame in frames)
            session.writer.append_row(Row(row.stamp_s, row.vectors, data, ages, others))
        except (OSError, EpisodeError) as error:
            session.error = str(error)
            return
        if session.writer.rows % 25 == 0 and not session.full:
            free = self.free
            if free < session.writer.size + min(SPARE, self._min_free):
                session.full = (
                    f'{free // 1024**2} MB free in {self.folder}: the episode was ended while there is '
                    'room for its file'
                )

    def _close(self, session: Session, keep: bool, success: bool, why: str) -> None:
        lost = {
            'dropped_rows': session.dropped,
            'overflow_rows': session.overflow,
            'stale_rows': session.stale,
            'faults': session.faults,
        }
        path = session.writer.path
        try:
            if session.error:
                why = f'not finished, what was recorded is in {path}.log: {session.error}'
                self._report(session, success, None, why)
            elif keep and session.writer.rows:
                log = session.writer.seal(success, {k: v for k, v in lost.items() if v != []})
                self._finisher.submit(self._finish, session, success, log)
            else:
                session.writer.discard()
                none = 'the task was not done' if session.writer.rows else 'it has no rows'
                self._report(session, success, None, why or none)
        except OSError as error:
            self._report(session, success, None, f'not finished: {error}')

    def _finish(self, session: Session, success: bool, log: Path) -> None:
        path, why = _finish(log)
        why = f'not finished, it stays as {log}: {why}' if why else ''
        self._report(session, success, Path(path) if path else None, why)

    def _report(self, session: Session, success: bool, path: Path | None, why: str) -> None:
        rows, dropped = session.writer.rows, session.dropped
        number = f'episode {session.number}'
        text = f'{number}: {rows} rows' if path else f'{number} is not kept: {why}'
        text += f', {dropped} rows lost' if dropped else ''
        text += f', {session.stale} rows with old data' if session.stale else ''
        session.done.set_result(Outcome(session.number, rows, dropped, success, path, text))


def _finish(*arguments: str | Path) -> tuple[str, str]:
    """Run `data.finish` in a process of its own; returns what it printed, or '' and why it failed."""
    command = [sys.executable, '-m', 'act_ros.data.finish', *map(str, arguments)]
    try:
        patience = FINISH_S + Path(arguments[-1]).stat().st_size / FINISH_RATE
        # A session of its own, so that Ctrl+C in the terminal doesn't reach it.
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=patience, start_new_session=True
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return '', str(error)
    if done.returncode == 0:
        return done.stdout.strip(), ''
    return '', done.stderr.strip() or f'the process ended with {done.returncode}'
