# SPDX-License-Identifier: Apache-2.0
"""LeRobot's small tables in JSON, read as they were meant."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.caps import MOST_NOTE, MOST_NUMBER, MOST_TABLE, regular_file
from act_ros.data.lerobot.columns import table_rows
from act_ros.data.names import unfit_name


class LayoutError(EpisodeError):
    """A folder that is no LeRobot dataset of a version that is read; the message says what is wrong."""


def read_json(path: Path) -> dict[str, Any]:
    """An object in a file of its own, with or without a byte order mark.

    Raises:
        EpisodeError: it is no regular file, or larger than such a table is.
        ValueError: it is no such JSON.
        OSError: it cannot be read.
    """
    regular_file(path, MOST_NOTE)
    value = load_json(path.read_text(encoding='utf-8-sig'))
    if not isinstance(value, dict):
        raise ValueError(f'{path.name} holds {type(value).__name__}; expected an object')
    return value


def load_json(text: str) -> Any:
    """A value of JSON.

    Raises:
        ValueError: it is none, or is nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError('it is nested too deeply') from error


def read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, object) of a table of an object a line; empty lines are none.

    A line ends with a line feed alone: what else Unicode counts as one may stand in a text.

    Raises:
        LayoutError: a line is no JSON object.
        ValueError: the file is not UTF-8.
        OSError: it cannot be read.
    """
    regular_file(path, MOST_TABLE)
    with path.open(encoding='utf-8-sig', newline='\n') as file:
        for number, line in enumerate(iter(lambda: file.readline(MOST_NOTE + 1), ''), 1):
            if len(line) > MOST_NOTE:
                raise LayoutError(f'{path}, line {number} has more than {MOST_NOTE} characters')
            if not line.strip(' \t\r\n\0'):
                continue
            try:
                row = load_json(line)
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
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not (0 <= number <= MOST_NUMBER and number.is_integer()):
        raise LayoutError(
            f'{where}: {name} is {repr(value)[:40]}; expected a whole number of at least 0 (and at most 2^53)'
        )
    return int(value) if isinstance(value, int) else int(number)


def refuse_names(where: Path, cameras: Iterable[str]) -> None:
    """Refuse names of cameras that cannot be those of files.

    Raises:
        LayoutError: one cannot; the message says which and why.
    """
    for why in filter(None, map(unfit_name, cameras)):
        raise LayoutError(f'{where}: a feature of pictures: {why}; rename it there')


def seconds(value: Any) -> float:
    """A time of a table, not a number where it has none."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
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
        rows = list(table_rows(table))
    return {
        int(row['task_index']): str(row.get('task', row.get('__index_level_0__'))) for row in rows
    }


class TaskTexts:
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
