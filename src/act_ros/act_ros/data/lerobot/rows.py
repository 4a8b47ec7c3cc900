# SPDX-License-Identifier: Apache-2.0
"""The rows of an episode: where the table says, else wherever in the dataset they are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.caps import MOST_EPISODES, MOST_ROWS
from act_ros.data.lerobot.columns import columns_of, distinct, matching_rows
from act_ros.data.lerobot.layout import (
    ACTION,
    AGE,
    BASE,
    DAMAGE,
    EFFORT,
    OBSERVED,
    STAMP,
    STATE,
    SUCCESS,
    TIMESTAMP,
    VELOCITY,
    EpisodeEntry,
    Layout,
)
from act_ros.data.lerobot.tables import LayoutError
from act_ros.git_lfs import pointer_said

NUMBER = 'episode_index'
_READ = frozenset(
    (
        *(NUMBER, 'frame_index', 'index', TIMESTAMP, STATE, ACTION, BASE, STAMP, SUCCESS),
        *(VELOCITY, EFFORT, OBSERVED + VELOCITY, OBSERVED + EFFORT),
    )
)
"""Columns that are read, with the ages of frames: a file may have thousands of others."""


def row_files(layout: Layout, entry: EpisodeEntry) -> tuple[Path, ...]:
    """The files that hold the rows of an episode: the one that its table names, if all are there.

    Raises:
        LayoutError: there is no such file, or it is damaged.
    """
    here = 0
    if entry.data.is_file():
        here = len(_read(entry, entry.data, [NUMBER]))
        if here >= entry.length:
            return (entry.data,)
    found = _files_of(layout.root, _marks(layout.root)).get(entry.index, ())
    if not found and not entry.data.is_file():
        raise LayoutError(
            f'{_name(layout, entry)}: its rows are missing: no file {entry.data}, and none in another file'
        )
    return found or (entry.data,)


def read_rows(
    layout: Layout, entry: EpisodeEntry, without: set[str]
) -> tuple[Any, tuple[Path, ...], list[str]]:
    """All rows of an episode but the columns `without`; the files they are in; what is odd about it.

    Raises:
        LayoutError: they are missing, damaged, not as many as the tables say, or not one after the other.
    """
    if entry.length > MOST_ROWS:
        raise LayoutError(
            f'{_name(layout, entry)}: its length is {entry.length}; at most {MOST_ROWS} rows are read, a day at 50 Hz'
        )
    paths: tuple[Path, ...] = (entry.data,)
    tables = [_all(entry, entry.data, without)] if entry.data.is_file() else []
    if not tables or len(tables[0]) < entry.length:
        paths = row_files(layout, entry)
        tables = [_all(entry, path, without) for path in paths]
    try:
        table = pa.concat_tables(tables, promote_options='default')
        ticks = table.column('frame_index').to_numpy()
    except DAMAGE as error:
        raise _damaged(entry, paths[0], error) from error
    where = ', '.join(str(path.relative_to(layout.root)) for path in paths)
    stated = str(entry.data.relative_to(layout.root))
    odd = [] if where == stated else [f'its rows are in {where}; the table says {stated}']
    if len(table) != entry.length:
        raise LayoutError(
            f'{_name(layout, entry)}: {where} has {len(table)} rows of it; its length is {entry.length}'
            + _others(entry, paths)
        )
    wrong = np.flatnonzero(np.diff(ticks) != 1)
    if len(ticks) and (len(wrong) or not ticks[0] >= 0):
        t = int(wrong[0]) + 1 if len(wrong) else 0
        before = f' after {ticks[t - 1]:g}' if t else ''
        raise LayoutError(
            f'{_name(layout, entry)}: frame_index of row {t} in {where} is {ticks[t]:g}{before}; expected one '
            'row after the other, from 0 on: rows are missing, doubled or out of order'
        )
    if len(ticks) and ticks[0]:
        odd.append(f'frame_index begins at {ticks[0]:g}, not at 0')
    return table, paths, odd


def _all(entry: EpisodeEntry, path: Path, without: set[str]) -> Any:
    try:
        numbers = columns_of(path)
    except DAMAGE as error:
        raise _damaged(entry, path, error) from error
    # A verdict in words is none that we know; of all others numbers are needed.
    names = [
        name
        for name in numbers
        if name not in without and _is_read(name) and (numbers[name] or name != SUCCESS)
    ]
    return _read(entry, path, names)


def _is_read(name: str) -> bool:
    return name in _READ or name.startswith(AGE)


def _read(entry: EpisodeEntry, path: Path, names: list[str]) -> Any:
    try:
        return matching_rows(path, names, NUMBER, entry.index, entry.length)
    except DAMAGE as error:
        raise _damaged(entry, path, error) from error


def _others(entry: EpisodeEntry, paths: Sequence[Path]) -> str:
    """Whose rows lie where those of an episode should."""
    numbers = sorted({n for path in paths for n in _numbers(path)} - {entry.index})
    return f'; it has rows of episode {", ".join(map(str, numbers[:5]))}' if numbers else ''


def _numbers(path: Path) -> list[int]:
    """The episodes in a file; of one that cannot be read none: it is said where it is needed."""
    try:
        return distinct(path, NUMBER, MOST_EPISODES)
    except (*DAMAGE, EpisodeError):
        return []


def _marks(root: Path) -> tuple[tuple[str, int, int], ...]:
    """All files of rows, and what changes when they do."""
    found = []
    for path in sorted((root / 'data').rglob('*.parquet')):
        if not path.name.startswith('.'):
            stat = path.stat()
            found.append((str(path), stat.st_size, stat.st_mtime_ns))
    return tuple(found)


@lru_cache(4)
def _files_of(root: Path, marks: tuple[tuple[str, int, int], ...]) -> dict[int, tuple[Path, ...]]:
    """By episode the files that hold rows of it."""
    found: dict[int, tuple[Path, ...]] = {}
    for name, _, _ in marks:
        for number in _numbers(Path(name)):
            found[number] = (*found.get(number, ()), Path(name))
    return found


def _name(layout: Layout, entry: EpisodeEntry) -> Path:
    return layout.root / f'episode_{entry.index}'


def _damaged(entry: EpisodeEntry, path: Path, error: Exception) -> LayoutError:
    said = pointer_said(path, error) or type(error).__name__
    return LayoutError(f'episode_{entry.index}: its rows in {path} cannot be read: {said}')
