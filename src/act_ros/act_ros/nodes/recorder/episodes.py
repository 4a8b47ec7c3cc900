# SPDX-License-Identifier: Apache-2.0
"""The recorder's episodes: the one that is open, and how many were kept or thrown away before."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

from rclpy.node import Node

from act_ros.data.errors import EpisodeError
from act_ros.data.recording.archive import Archive
from act_ros.data.recording.grid import RowData
from act_ros.data.recording.open_episode import EpisodeOutcome, OpenEpisode
from act_ros.data.spoilt import SLOW
from act_ros.nodes.recorder.kept_episodes import KeptEpisodes

CLOSE_S, LONG_S = 5.0, 60.0
"""How long a service waits for an episode's last rows, and for its file."""
INTERRUPTED = 'the recording was interrupted before its end'
"""Neither done nor failed: nobody knows what would have come of it."""


class Episodes:
    """Opens, fills and ends episodes. `lock` guards all of it; a method says where it has to be held.

    Attributes:
        open: the open episode, if any.
        tick: the control tick that was recorded last.
        success: whether the simulated task was done in the open episode.
        fault: why the last episode failed or none could be opened; '' once one is.
        message: what happened last, one line for a person.
        failed: episodes thrown away.
        finishing: episodes that are being written to their files.
    """

    def __init__(
        self,
        node: Node,
        archive: Archive,
        attrs: Mapping[str, Any],
        wanted: int,
        keeps_failures: bool,
        enough: Callable[[], object],
    ) -> None:
        """Write into `archive`.

        Args:
            node: says what happens, and serves what changes the last episode.
            archive: the dataset's folder.
            attrs: of every episode; with `rate_hz`.
            wanted: episodes to keep, then `enough` is called; 0: no end.
            keeps_failures: whether an episode without a verdict is kept without success.
            enough: called from another thread.
        """
        self.lock = threading.Lock()
        self.archive, self.wanted = archive, wanted
        self.open: OpenEpisode | None = None
        self.tick = self.failed = self.finishing = 0
        self.success = False
        self.fault = self.message = ''
        self.kept = KeptEpisodes(node, self.say)
        self._log, self._attrs, self._enough = node.get_logger(), attrs, enough
        self._keeps_failures = keeps_failures
        self._losing_until = -1  # the tick; a second after the last row that was lost

    @property
    def losing(self) -> bool:
        """Whether the disk is too slow: a row was lost within the last second."""
        return self.tick < self._losing_until

    @property
    def complete(self) -> bool:
        """Whether enough are kept, if those that are being finished are."""
        return 0 < self.wanted <= len(self.kept) + self.finishing

    def say(self, text: str, fault: bool = False) -> None:
        """Tell a person."""
        self.message = text
        if fault:  # a line each: rclpy holds a place in the code to one severity
            self._log.error(text)
        else:
            self._log.info(text)

    def begin(self, task: str, seed: int, first_tick: int, length: int) -> OpenEpisode:
        """Open an episode. Hold the lock.

        Raises:
            EpisodeError: too little room on the disk, another recorder has the folder.
            OSError: the folder cannot be written.
        """
        attrs = {'task': task, **self._attrs, **({'seed': seed} if seed >= 0 else {})}
        try:
            self.open = self.archive.begin(first_tick, length, attrs)
        except (EpisodeError, OSError) as error:
            self.fault = str(error)
            self.say(f'cannot record: {error}', fault=True)
            raise
        self.success, self.fault, self._losing_until = False, '', -1
        self.open.done.add_done_callback(lambda done: self._ended(done.result()))
        return self.open

    def add(self, episode: OpenEpisode, row: RowData) -> None:
        """Record a row. Hold the lock."""
        if self.archive.add(episode, row):
            return
        if not self.losing:
            self.mark(episode, SLOW)
        self._losing_until = self.tick + round(self._attrs['rate_hz'])

    def mark(self, episode: OpenEpisode, fault: str, where: str = '') -> None:
        """Note a fault in an episode, and say it if it is new. Hold the lock."""
        if episode.mark(fault):
            self.say(f'episode {episode.number}{where}: {fault}', fault=True)

    def over(self, episode: OpenEpisode) -> None:
        """End an episode that is full, at its end, or cannot go on. Hold the lock."""
        self.fault = episode.error or episode.full
        if self.fault:
            episode.mark(self.fault)
            self.say(f'episode {episode.number}: {self.fault}', fault=True)
        keep, success = self.verdict(episode, whole=not self.fault, keep=bool(self.fault))
        self.end(episode, keep, success and not self.fault)

    def verdict(
        self, episode: OpenEpisode, whole: bool = False, keep: bool = False
    ) -> tuple[bool, bool]:
        """Whether an episode is kept, and whether it is a success.

        What was neither stopped nor became `whole` is a success only if the simulator says so.
        `keep`: where nobody has said otherwise.
        """
        if episode.verdict and (whole or episode.end_tick is not None):
            return episode.verdict
        keep = keep or self.success or self._keeps_failures or episode.verdict is not None
        return keep, self.success

    def end(self, episode: OpenEpisode, keep: bool, success: bool, why: str = '') -> None:
        """Close the open episode. Hold the lock."""
        self.open, self._losing_until = None, -1
        self.finishing += 1
        self.archive.end(episode, keep, success, why)

    def outcome(self, episode: OpenEpisode | None) -> EpisodeOutcome | None:
        """Wait for what becomes of an episode that is about to be closed; None where it takes too long."""
        if episode is None:
            return None
        try:
            return episode.done.result(timeout=CLOSE_S)
        except FutureTimeoutError:  # a clock that stands still brings no tick that would end it
            with self.lock:
                if self.open is episode:
                    self.end(episode, *(episode.verdict or (False, False)))
        with contextlib.suppress(FutureTimeoutError):
            return episode.done.result(timeout=LONG_S)
        return None

    def close(self) -> None:
        """End the open episode and wait until everything is on the disk."""
        with self.lock:
            if self.open:
                # A simulator that ends after its last episode ends this, too: what was done is done.
                keep, success = self.verdict(self.open)
                if not success and self.open.end_tick is None:
                    self.open.mark(INTERRUPTED)
                self.end(self.open, keep, success, '' if success else 'it was interrupted')
        self.archive.close()

    def _ended(self, outcome: EpisodeOutcome) -> None:
        """An episode is on the disk, or isn't; called by the thread that wrote it."""
        if outcome.path is None:
            self.failed += 1
        else:
            self.kept.add(outcome.number, outcome.path, outcome.success)
        with self.lock:
            self.finishing -= 1
        kept = len(self.kept)
        of = f' ({kept} of {self.wanted})' if self.wanted else f' ({kept} kept)'
        if outcome.failed:
            self.fault = outcome.message
        self.say(outcome.message + of, fault=outcome.failed)
        if 0 < self.wanted <= kept:
            self._enough()
