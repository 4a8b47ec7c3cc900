# SPDX-License-Identifier: Apache-2.0
"""LeRobot's small tables in JSON, read as they were meant."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from act_ros.data.errors import EpisodeError


class LayoutError(EpisodeError):
    """A folder that is no LeRobot dataset of a version that is read; the message says what is wrong."""


def read_json(path: Path) -> dict[str, Any]:
    """An object in a file of its own, with or without a byte order mark.

    Raises:
        ValueError: it is no such JSON.
        OSError: it cannot be read.
    """
    value = json.loads(path.read_text(encoding='utf-8-sig'))
    if not isinstance(value, dict):
        raise ValueError(f'{path.name} holds {type(value).__name__}; expected an object')
    return value


def read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, object) of a table of an object a line; empty lines are none.

    A line ends with a line feed alone: what else Unicode counts as one may stand in a text.

    Raises:
        LayoutError: a line is no JSON object.
        ValueError: the file is not UTF-8.
        OSError: it cannot be read.
    """
    with path.open(encoding='utf-8-sig', newline='\n') as file:
        for number, line in enumerate(file, 1):
            if not line.strip(' \t\r\n\0'):
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise LayoutError(f'{path}, line {number}: {error}') from error
            if not isinstance(row, dict):
                raise LayoutError(f'{path}, line {number} is no object with names: {line[:40]!r}')
            yield number, row


def whole(row: Mapping[str, Any], name: str, where: str) -> int:
    """A whole number of at least 0, also where it is written as text or with a decimal point.

    Raises:
        LayoutError: it is another thing; the message says where.
    """
    value = row.get(name)
    try:
        number = float(value) if not isinstance(value, bool) else math.nan  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not (number >= 0 and number.is_integer()):
        raise LayoutError(f'{where}: {name} is {value!r}; expected a whole number of at least 0')
    return int(value) if isinstance(value, int) else int(number)


def seconds(value: Any) -> float:
    """A time of a table, not a number where it has none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def tasks(value: Any, word: Callable[[int], str]) -> tuple[str, ...]:
    """What an episode shows, in words: of a list, of one text or number, or of nothing.

    Args:
        value: what the table of episodes holds.
        word: the text of a task that is given by its number.

    Raises:
        ValueError: it is another thing.
    """
    if value is None:
        return ()
    found = []
    for one in value if isinstance(value, list | tuple) else [value]:
        if isinstance(one, bool | dict | list | float):
            raise ValueError(f'tasks is {value!r}; expected a list of texts')
        text = word(one) if isinstance(one, int) else one
        if text is not None and text.strip():
            found.append(text)
    return tuple(found)


def read_tasks(root: Path) -> dict[int, str]:
    """The texts of a dataset's tasks by their numbers; none where there is no such table.

    Raises:
        LayoutError, OSError, ValueError: it is damaged.
    """
    lines, table = root / 'meta' / 'tasks.jsonl', root / 'meta' / 'tasks.parquet'
    rows: list[Mapping[str, Any]] = []
    if lines.exists():
        rows = [row for _, row in read_lines(lines)]
    elif table.exists():
        rows = pq.read_table(table).to_pylist()
    return {
        int(row['task_index']): str(row.get('task', row.get('__index_level_0__'))) for row in rows
    }


class Words:
    """What episodes show, in words; their table of tasks is read only if an episode gives numbers."""

    def __init__(self, root: Path) -> None:
        """The texts of the dataset in `root`."""
        self._root = root
        self._known: dict[int, str] | None = None

    def of(self, row: Mapping[str, Any], where: str) -> tuple[str, ...]:
        """Of an episode in a row of its table.

        Raises:
            LayoutError: no texts, or a number that is none of a task; the message says `where`.
        """
        value = row.get('tasks', row.get('task'))
        try:
            return tasks(value, self._word)
        except ValueError as error:
            raise LayoutError(f'{where}: {error}') from error

    def _word(self, number: int) -> str:
        if self._known is None:
            self._known = read_tasks(self._root)
        if number not in self._known:
            raise ValueError(
                f'its task is number {number}, which the table of tasks does not have'
            )
        return self._known[number]
