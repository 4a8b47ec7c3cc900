# SPDX-License-Identifier: Apache-2.0
"""One long text that all rows share takes no room in a Parquet file: it is not read as often as there are rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import episode_mutations
import lerobot_sets as sets
from act_ros.data.child_processes import each
from act_ros.data.errors import EpisodeError
from act_ros.data.formats.collection import find_episodes
from act_ros.data.lerobot import columns
from act_ros.data.lerobot.rows import _numbers

ROWS, FEW = 60, 8
LONG = 8_000_000
MEMORY = 400 << 20
"""Bytes more than before that reading may take; the texts of all rows would be a gigabyte and more."""
DATA = 'data/chunk-000/file-000.parquet'


def same(value: Any, count: int = ROWS) -> Any:
    """A column of one value: once in the file."""
    one = pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array([value]))
    return one.cast(one.type.value_type)


def store(path: Path, table: Any) -> None:
    pq.write_table(table, path, compression='zstd', dictionary_pagesize_limit=1 << 30)
    assert path.stat().st_size < 100_000


def instead(path: Path, name: str, values: Any) -> None:
    table = pq.read_table(path)
    names = table.column_names
    if name in names:
        table = table.set_column(names.index(name), name, values)
    else:
        table = table.append_column(name, values)
    store(path, table)


def text_in(name: str) -> Callable[[Path], None]:
    return lambda root: instead(root / DATA, name, same('x' * LONG))


def list_of_texts(root: Path) -> None:
    instead(root / DATA, 'action', pa.ListArray.from_arrays(range(ROWS + 1), same('x' * LONG)))


def bytes_in(root: Path) -> None:
    instead(root / DATA, 'action', pa.array([b'x' * 100] * ROWS, pa.binary(100)))


def tasks(root: Path) -> None:
    instead(root / sets.TABLE, 'tasks', same('x' * LONG, len(pq.read_table(root / sets.TABLE))))


def pictures(*data: bytes) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        info = json.loads((root / 'meta/info.json').read_text())
        info['features'][sets.KEY]['dtype'] = 'image'
        (root / 'meta/info.json').write_text(json.dumps(info))
        values = same(data[0], FEW) if len(data) == 1 else pa.array(data)
        instead(root / DATA, sets.KEY, values)

    return change


def png(padding: int) -> bytes:
    data = cv2.imencode('.png', np.zeros((32, 32, 3), np.uint8))[1].tobytes()
    return data + bytes(padding)


NUMBERS = 'holds texts or bytes; expected numbers'
HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    'actions': (text_in('action'), f"column 'action' {NUMBERS}"),
    'states': (text_in('observation.state'), f"column 'observation.state' {NUMBERS}"),
    'numbers of episodes': (text_in('episode_index'), f"column 'episode_index' {NUMBERS}"),
    'times': (text_in('timestamp'), f"column 'timestamp' {NUMBERS}"),
    'lists of texts': (list_of_texts, NUMBERS),
    'bytes': (bytes_in, NUMBERS),
    'tasks': (tasks, 'bytes when it is unpacked'),
    'pictures': (pictures(png(32 << 20)), 'nothing'),
    'a longer picture': (pictures(png(140 << 20), *[png(0)] * (FEW - 1)), 'of texts or pictures'),
}


def attempt(item: tuple[str, str]) -> tuple[str, int]:
    """What is said of a dataset, and the bytes that it took."""
    before = episode_mutations.peak_bytes()
    said = 'nothing'
    try:
        for ref in find_episodes(Path(item[1]))[:1]:
            with ref.open() as episode:
                if 'picture' in item[0]:
                    episode.images['cam_high'][0]
    except EpisodeError as error:
        said = str(error)
    return said, episode_mutations.peak_bytes() - before


def test_one_long_text_is_not_read_as_often_as_there_are_rows(tmp_path: Path) -> None:
    items = []
    for i, (name, (change, _)) in enumerate(HOSTILE.items()):
        root = tmp_path / str(i)
        lengths = (1,) * ROWS if name == 'tasks' else (FEW if 'picture' in name else ROWS,)
        sets.v30(root, lengths, (0,) * len(lengths))
        change(root)
        items.append((name, str(root)))
    wrong = []
    for item in items:  # a process each: the most that it took is what it took for this one
        with closing(each(attempt, [item], 1, 60.0)) as outcomes:
            (outcome,) = outcomes
        name, (said, took) = outcome.item[0], outcome.result or (str(outcome.error), 0)
        short = len(said) < 500 and '\n' not in said
        if HOSTILE[name][1] not in said or took > MEMORY or not short:
            wrong.append(f'{name}: {took / 1e6:.0f} MB, {said[:300]}')
    assert not wrong, '\n'.join(wrong)


def test_a_verdict_in_words_is_none(tmp_path: Path) -> None:
    root = sets.v30(tmp_path, (10,), (0,))
    instead(root / DATA, 'next.success', same('x' * LONG, 10))
    with find_episodes(root)[0].open() as episode:
        assert 'success' not in episode.attrs and len(episode) == 10


def test_files_whose_numbers_are_texts_have_no_rows_of_an_episode(tmp_path: Path) -> None:
    root = sets.v30(tmp_path, (ROWS,), (0,))
    assert _numbers(root / DATA) == [0]
    text_in('episode_index')(root)
    assert _numbers(root / DATA) == []


@pytest.mark.parametrize('kind', [pa.float16(), pa.float64(), pa.int32()])
def test_numbers_of_every_width_are_read(tmp_path: Path, kind: Any) -> None:
    root = sets.v30(tmp_path, (10,), (0,))
    values = pa.array([[float(t)] * 14 for t in range(10)], pa.list_(pa.float64()))
    instead(root / DATA, 'action', values.cast(pa.list_(kind)))
    with find_episodes(root)[0].open() as episode:
        np.testing.assert_array_equal(episode.action[:, 3], np.arange(10))


def test_rows_with_long_texts_are_read_a_few_at_a_time(tmp_path: Path) -> None:
    """All of them, in their order."""
    path = tmp_path / 'table.parquet'
    texts = [f'{i} ' + 'y' * 20_000_000 for i in range(12)]
    pq.write_table(pa.table({'task': texts, 'task_index': range(12)}), path, row_group_size=3)
    with columns.parquet(path) as file:
        sizes = [len(b) for b in columns.some_rows(path, file, ['task', 'task_index'], 64)]
    assert sum(sizes) == 12 and max(sizes) == 1


@pytest.mark.parametrize(
    ('values', 'expected'),
    [
        (pa.array(['a', 'bb', None]), [33, 34, 32]),
        (pa.array(['x' * 100] * 3).dictionary_encode(), [132, 132, 132]),
        (pa.array([['a', 'bb'], None, []]), [67, 0, 0]),
        (pa.array([[['a']], []]), [33, 0]),
        (pa.array([{'a': 'x', 'b': None}, {'a': 'yy', 'b': [1.0]}]), [33, 74]),
        (pa.array([[('k', 'v')]], pa.map_(pa.string(), pa.string())), [66]),
        (pa.array([[1.0, 2.0]], pa.list_(pa.float64(), 2)), [80]),
        (pa.array([1, None]).cast(pa.decimal128(20, 0)), [8, 8]),
        (pa.array([{}]), [0]),
    ],
)
def test_bytes_of_a_row_are_those_that_python_takes(values: Any, expected: list[int]) -> None:
    assert columns.row_bytes(values).tolist() == expected
    assert columns.row_bytes(values.slice(1)).tolist() == expected[1:]


def test_a_table_of_many_episodes_is_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / 'table.parquet'
    texts = [f'{i} ' + 'y' * 3000 for i in range(500)]
    tasks_ = [['t', f'{i}'] if i % 3 else None for i in range(500)]
    table = pa.table({'stats/x': texts, 'attrs': texts, 'tasks': tasks_, 'n': range(500)})
    pq.write_table(table, path, row_group_size=150)
    rows = list(columns.table_rows(path, leave='stats/'))
    assert [row['attrs'] for row in rows] == texts and [row['tasks'] for row in rows] == tasks_
    assert [row['n'] for row in rows] == list(range(500)) and 'stats/x' not in rows[0]
