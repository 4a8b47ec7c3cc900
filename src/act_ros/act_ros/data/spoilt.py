# SPDX-License-Identifier: Apache-2.0
"""What a recorder has marked in an episode that makes it no example to learn from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from act_ros.data.times import ALOHA_RATE_HZ

LACKING, OLD, FROZEN = 'nothing from', 'old:', 'frozen:'
SLOW = 'rows are lost: the disk or the encoders are too slow'
"""How a recorder's faults begin that it also counts, by rows: it is the count that decides."""
DOUBTED = 'not to be believed:'
"""The others spoil an episode, however long they took: what was recorded may not be what was."""
LOST_SHARE = 0.05
"""Of an episode's rows; above it they are many."""
LOST_S, LOST_SHARE_LONG = 1.0, 0.01
"""So long a loss, in all, is one that matters, unless the episode is very long."""
FROZEN_S = 1.0
"""A camera that stood for longer has shown what was not there any more."""
OLD_S = 1.0
"""Rows whose pictures or joints were old for longer, in all, do not show what was done."""


def spoilt(attrs: Mapping[str, Any], rows: int, rate_hz: float | None) -> list[str]:
    """Why an episode is none to learn from, by what its recorder noted, for people; empty: it is one.

    Args:
        attrs: of the episode.
        rows: that it has.
        rate_hz: of its rows; ALOHA's where None.
    """
    rate = rate_hz or ALOHA_RATE_HZ
    lost, frozen = _count(attrs, 'dropped_rows'), _count(attrs, 'frozen_rows')
    old = _count(attrs, 'stale_rows')
    share = lost / max(rows + lost, 1)
    found = []
    if share > LOST_SHARE or (lost > LOST_S * rate and share > LOST_SHARE_LONG):
        found.append(f'{lost:g} of {rows + lost:g} rows were lost while it was recorded')
    if frozen > FROZEN_S * rate:
        found.append(f'a camera sent the same picture in {frozen:g} of {rows} rows')
    if old > OLD_S * rate:
        found.append(f'a camera, an arm or the commands were old in {old:g} of {rows} rows')
    return found + [f'the recorder marked {text}' for text in _faults(attrs) if _spoils(text)]


def spoiling_kind(fault: str) -> str | None:
    """What a fault that spoils an episode by itself is, without its row and numbers; None for the others.

    Of faults of one kind the first is enough to know.
    """
    if not _spoils(fault):
        return None
    text = fault.partition(': ')[2] if fault.startswith('row ') else fault
    text = text[max(text.find(DOUBTED), 0) :]
    return ' '.join(re.sub(r'\(.*?\)|[-+]?\d+(\.\d+)?', '', text).split())


def _count(attrs: Mapping[str, Any], name: str) -> float:
    value = attrs.get(name)
    return max(value, 0) if isinstance(value, int | float) and value == value else 0


def _faults(attrs: Mapping[str, Any]) -> list[str]:
    faults = attrs.get('faults')
    if isinstance(faults, str):
        return [faults] if faults else []
    return [str(fault) for fault in faults] if isinstance(faults, list) else []


def _spoils(fault: str) -> bool:
    """Whether a fault ('row 12: old: cam_high') spoils an episode by itself."""
    row, _, text = fault.partition(': ')
    text = text if row.startswith('row ') else fault
    return DOUBTED in text or not text.startswith((LACKING, OLD, FROZEN, SLOW))
