# SPDX-License-Identifier: Apache-2.0
"""Do the times of rows rise as their rate says? Gaps, steps back, drift: for every kind of episode."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

ALOHA_RATE_HZ = 50.0
"""The rate of ALOHA's own files, which don't state it: DT = 0.02 in all of its code bases."""
GAP_PERIODS = 1.5
"""A longer step between two stamps is a gap: at least one row is missing."""
STALE_S = 0.1
"""A row with a frame, joint state or command older than this is stale; recorders count them."""
LONG_GAP_S, RATE_OFF = 0.5, 0.05
"""From here on a gap, or the mean rate's distance from the nominal one, spoils an episode."""
DRIFT_PERIODS = 1.5
"""Rows that, without a gap, are farther from where the rate puts them are said to drift."""


@dataclass
class Findings:
    """What was found in an episode.

    Attributes:
        bad, warn: what spoils it, and what one should know. gaps: those of bad that are rows which are missing.
        measured_hz: the rate by the stamps, gap_s: longest step between two rows, lost: rows missing in
            gaps; None without stamps.
    """

    bad: list[str] = field(default_factory=list)
    warn: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    measured_hz: float | None = None
    gap_s: float | None = None
    lost: int | None = None

    def add(self, bad: Any = (), warn: Any = ()) -> None:
        """Add what else was found."""
        self.bad += bad
        self.warn += warn


def stamp_findings(
    stamp: NDArray[np.float64] | None, rows: int, rate_hz: float | None, what: str = 'stamp'
) -> Findings:
    """Look at the times of rows.

    Args:
        stamp: (rows,) seconds, from wherever they begin; None: the file has none.
        rows: how many there should be.
        rate_hz: nominal; ALOHA's where the file states none.
        what: their name in the file.
    """
    found, rate = Findings(), rate_hz or ALOHA_RATE_HZ
    if stamp is None:
        return found
    if stamp.shape != (rows,):
        found.add([f'{what} has shape {stamp.shape}; expected {rows} rows'])
        return found
    broken = np.flatnonzero(~np.isfinite(stamp))
    if len(broken):
        found.add([f'{what}: {len(broken)} entries not finite, first at tick {broken[0]}'])
        return found
    if rows < 2:
        return found
    steps = np.diff(stamp)
    found.gap_s = float(steps.max())
    back = np.flatnonzero(steps <= 0)
    if len(back):
        found.add(
            [
                f'{what}s do not rise at tick {back[0] + 1} ({steps[back[0]]:+.3f} s): the clock jumped'
            ]
        )
        return found
    found.measured_hz = float((rows - 1) / (stamp[-1] - stamp[0]))
    # Rows that are all as far apart as those of a lower rate have no gaps: the rate is wrong.
    usual = float(np.median(steps))
    period = usual if usual * rate > 1 + RATE_OFF else 1 / rate
    long = np.flatnonzero(steps > GAP_PERIODS * period)
    found.lost = int(np.round(steps[long] / period - 1).sum())
    if len(long):
        worst = int(long[np.argmax(steps[long])])
        text = (
            f'{len(long)} gaps, {found.lost} rows lost; the longest {steps[worst]:.3f} s before tick '
            f'{worst + 1}'
        )
        (found.bad if steps[worst] > LONG_GAP_S else found.warn).append(text)
        found.gaps = list(found.bad)
    if abs(found.measured_hz / rate - 1) > RATE_OFF and not found.bad:
        found.add([f'recorded at {found.measured_hz:.2f} Hz; nominal {rate:g} Hz'])
    by_time, by_count = float(stamp[-1] - stamp[0]), (rows - 1) / rate
    if abs(by_time - by_count) * rate > DRIFT_PERIODS and not (found.bad or found.warn):
        found.add(
            warn=[
                f'{what}s drift: row {rows - 1} is {by_time:.3f} s behind the first; at {rate:g} Hz it would be '
                f'{by_count:.3f} s'
            ]
        )
    return found
