# SPDX-License-Identifier: Apache-2.0
"""A dataset's folder and the threads that write to it, in bounded memory; nothing is lost silently."""

from __future__ import annotations

import contextlib
import queue
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from act_ros.data.errors import EpisodeError
from act_ros.data.recording.dataset_folder import FolderLock, unfinished
from act_ros.data.recording.episode_log import Row
from act_ros.data.recording.episode_writer import EpisodeWriter, next_index
from act_ros.data.recording.grid import BASE, COMMAND, RowData
from act_ros.data.recording.log_follower import LogFollower, make
from act_ros.data.recording.open_episode import EpisodeOutcome, OpenEpisode

QUEUE_ROWS = 32
"""Rows that may wait for the encoders and the disk; then rows are lost, counted and shown."""
ENCODERS = 2
MIN_FREE = 512 * 1024**2
"""No episode begins with fewer bytes free."""
SPARE = 128 * 1024**2
"""An episode ends when there is less room: for what is under way, and for the end of its file."""
LOOK_ROWS = 25
"""How often it is looked whether there is room, and the log is still there."""


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
            try:
                lines.append(make('--recover', log))
            except EpisodeError as error:
                lines.append(
                    f'an interrupted recording could not be finished, it stays as {log}: {error}'
                )
        return lines

    def begin(self, first_tick: int, length: int, attrs: Mapping[str, Any]) -> OpenEpisode:
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
        return OpenEpisode(number, writer, LogFollower(writer.log.path), first_tick, length)

    def add(self, episode: OpenEpisode, row: RowData) -> bool:
        """Hand a row to the writer; False where the queue is full and the row lost, which is counted."""
        if self._queue.qsize() >= QUEUE_ROWS:
            episode.dropped += 1
            episode.overflow += 1
            return False
        frames = [
            row.pictures[camera].encoded(self._encoders, self._quality) for camera in self._cameras
        ]
        self._queue.put(lambda: self._append(episode, row, frames))
        episode.rows += 1
        episode.stale += bool(row.stale)
        episode.frozen += bool(row.frozen)
        return True

    def end(self, episode: OpenEpisode, keep: bool, success: bool, why: str = '') -> None:
        """Close an episode after its rows are written; `episode.done` gets the outcome."""
        self._queue.put(lambda: self._close(episode, keep, success, why))

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
        self, episode: OpenEpisode, row: RowData, frames: list[Future[bytes]]
    ) -> EpisodeWriter:
        writer = episode.writer
        if episode.error:
            return writer
        ages = tuple(row.ages_s[camera] for camera in self._cameras)
        others = tuple(row.ages_s[source] for source in self._sources)
        try:
            data = tuple(frame.result() for frame in frames)
            writer.append_row(Row(row.stamp_s, row.vectors, data, ages, others, row.base))
            if writer.rows % LOOK_ROWS == 0:
                self._look(episode)
        except Exception as error:  # whatever it is: the next episode may go well
            episode.error = str(error) or type(error).__name__
        return writer

    def _look(self, episode: OpenEpisode) -> None:
        """Whether the episode can go on."""
        if episode.writer.log.removed:
            episode.error = f'{episode.writer.log.path} was deleted while it was recorded'
        elif (free := self.free) < min(SPARE, self._min_free):
            episode.full = (
                f'{free // 1024**2} MB free in {self.folder}: the episode was ended while there is '
                'room for its file'
            )

    def _close(self, episode: OpenEpisode, keep: bool, success: bool, why: str) -> None:
        cut = max(0, episode.writer.rows - episode.keep_rows) if episode.keep_rows else 0
        lost = {
            'dropped_rows': episode.dropped,
            'overflow_rows': episode.overflow,
            'stale_rows': episode.stale,
            'frozen_rows': episode.frozen,
            'faults': episode.faults,
            'not_measured': sorted(episode.not_measured),
            **({'cut_rows': cut} if cut else {}),
        }
        writer = episode.writer
        wanted = keep and writer.rows > 0
        none = 'the task was not done' if writer.rows else 'it has no rows'
        try:
            if wanted:
                writer.log.restore()
                writer.seal(success, {k: v for k, v in lost.items() if v != []})
        except OSError as error:
            episode.error = episode.error or str(error)
            why = f'not finished, what was recorded is in {writer.log.path}: {episode.error}'
            self._finisher.submit(self._leave, episode, success, why)
        else:
            job = self._finish if wanted else self._discard
            self._finisher.submit(job, episode, success, why or none)

    def _finish(self, episode: OpenEpisode, success: bool, _: str) -> None:
        """The end of an episode that is kept."""
        log = episode.writer.log.path
        try:
            path = episode.follower.result()
        except EpisodeError as error:
            why = f'not finished, it stays as {log}: {error}'
            self._report(episode, success, None, why, failed=True)
            return
        self._report(episode, success, path, '')
        log.unlink(missing_ok=True)

    def _leave(self, episode: OpenEpisode, success: bool, why: str) -> None:
        """The end of an episode that cannot be finished now; the next start tries again."""
        episode.follower.give_up()
        with contextlib.suppress(OSError):
            episode.writer.log.close()
        self._report(episode, success, None, why, failed=True)

    def _discard(self, episode: OpenEpisode, success: bool, why: str) -> None:
        """The end of an episode that is not kept."""
        episode.follower.give_up()
        try:
            episode.writer.discard()
        except OSError as error:
            why += f'; its log {episode.writer.log.path} could not be deleted: {error}'
        self._report(episode, success, None, why)

    def _report(
        self,
        episode: OpenEpisode,
        success: bool,
        path: Path | None,
        why: str,
        failed: bool = False,
    ) -> None:
        rows, dropped = episode.writer.rows, episode.dropped
        rows = min(rows, episode.keep_rows or rows) if path else rows
        number = f'episode {episode.number}'
        text = f'{number}: {rows} rows' if path else f'{number} is not kept: {why}'
        text += f', {dropped} rows lost' if dropped else ''
        text += f', {episode.stale} rows with old data' if episode.stale else ''
        text += f', {episode.frozen} rows with a frozen camera' if episode.frozen else ''
        text += f'; {episode.error}' if episode.error and path else ''
        episode.done.set_result(
            EpisodeOutcome(episode.number, rows, dropped, success, path, text, failed)
        )
