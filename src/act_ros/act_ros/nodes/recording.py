# SPDX-License-Identifier: Apache-2.0
"""Recording without ROS: rows out of what was heard, and episodes written by threads of their own."""

from __future__ import annotations

import queue
import shutil
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from act_ros.data.episode import EpisodeError, EpisodeWriter, next_index
from act_ros.data.folder import FolderLock, unfinished
from act_ros.robot.types import Floats, Frame

T = TypeVar('T')
MAX_AGE_S = 1.0
"""A source that has been silent for longer has no value for a row."""
STALE_S = 0.1
"""A row with a frame or joint state older than this is counted as stale."""
QUEUE_ROWS = 64
"""Rows that may wait for the disk; then rows are lost, counted and shown."""
MIN_FREE = 512 * 1024**2
"""No episode begins with fewer bytes free."""
FINISH_S = 60.0


class History(Generic[T]):
    """The last values of one source with their stamps, oldest first."""

    def __init__(self, length: int) -> None:
        """Keep `length` values."""
        self._values: deque[tuple[float, T]] = deque(maxlen=length)

    def add(self, stamp_s: float, value: T) -> None:
        """Take in a value; one that is older than the newest is ignored."""
        if not self._values or stamp_s > self._values[-1][0]:
            self._values.append((stamp_s, value))

    def at(self, time_s: float) -> tuple[float, T] | None:
        """The newest value that isn't newer than `time_s`, with its age; None if it is too old."""
        for stamp_s, value in reversed(self._values):
            if stamp_s <= time_s + 1e-6:
                age = time_s - stamp_s
                return (max(age, 0.0), value) if age <= MAX_AGE_S else None
        return None

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()


@dataclass(frozen=True)
class RowData:
    """A row before it is encoded: vectors (14,), frames (H, W, 3) and their ages by camera."""

    stamp_s: float
    qpos: Floats
    qvel: Floats
    effort: Floats
    action: Floats
    images: Mapping[str, Frame]
    ages_s: Mapping[str, float]
    stale: bool


class Heard:
    """What was heard of every source. Not thread-safe: hold a lock."""

    def __init__(self, arms: Sequence[str], cameras: Sequence[str], rate_hz: float) -> None:
        """Expect these follower arms and cameras, and commands."""
        self._rate_hz = rate_hz
        self.joints: dict[str, History[tuple[Floats, Floats, Floats]]] = {
            arm: History(100) for arm in arms
        }
        self.frames: dict[str, History[Frame]] = {camera: History(20) for camera in cameras}
        self.commands: History[Floats] = History(50)

    def row(self, tick: int) -> RowData | list[str]:
        """The row of a tick: of each source the newest that isn't newer; or the sources that lack."""
        time_s = tick / self._rate_hz
        joints = {arm: history.at(time_s) for arm, history in self.joints.items()}
        frames = {camera: history.at(time_s) for camera, history in self.frames.items()}
        command = self.commands.at(time_s)
        lacking = [name for name, value in {**joints, **frames}.items() if value is None]
        if lacking or command is None:
            return [*lacking, *([] if command else ['act/command'])]
        qpos, qvel, effort = (
            np.concatenate([value[1][i] for value in joints.values() if value]) for i in range(3)
        )
        ages = {camera: value[0] for camera, value in frames.items() if value}
        oldest = max(
            [*ages.values(), *(value[0] for value in joints.values() if value), command[0]]
        )
        images = {camera: value[1] for camera, value in frames.items() if value}
        stale = oldest > STALE_S
        return RowData(time_s, qpos, qvel, effort, command[1], images, ages, stale)


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
    stale: int = 0
    done: Future[Outcome] = field(default_factory=Future)
    error: str = ''
    verdict: tuple[bool, bool] | None = None

    def due(self, tick: int) -> bool:
        """Whether the episode is over at `tick`."""
        full = self.length > 0 and self.rows + self.dropped >= self.length
        return full or (self.end_tick is not None and tick >= self.end_tick)


class Archive:
    """A dataset's folder and the threads that write to it."""

    def __init__(
        self, folder: Path, joint_names: Sequence[str], cameras: Sequence[str], quality: int
    ) -> None:
        """Take the folder for this process.

        Raises:
            EpisodeError: another recorder has it.
            OSError: it cannot be made or written.
        """
        self.folder = folder
        self._lock = FolderLock(folder)
        self._joint_names, self._cameras, self._quality = joint_names, cameras, quality
        self._queue: queue.Queue[Callable[[], None] | None] = queue.Queue(QUEUE_ROWS)
        self._thread = threading.Thread(target=self._write, name='writer', daemon=True)
        self._thread.start()
        self._finisher = ThreadPoolExecutor(1, 'finisher')

    @property
    def waiting(self) -> int:
        """Rows that wait to be written."""
        return self._queue.qsize()

    @property
    def free(self) -> int:
        """Bytes free on the disk."""
        return shutil.disk_usage(self.folder).free

    def recover(self) -> list[str]:
        """Finish what an interrupted recorder left, into `interrupted/`; a line on each for a person."""
        lines = []
        for log in unfinished(self.folder):
            aside = self.folder / 'interrupted'
            aside.mkdir(exist_ok=True)
            path, why = _finish(log, aside)
            lines.append(
                f'an interrupted recording was finished and set aside as {path}'
                if path
                else f'an interrupted recording could not be finished, it stays as {log}: {why}'
            )
        return lines

    def begin(self, first_tick: int, length: int, attrs: Mapping[str, Any]) -> Session:
        """Open the next episode; its rows begin at `first_tick`, at most `length` of them (0: any).

        Raises:
            EpisodeError: too little room on the disk.
            OSError: the folder cannot be written.
        """
        if self.free < MIN_FREE:
            raise EpisodeError(
                f'only {self.free // 1024**2} MB free in {self.folder}, {MIN_FREE // 1024**2} MB '
                'are needed; make room or record elsewhere'
            )
        number = next_index(self.folder)
        path = self.folder / f'episode_{number}.hdf5'
        writer = EpisodeWriter(path, self._joint_names, self._cameras, attrs, self._quality)
        return Session(number, writer, first_tick, length)

    def add(self, session: Session, row: RowData) -> None:
        """Hand a row to the writer; one that finds the queue full is lost, and counted."""
        try:
            self._queue.put_nowait(lambda: self._append(session, row))
        except queue.Full:
            session.dropped += 1
        else:
            session.rows += 1
            session.stale += row.stale

    def end(self, session: Session, keep: bool, success: bool, why: str = '') -> None:
        """Close an episode after its rows are written; `session.done` gets the outcome."""
        self._queue.put(lambda: self._close(session, keep, success, why))

    def close(self) -> None:
        """Write and finish everything that is under way, then give the folder back."""
        self._queue.put(None)
        self._thread.join()
        self._finisher.shutdown()
        self._lock.release()

    def _write(self) -> None:
        while (job := self._queue.get()) is not None:
            job()

    def _append(self, session: Session, row: RowData) -> None:
        if session.error:
            return
        try:
            session.writer.append(
                row.qpos, row.qvel, row.effort, row.action, row.images, row.stamp_s, row.ages_s
            )
        except (OSError, EpisodeError) as error:
            session.error = str(error)

    def _close(self, session: Session, keep: bool, success: bool, why: str) -> None:
        lost = {'dropped_rows': session.dropped, 'stale_rows': session.stale}
        path = session.writer.path
        try:
            if session.error:
                why = f'not finished, what was recorded is in {path}.log: {session.error}'
                self._report(session, success, None, why)
            elif keep and session.writer.rows:
                log = session.writer.seal(success, lost)
                self._finisher.submit(self._finish, session, success, log)
            else:
                session.writer.discard()
                none = 'the task was not done' if session.writer.rows else 'it has no rows'
                self._report(session, success, None, why or none)
        except OSError as error:
            self._report(session, success, None, f'not finished: {error}')

    def _finish(self, session: Session, success: bool, log: Path) -> None:
        path, why = _finish(log, None)
        self._report(
            session, success, path, f'not finished, it stays as {log}: {why}' if why else ''
        )

    def _report(self, session: Session, success: bool, path: Path | None, why: str) -> None:
        rows, dropped = session.writer.rows, session.dropped
        number = f'episode {session.number}'
        text = f'{number}: {rows} rows' if path else f'{number} is not kept: {why}'
        text += f', {dropped} rows lost' if dropped else ''
        text += f', {session.stale} rows with old data' if session.stale else ''
        session.done.set_result(Outcome(session.number, rows, dropped, success, path, text))


def _finish(log: Path, into: Path | None) -> tuple[Path | None, str]:
    """Finish a log in a process of its own; returns the file, or None and why not."""
    command = [
        sys.executable,
        '-m',
        'act_ros.data.finish',
        str(log),
        *([str(into)] if into else []),
    ]
    try:
        # A session of its own, so that Ctrl+C in the terminal doesn't reach it.
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=FINISH_S, start_new_session=True
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    if done.returncode == 0:
        return Path(done.stdout.strip()), ''
    return None, done.stderr.strip() or f'the process ended with {done.returncode}'
