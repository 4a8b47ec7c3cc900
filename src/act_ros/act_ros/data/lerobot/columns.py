# SPDX-License-Identifier: Apache-2.0
"""Rows of Parquet files of strangers, some at a time: a column of equal values takes no room in its file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.caps import MOST_GROUP, MOST_TABLE, regular_file

_WIDTHS = {'BOOLEAN': 1, 'INT32': 4, 'FLOAT': 4, 'INT64': 8, 'DOUBLE': 8, 'INT96': 12}
_SOME_ROWS = 64
"""Rows that are made Python objects at once: a text in each may be as long as the file."""


@contextmanager
def parquet(path: Path) -> Iterator[Any]:
    """A Parquet file, open.

    Raises:
        EpisodeError: it is no regular file, or a group of its rows is larger than is read at once.
        OSError, pyarrow.ArrowException: it cannot be read.
    """
    regular_file(path)
    with pq.ParquetFile(path) as file:
        yield file


def column_names(path: Path) -> list[str]:
    """Names of the columns of a file; raises as `parquet`."""
    with parquet(path) as file:
        return list(file.schema_arrow.names)


def table_rows(path: Path, leave: str = '') -> Iterator[dict[str, Any]]:
    """The rows of a small table one after the other, but for columns whose names begin with `leave`.

    Raises:
        EpisodeError: as `parquet`, or it is larger than such a table is.
        OSError, pyarrow.ArrowException: it cannot be read.
    """
    taken = 0
    with parquet(path) as file:
        names = [n for n in file.schema_arrow.names if not (leave and n.startswith(leave))]
        for group in range(file.metadata.num_row_groups):
            _refuse_large(path, file, group, names)
        for batch in file.iter_batches(_SOME_ROWS, columns=names):
            taken += batch.nbytes
            if taken > MOST_TABLE:
                raise EpisodeError(f'{path} has more than {MOST_TABLE} bytes when it is unpacked')
            yield from batch.select([n for n in names if n in batch.schema.names]).to_pylist()


def matching_rows(path: Path, names: Sequence[str], column: str, value: int, most: int) -> Any:
    """A table of the rows in which `column` has a value; groups of rows that cannot have it are not read.

    Args:
        path: the file.
        names: of the columns that are read, of numbers.
        column: one of them.
        value: that it has.
        most: more rows than these are not read on, and not all are given.

    Raises:
        EpisodeError: as `parquet`.
        KeyError, OSError, pyarrow.ArrowException: a column isn't there; it cannot be read.
    """
    parts, found = [], 0
    with parquet(path) as file:
        schema = file.schema_arrow
        empty = pa.schema([schema.field(name) for name in names]).empty_table()
        for group in range(file.metadata.num_row_groups):
            if found > most or not _may_have(file, group, column, value):
                continue
            _refuse_large(path, file, group, names)
            rows = file.read_row_group(group, columns=list(names)).select(list(names))
            parts.append(rows.filter(pc.equal(rows.column(column), value)))
            found += len(parts[-1])
    return pa.concat_tables([empty, *parts])


def distinct(path: Path, column: str, most: int) -> list[int]:
    """The numbers in a column, each once; no more of them are looked for than `most`; raises as `matching_rows`."""
    found: set[Any] = set()
    with parquet(path) as file:
        for batch in file.iter_batches(1 << 16, columns=[column]):
            found.update(batch.column(column).unique().to_pylist())
            if len(found) > most:
                break
    return sorted(int(number) for number in found if number is not None)


def _may_have(file: Any, group: int, column: str, value: int) -> bool:
    rows = file.metadata.row_group(group)
    for i in range(rows.num_columns):
        part = rows.column(i)
        if part.path_in_schema == column and (seen := part.statistics) and seen.has_min_max:
            return bool(seen.min <= value <= seen.max)
    return True


def _refuse_large(path: Path, file: Any, group: int, names: Sequence[str]) -> None:
    """Refuse a group of rows before it is read: all of it is in memory at once."""
    rows, size = file.metadata.row_group(group), 0
    for i in range(rows.num_columns):
        part = rows.column(i)
        if any(f'{part.path_in_schema}.'.startswith(f'{name}.') for name in names):
            fixed = file.schema.column(i).length if part.physical_type[:5] == 'FIXED' else 0
            size += part.num_values * _WIDTHS.get(part.physical_type, fixed)
    if size > MOST_GROUP:
        raise EpisodeError(
            f'{path} says that it has {rows.num_rows} rows in one group, {size} bytes when unpacked; at most '
            f'{MOST_GROUP} are read at once'
        )
