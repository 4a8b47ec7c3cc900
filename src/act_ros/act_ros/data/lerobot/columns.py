# SPDX-License-Identifier: Apache-2.0
"""Rows of Parquet files of strangers, some at a time: a column of equal values takes no room in its file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.caps import MOST_GROUP, MOST_TABLE, regular_file
from act_ros.text import shown

_WIDTHS = {'BOOLEAN': 1, 'INT32': 4, 'FLOAT': 4, 'INT64': 8, 'DOUBLE': 8, 'INT96': 12}
_SOME_ROWS = 64
"""Rows of a table that are made Python objects at once."""
_BATCH = 32 << 20
"""Bytes of texts or pictures that rows read at once may have: several times as many are taken meanwhile."""
_LONGEST = 128 << 20
"""Bytes of one row."""
_KINDS_OF_TEXT = (
    *(pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary),
    pa.types.is_fixed_size_binary,
)
_OBJECT = 32
"""Bytes that a text or number takes in a list of Python, besides its own."""
_MOST_RATIO = 200
"""So many times their bytes in the file texts and pictures may be when they are unpacked, where they are many."""


@contextmanager
def parquet(path: Path, once: Sequence[str] = ()) -> Iterator[Any]:
    """A Parquet file, open.

    Args:
        path: the file.
        once: leaves ('tasks.list.element') of which equal texts are in memory once.

    Raises:
        EpisodeError: it is no regular file, or a group of its rows is larger than is read at once.
        OSError, pyarrow.ArrowException: it cannot be read.
    """
    regular_file(path)
    with pq.ParquetFile(path, read_dictionary=list(once)) as file:
        yield file


def columns_of(path: Path) -> dict[str, bool]:
    """By the name of each column of a file whether it is of numbers, or lists of them; raises as `parquet`."""
    with parquet(path) as file:
        return {name: not _texts(file, [name]) for name in file.schema_arrow.names}


def table_rows(path: Path, leave: str = '') -> Iterator[dict[str, Any]]:
    """The rows of a small table one after the other, but for columns whose names begin with `leave`.

    Raises:
        EpisodeError: as `parquet`, or it is larger than such a table is.
        OSError, pyarrow.ArrowException: it cannot be read.
    """
    with parquet(path) as file:
        names = [n for n in file.schema_arrow.names if not (leave and n.startswith(leave))]
        texts = _texts(file, names)
    # All of it is kept: a text that all episodes share is one in the file, and one of each in memory.
    taken, most = 0, min(MOST_TABLE, max(_LONGEST, _MOST_RATIO * path.stat().st_size))
    with parquet(path, texts) as file:
        for group in range(file.metadata.num_row_groups):
            _refuse_large(path, file, group, names)
            _refuse_packed(path, file, group, names)
            for batch in file.read_row_group(group, columns=names).to_batches():
                taken += sum(int(row_bytes(column).sum()) for column in batch.columns)
                if taken > most:
                    raise EpisodeError(f'{path} has more than {most} bytes when it is unpacked')
                chosen = batch.select([n for n in names if n in batch.schema.names])
                for first in range(0, len(batch), _SOME_ROWS):
                    yield from chosen.slice(first, _SOME_ROWS).to_pylist()


def row_bytes(column: Any) -> NDArray[np.int64]:
    """Bytes (rows,) that each row of a column has as Python objects, about; equal texts count as often as they occur."""
    kind, size = column.type, len(column)
    if pa.types.is_dictionary(kind):
        lengths = _of_each(column.dictionary)
        places = column.indices.fill_null(0).to_numpy(zero_copy_only=False)
        return np.asarray(lengths[places] if len(lengths) else np.zeros(size), np.int64)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        inner = column.values
        per = row_bytes(inner) + (_OBJECT if pa.types.is_primitive(inner.type) else 0)
        before = np.concatenate([[0], np.cumsum(per)])
        ends = column.offsets.to_numpy()
        return np.asarray(before[ends[1:]] - before[ends[:-1]], np.int64)
    if pa.types.is_fixed_size_list(kind):
        inner = column.flatten()
        share = int(row_bytes(inner).sum()) + _OBJECT * len(inner)
        return np.full(size, -(-share // max(size, 1)), np.int64)
    if pa.types.is_struct(kind):
        return sum((row_bytes(part) for part in column.flatten()), np.zeros(size, np.int64))
    if isinstance(kind, pa.BaseExtensionType):
        return row_bytes(column.storage)
    return _of_each(column)


def _of_each(values: Any) -> NDArray[np.int64]:
    if not any(is_kind(values.type) for is_kind in _KINDS_OF_TEXT):
        return np.full(len(values), 8, np.int64)
    lengths = pc.fill_null(pc.binary_length(values), 0)
    return np.asarray(lengths.to_numpy(zero_copy_only=False), np.int64) + _OBJECT


def some_rows(path: Path, file: Any, names: Sequence[str], most: int) -> Iterator[Any]:
    """Batches of at most so many rows of an open file, fewer where their texts or pictures may be long.

    A value can be as long as all of its column is when unpacked, and a column of one value in all of its rows takes
    no room in the file.

    Raises:
        EpisodeError: they are packed as no texts and no pictures are, or there is one that is longer than any.
        OSError, pyarrow.ArrowException: they cannot be read.
    """
    for group in range(file.metadata.num_row_groups):
        size = _refuse_packed(path, file, group, names)
        most = min(most, _BATCH // max(size, 1))
    for batch in file.iter_batches(max(most, 1), columns=list(names)):
        if batch.nbytes > _LONGEST:
            raise EpisodeError(
                f'{path}: {len(batch)} rows of it are {batch.nbytes} bytes of texts or pictures; at most {_LONGEST} '
                'are read'
            )
        yield batch


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
        _refuse_texts(path, file, names)
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
        _refuse_texts(path, file, [column])
        for group in range(file.metadata.num_row_groups):
            _refuse_large(path, file, group, [column])
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


def _is_of(path: str, names: Sequence[str]) -> bool:
    """Whether a leaf ('action.list.element') is of one of the columns."""
    return any(f'{path}.'.startswith(f'{name}.') for name in names)


def _parts(file: Any, group: int, names: Sequence[str]) -> list[Any]:
    """What the file says of the columns in a group of rows."""
    rows = file.metadata.row_group(group)
    parts = [rows.column(i) for i in range(rows.num_columns)]
    return [part for part in parts if _is_of(part.path_in_schema, names)]


def _texts(file: Any, names: Sequence[str]) -> list[str]:
    """The leaves of the columns that hold texts or bytes; numbers of two to sixteen bytes are none."""
    leaves = [file.schema.column(i) for i in range(len(file.schema))]
    return [
        leaf.path
        for leaf in leaves
        if leaf.physical_type.endswith('BYTE_ARRAY') and not 0 < leaf.length <= 16
        if _is_of(leaf.path, names)
    ]


def _refuse_packed(path: Path, file: Any, group: int, names: Sequence[str]) -> int:
    """Bytes of the texts and pictures in a group of rows; refused where no such things can be packed so well."""
    parts = [part for part in _parts(file, group, names) if part.physical_type == 'BYTE_ARRAY']
    size = sum(int(part.total_uncompressed_size) for part in parts)
    packed = sum(part.total_compressed_size for part in parts)
    if size > max(_LONGEST, _MOST_RATIO * packed):
        raise EpisodeError(
            f'{path} says that {packed} bytes of texts or pictures in it are {size} when unpacked; at most '
            f'{_MOST_RATIO} times as many are read: it is damaged, or made to fill the memory'
        )
    return size


def _refuse_texts(path: Path, file: Any, names: Sequence[str]) -> None:
    """Before they are read: a text that all rows have takes no room in the file, and as much memory as rows."""
    if found := _texts(file, names):
        raise EpisodeError(
            f'{path}: column {shown(found[0])} holds texts or bytes; expected numbers, or lists of them'
        )


def _refuse_large(path: Path, file: Any, group: int, names: Sequence[str]) -> None:
    """Refuse a group of rows before it is read: all of it is in memory at once."""
    widths = {
        file.schema.column(i).path: file.schema.column(i).length for i in range(len(file.schema))
    }
    size = 0
    for part in _parts(file, group, names):
        kind = part.physical_type
        fixed = widths[part.path_in_schema] if kind[:5] == 'FIXED' else 0
        texts = part.total_uncompressed_size if kind == 'BYTE_ARRAY' else 0
        size += texts + part.num_values * _WIDTHS.get(kind, fixed)
    if size > MOST_GROUP:
        count = file.metadata.row_group(group).num_rows
        raise EpisodeError(
            f'{path} says that it has {count} rows in one group, {size} bytes when unpacked; at most '
            f'{MOST_GROUP} are read at once'
        )
