# SPDX-License-Identifier: Apache-2.0
"""The episode that is being recorded, and what becomes of it."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from act_ros.data.recording.episode_writer import EpisodeWriter
from act_ros.data.recording.log_follower import LogFollower
from act_ros.data.spoilt import spoiling_kind

MOST_FAULTS = 50
"""Of those that are noted as they come; after them so many kinds that spoil an episode at most."""


@dataclass(frozen=True)
class EpisodeOutcome:
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
class OpenEpisode:
    """The open episode. `rows` counts those handed to the writer; `verdict`: (keep, success).

    `error`: why no more rows can be written; `full`: why it should end now. `keep_rows`: its file gets
    so many rows at most (0: all). `not_measured`: what is 0 in its rows since no driver sends it.
    """

    number: int
    writer: EpisodeWriter
    follower: LogFollower
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
    done: Future[EpisodeOutcome] = field(default_factory=Future)
    error: str = ''
    full: str = ''
    verdict: tuple[bool, bool] | None = None
    keep_rows: int = 0
    _kinds: set[str] = field(default_factory=set)

    def due(self, tick: int) -> bool:
        """Whether the episode is over at `tick`."""
        whole = self.length > 0 and self.rows + self.dropped >= self.length
        over = self.end_tick is not None and tick >= self.end_tick
        return whole or over or bool(self.full or self.error)

    def mark(self, fault: str) -> bool:
        """Note a fault in the episode's attributes; whether it is a new one.

        Where there are many, still the first of each kind that makes the episode none to learn from.
        """
        text, kind = f'row {self.rows}: {fault}', spoiling_kind(fault)
        spoils_anew = (
            kind is not None and kind not in self._kinds and len(self._kinds) < MOST_FAULTS
        )
        if text in self.faults or (len(self.faults) >= MOST_FAULTS and not spoils_anew):
            return False
        self.faults.append(text)
        if kind is not None:
            self._kinds.add(kind)
        return True
