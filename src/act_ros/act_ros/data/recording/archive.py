# SPDX-License-Identifier: Apache-2.0
"""A dataset's folder and the threads that write to it, in bounded memory; nothing is lost silently."""

from __future__ import annotations

import contextlib
import queue
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from act_ros.data.errors import EpisodeError
from act_ros.data.recording.dataset_folder import FolderLock, unfinished
from act_ros.data.recording.episode_log import Row
from act_ros.data.recording.episode_writer import EpisodeWriter, next_index
from act_ros.data.recording.grid import BASE, COMMAND, RowData
from act_ros.data.recording.log_follower import Follower, make

QUEUE_ROWS = 32
"""Rows that may wait for the encoders and the disk; then rows are lost, counted and shown."""
ENCODERS = 2
MIN_FREE = 512 * 1024**2
"""No episode begins with fewer bytes free."""
SPARE = 128 * 1024**2
"""An episode ends when there is less room: for what is under way, and for the end of its file."""
LOOK_ROWS = 25
"""How often it is looked whether there is room, and the log is still there."""
MOST_FAULTS = 50


@dataclass(frozen=True)
class Outcome:
    """How an episode ended: its number, rows, rows lost, and its file; None where it wasn't kept.

    `failed`: it was to be kept, and is not.
    """

    number: int
    rows: int
    dropped: int
    success: bool
    path: Path | None
    message: str
    failed: bool = False


@dataclass
class Session:
    """The open episode. `rows` counts those handed to the writer; `verdict`: (keep, success).

    `error`: why no more rows can be written; `full`: why it should end now. `keep_rows`: its file gets
    so many rows at most (0: all). `not_measured`: what is 0 in its rows since no driver sends it.
    """

    number: int
    writer: EpisodeWriter
    follower: Follower
    first_tick: int
    length: int
    end_tick: int | None = None
    rows: int = 0
    dropped: int = 0
    overflow: int = 0
    stale: int = 0
    frozen: int = 0
    faults: list[str] = field(default_factory=list)
    not_measured: set[str] = field(default_factory=set)
    done: Future[Outcome] = field(default_factory=Future)
    error: str = ''
    full: str = ''
    verdict: tuple[bool, bool] | None = None
    keep_rows: int = 0

    def due(self, tick: int) -> bool:
        """Whether the episode is over at `tick`."""
        whole = self.length > 0 and self.rows + self.dropped >= self.length
        over = self.end_tick is not None and tick >= self.end_tick
        return whole or over or bool(self.full or self.error)

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
        base: bool = False,
    ) -> None:
        """Take the folder for this process; `quality` of the JPEGs, or `episode_log.RAW`.

        `base`: rows have the velocities of a mobile base, too.

        Raises:
            EpisodeError: another recorder has it.
            OSError: it cannot be made or written.
        """
        self.folder = folder
        self._lock = FolderLock(folder)
        self._joint_names, self._cameras, self._quality = joint_names, cameras, quality
        self._min_free, self._base = min_free, base
        self._sources = {arm: f'observations/joint_age/{arm}' for arm in arms}
        self._sources |= {COMMAND: 'action_age', **({BASE: 'base_age'} if base else {})}
        self._encoders = ThreadPoolExecutor(ENCODERS, 'encoder')
        self._queue: queue.Queue[Callable[[], EpisodeWriter | None] | None] = queue.Queue()
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

    @property
    def next_number(self) -> int:
        """Number of the next episode."""
        return next_index(self.folder) if self.folder.is_dir() else 0

    def recover(self) -> list[str]:
        """Finish or set aside what an interrupted recorder left; a line on each for a person."""
        lines = []
        for log in unfinished(self.folder):
            line, why = make('--recover', log)
            stays = f'an interrupted recording could not be finished, it stays as {log}: {why}'
            lines.append(line or stays)
        return lines

    def begin(self, first_tick: int, length: int, attrs: Mapping[str, Any]) -> Session:
        """Open the next episode; its rows begin at `first_tick`, at most `length` of them (0: any).

        Raises:
            EpisodeError: too little room on the disk; another recorder has taken the folder.
            OSError: the folder cannot be written.
        """
        self._lock.hold()
        free = shutil.disk_usage(self.folder).free
        if free < self._min_free:
            raise EpisodeError(
                f'only {free // 1024**2} MB free in {self.folder}, {self._min_free // 1024**2} MB '
                'are needed; make room or record elsewhere'
            )
        number = next_index(self.folder)
        path = self.folder / f'episode_{number}.hdf5'
        sources = tuple(self._sources.values())
        writer = EpisodeWriter(
            path, self._joint_names, self._cameras, attrs, self._quality, sources, self._base
        )
        return Session(number, writer, Follower(writer.log.path), first_tick, length)

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
        session.frozen += bool(row.frozen)
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
        open_log: EpisodeWriter | None = None
        while True:
            try:
                job = self._queue.get(timeout=0.25)
            except queue.Empty:
                if open_log is not None:
                    with contextlib.suppress(OSError):  # the next row says it
                        open_log.log.sync()
                continue
            if job is None:
                return
            open_log = job()

    def _append(
        self, session: Session, row: RowData, frames: list[Future[bytes]]
    ) -> EpisodeWriter:
        writer = session.writer
        if session.error:
            return writer
        ages = tuple(row.ages_s[camera] for camera in self._cameras)
        others = tuple(row.ages_s[source] for source in self._sources)
        try:
            data = tuple(frame.result() for frame in frames)
            writer.append_row(Row(row.stamp_s, row.vectors, data, ages, others, row.base))
            if writer.rows % LOOK_ROWS == 0:
                self._look(session)
        except Exception as error:  # whatever it is: the next episode may go well
            session.error = str(error) or type(error).__name__
        return writer

    def _look(self, session: Session) -> None:
        """Whether the episode can go on."""
        if session.writer.log.removed:
            session.error = f'{session.writer.log.path} was deleted while it was recorded'
        elif (free := self.free) < min(SPARE, self._min_free):
            session.full = (
                f'{free // 1024**2} MB free in {self.folder}: the episode was ended while there is '
                'room for its file'
            )

    def _close(self, session: Session, keep: bool, success: bool, why: str) -> None:
        cut = max(0, session.writer.rows - session.keep_rows) if session.keep_rows else 0
        lost = {
            'dropped_rows': session.dropped,
            'overflow_rows': session.overflow,
            'stale_rows': session.stale,
            'frozen_rows': session.frozen,
            'faults': session.faults,
            'not_measured': sorted(session.not_measured),
            **({'cut_rows': cut} if cut else {}),
        }
        writer = session.writer
        wanted = keep and writer.rows > 0
        none = 'the task was not done' if writer.rows else 'it has no rows'
        try:
            if wanted:
                writer.log.restore()
                writer.seal(success, {k: v for k, v in lost.items() if v != []})
        except OSError as error:
            session.error = session.error or str(error)
            why = f'not finished, what was recorded is in {writer.log.path}: {session.error}'
            self._finisher.submit(self._leave, session, success, why)
        else:
            job = self._finish if wanted else self._discard
            self._finisher.submit(job, session, success, why or none)

    def _finish(self, session: Session, success: bool, _: str) -> None:
        """The end of an episode that is kept."""
        log = session.writer.log.path
        path, why = session.follower.result()
        why = f'not finished, it stays as {log}: {why}' if why else ''
        self._report(session, success, Path(path) if path else None, why, failed=not path)
        if path:
            log.unlink(missing_ok=True)

    def _leave(self, session: Session, success: bool, why: str) -> None:
        """The end of an episode that cannot be finished now; the next start tries again."""
        session.follower.give_up()
        with contextlib.suppress(OSError):
            session.writer.log.close()
        self._report(session, success, None, why, failed=True)

    def _discard(self, session: Session, success: bool, why: str) -> None:
        """The end of an episode that is not kept."""
        session.follower.give_up()
        try:
            session.writer.discard()
        except OSError as error:
            why += f'; its log {session.writer.log.path} could not be deleted: {error}'
        self._report(session, success, None, why)

    def _report(
        self, session: Session, success: bool, path: Path | None, why: str, failed: bool = False
    ) -> None:
        rows, dropped = session.writer.rows, session.dropped
        rows = min(rows, session.keep_rows or rows) if path else rows
        number = f'episode {session.number}'
        text = f'{number}: {rows} rows' if path else f'{number} is not kept: {why}'
        text += f', {dropped} rows lost' if dropped else ''
        text += f', {session.stale} rows with old data' if session.stale else ''
        text += f', {session.frozen} rows with a frozen camera' if session.frozen else ''
        text += f'; {session.error}' if session.error and path else ''
        session.done.set_result(
            Outcome(session.number, rows, dropped, success, path, text, failed)
        )
