# SPDX-License-Identifier: Apache-2.0
"""LeRobot's tables are read as they were meant: rows elsewhere, episodes twice, JSON of every hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from act_ros.commands import check_dataset, export_lerobot, import_lerobot, train, visualize
from act_ros.data.check import check_episode
from act_ros.data.dataset import Dataset
from act_ros.data.errors import EpisodeError
from act_ros.data.formats.collection import find_episodes
from act_ros.data.lerobot.layout import read_layout
from act_ros.data.lerobot.tables import LayoutError
from act_ros.robot.spec import RobotSpec
from lerobot_sets import KEY, TABLE, change, seen, video_of

SPEC = RobotSpec.load()
pytestmark = pytest.mark.usefixtures('inline')


def said(root: Path, episode: int) -> str:
    report = check_episode(find_episodes(root)[episode], SPEC, pixels=False)
    return '; '.join([report.verdict, *report.bad, *report.warn])


@pytest.mark.parametrize('files', [(0, 0, 1), (0, 7, 7), (1, 0, 0)])
def test_rows_are_looked_for_in_all_files(set_v30: Path, files: Any, tmp_path: Path) -> None:
    change(set_v30 / TABLE, data__file_index=lambda _: list(files))
    (set_v30 / 'data/chunk-000/._file-000.parquet').write_bytes(b'\0\5\26\7')
    text = said(set_v30, 1)
    assert text.startswith('warn; its rows are in data/chunk-000/file-001.parquet; the table says')
    data = Dataset(set_v30, (32, 64), 3, cache=tmp_path / 'frames')
    assert len(data) == 27
    with find_episodes(set_v30)[2].open() as episode:
        assert len(episode) == 9 and seen(episode.images['cam_high']) == list(range(100, 109))


@pytest.mark.parametrize('what', ['table', 'rows', 'video', 'hdf5'])
def test_what_git_lfs_has_not_fetched_is_told(what: str, set_v30: Path, set_v21: Path) -> None:
    place = {
        'table': set_v30 / TABLE,
        'rows': set_v21 / 'data/chunk-000/episode_000000.parquet',
        'video': video_of(set_v21, 0),
        'hdf5': set_v21.parent / 'episode_0.hdf5',
    }[what]
    place.write_text('version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n')
    root = {'table': set_v30, 'hdf5': place}.get(what, set_v21)
    with (
        pytest.raises(EpisodeError, match='it is a Git LFS pointer, .*: run git lfs pull'),
        find_episodes(root)[0].open() as episode,
    ):
        seen(episode.images[episode.cameras[0]])


def test_an_episode_in_two_files_is_read_from_both(set_v30: Path) -> None:
    first, second = (set_v30 / f'data/chunk-000/file-{n:03d}.parquet' for n in (0, 1))
    rows = pq.read_table(second)
    pq.write_table(pa.concat_tables([pq.read_table(first), rows.slice(0, 3)]), first)
    pq.write_table(rows.slice(3), second)
    with find_episodes(set_v30)[1].open() as episode:
        assert len(episode) == 8
    assert 'file-000.parquet, data/chunk-000/file-001.parquet' in said(set_v30, 1)


def test_files_of_v21_in_another_chunk_are_found(set_v21: Path) -> None:
    info = json.loads((set_v21 / 'meta/info.json').read_text())
    (set_v21 / 'meta/info.json').write_text(json.dumps({**info, 'chunks_size': 1}))
    text = said(set_v21, 1)
    assert 'its rows are in data/chunk-000/episode_000001.parquet' in text
    assert f'its video of {KEY} is videos/chunk-000' in text and text.startswith('warn')
    with find_episodes(set_v21)[1].open() as episode:
        assert seen(episode.images['cam_high']) == list(range(50, 58))


@pytest.mark.parametrize(
    ('columns', 'message'),
    [
        ({'episode_index': lambda v: [0] * len(v)}, 'has 0 rows of it; its length is 8; it has rows of episode 0'),
        ({'frame_index': lambda v: [*v[:4], *v[:4]]}, 'frame_index of row 4 in .* is 0 after 3'),
        ({'frame_index': lambda v: [n - 2 for n in v]}, 'frame_index of row 0 in .* is -2'),
        ({'frame_index': lambda v: [0, *v[:-1]]}, 'frame_index of row 1 in .* is 0 after 0'),
        ({'frame_index': lambda v: v[::-1]}, 'is 6 after 7'),
    ],
)  # fmt: skip
def test_rows_that_are_not_one_after_the_other_are_refused(
    set_v21: Path, columns: Any, message: str
) -> None:
    change(set_v21 / 'data/chunk-000/episode_000001.parquet', **columns)
    with pytest.raises(LayoutError, match=message):
        find_episodes(set_v21)[1].open()


def test_rows_that_count_on_from_the_episode_before_are_read(set_v21: Path) -> None:
    path = set_v21 / 'data/chunk-000/episode_000001.parquet'
    change(path, frame_index=lambda values: [n + 10 for n in values])
    assert said(set_v21, 1) == 'warn; frame_index begins at 10, not at 0'


def test_rows_that_are_there_twice_are_refused_with_their_number(set_v30: Path) -> None:
    path = set_v30 / 'data/chunk-000/file-000.parquet'
    pq.write_table(pa.concat_tables([pq.read_table(path)] * 2), path)
    assert 'has 20 rows of it; its length is 10' in said(set_v30, 0)


def listed_twice(root: Path) -> None:
    if (root / TABLE).exists():
        table = pq.read_table(root / TABLE)
        pq.write_table(table.slice(1, 1), root / 'meta/episodes/chunk-000/file-001.parquet')
    else:
        path = root / 'meta/episodes.jsonl'
        path.write_text(path.read_text() + path.read_text().splitlines()[1] + '\n')


@pytest.mark.parametrize('kind', ['v21', 'v30'])
def test_an_episode_that_is_listed_twice_is_refused_by_all(
    lerobot_folder: Path, kind: str, tmp_path: Path, capsys: Any
) -> None:
    root = Path(shutil.copytree(lerobot_folder / kind, tmp_path / 'twice'))
    listed_twice(root)
    out = ['--output', str(tmp_path / 'out')]
    for command in (
        lambda: check_dataset.main([str(root)]),
        lambda: train.main(['--data', str(root), '--config', 'small', '--steps', '1', *out]),
        lambda: import_lerobot.main([str(root), *out]),
        lambda: export_lerobot.main([str(root), *out]),
        lambda: visualize.main([str(root), *out]),
    ):
        assert command() in (1, 2)
        error = capsys.readouterr().err
        assert 'lists episode 1 twice' in error and len(error.splitlines()) == 1, error
    assert not list((tmp_path / 'out').glob('*')) if (tmp_path / 'out').exists() else True


def test_two_files_of_one_number_are_not_chosen_between(tmp_path: Path, capsys: Any) -> None:
    for name in ('episode_1', 'episode_01', 'episode_2'):
        (tmp_path / f'{name}.hdf5').touch()
    assert check_dataset.main([str(tmp_path), '--episodes', '1']) == 2
    assert (
        '1 is the number of two episodes, episode_01.hdf5 and episode_1.hdf5'
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ('tasks', 'expected'),
    [
        ('Hand it over', ('Hand it over',)),
        (['Hand it', 'over'], ('Hand it', 'over')),
        (None, ()),
        ([None, ''], ()),
        ([], ()),
        (0, ('Turn it',)),
        ([0], ('Turn it',)),
    ],
)
def test_tasks_are_read_in_every_form(set_v21: Path, tasks: Any, expected: Any) -> None:
    (set_v21 / 'meta/tasks.jsonl').write_text('{"task_index": 0, "task": "Turn it"}\n')
    lines = [{'episode_index': e, 'tasks': tasks, 'length': n} for e, n in enumerate((10, 8))]
    (set_v21 / 'meta/episodes.jsonl').write_text('\n'.join(map(json.dumps, lines)))
    assert [entry.tasks for entry in read_layout(set_v21).entries] == [expected] * 2


@pytest.mark.parametrize('tasks', [3.5, [True], {'a': 1}, 7])
def test_tasks_that_are_no_text_are_refused_with_their_line(set_v21: Path, tasks: Any) -> None:
    line = {'episode_index': 0, 'tasks': tasks, 'length': 10}
    (set_v21 / 'meta/episodes.jsonl').write_text(json.dumps(line) + '\n')
    with pytest.raises(LayoutError, match='episodes.jsonl, line 1: '):
        read_layout(set_v21)


@pytest.mark.parametrize(
    ('begin', 'end', 'between'),
    [
        ('\ufeff', '\n', '\n'),
        ('', '\r\n\r\n', '\r\n'),
        ('\n', '\n\n \n\0\0', '\n\n'),
        ('', '', '\n'),
    ],
)
@pytest.mark.parametrize(
    'text', ['a\u2028b', 'a\u2029b', 'a\x85b', 'a\x0b\x0c\x1cb', '把方块交给']
)
def test_lines_end_where_json_lines_do(
    set_v21: Path, begin: str, end: str, between: str, text: str
) -> None:
    lines = [
        json.dumps({'episode_index': e, 'tasks': [text], 'length': n}, ensure_ascii=False)
        for e, n in enumerate((10, 8))
    ]
    table = begin + between.join(lines) + end
    (set_v21 / 'meta/episodes.jsonl').write_bytes(table.encode())
    info = (set_v21 / 'meta/info.json').read_bytes()
    (set_v21 / 'meta/info.json').write_bytes(b'\xef\xbb\xbf' + info)
    assert [entry.tasks for entry in read_layout(set_v21).entries] == [(text,)] * 2


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('{"episode_index": 0, "length": NaN}', 'line 1: length is nan; expected a whole'),
        ('{"episode_index": -1, "length": 3}', 'line 1: episode_index is -1'),
        ('{"episode_index": 0, "length": 2.5}', 'line 1: length is 2.5'),
        ('{"episode_index": 0}', 'line 1: length is None'),
        ('[0, 3]', 'line 1 is no object'),
        ('{"episode_index": 0,', 'line 1: '),
    ],
)
def test_a_line_that_says_nothing_is_named(set_v21: Path, line: str, message: str) -> None:
    (set_v21 / 'meta/episodes.jsonl').write_text(line + '\n')
    with pytest.raises(LayoutError, match=message):
        read_layout(set_v21)


def test_numbers_that_other_writers_write_are_numbers(set_v21: Path) -> None:
    lines = '{"episode_index": "0", "length": 10.0}\n{"episode_index": 1.0, "length": "8"}\n'
    (set_v21 / 'meta/episodes.jsonl').write_text(lines)
    assert [(e.index, e.length) for e in read_layout(set_v21).entries] == [(0, 10), (1, 8)]


DEPTH = {'dtype': 'image', 'shape': [32, 64, 1], 'names': ['height', 'width', 'channels']}


@pytest.mark.parametrize(
    ('name', 'feature', 'why'),
    [
        ('cam_low', {**DEPTH, 'info': {'is_depth_map': True}}, 'marked as depth'),
        ('cam_low', DEPTH, 'pictures of 1 channel'),
        ('cam_low', {**DEPTH, 'shape': [1, 32, 64], 'names': None}, 'pictures of 1 channel'),
        ('cam_low', {**DEPTH, 'shape': [32, 64, 3]}, 'PNGs of 16 bits and one channel'),
        ('cam_low', {**DEPTH, 'shape': [32, 64, 3], 'info': {'video.pix_fmt': 'gray12le'}}, 'gray12le'),
        ('cam_low_depth', {**DEPTH, 'shape': [32, 64, 3]}, ''),
    ],
)  # fmt: skip
def test_depth_is_no_colour_camera(
    set_v21: Path, name: str, feature: Any, why: str, tmp_path: Path, capsys: Any
) -> None:
    key = f'observation.images.{name}'
    info = json.loads((set_v21 / 'meta/info.json').read_text())
    info['features'][key] = feature
    (set_v21 / 'meta/info.json').write_text(json.dumps(info))
    for e, ticks in enumerate((10, 8)):
        png = cv2.imencode('.png', np.full((32, 64), 700 + e, np.uint16))[1].tobytes()
        path = set_v21 / f'data/chunk-000/episode_{e:06d}.parquet'
        pictures = pa.array([{'bytes': png, 'path': None}] * ticks)
        pq.write_table(pq.read_table(path).append_column(key, pictures), path)
    data = Dataset(set_v21, (32, 64), 3, cache=tmp_path / 'frames')
    assert data.cameras == ('cam_high',)
    assert any(f'not trained on: {name} (' in note and why in note for note in data.notes)
    with pytest.raises(EpisodeError, match=f'no camera {name}'):
        Dataset(set_v21, (32, 64), 3, cameras=[name])
    assert check_dataset.main([str(set_v21), '--quick']) == 0
    assert f'in the files, and not read: {name} (' in capsys.readouterr().out


def test_a_missing_video_of_a_camera_that_is_not_asked_for_is_in_nobodys_way(
    set_v21: Path,
) -> None:
    info = json.loads((set_v21 / 'meta/info.json').read_text())
    info['features']['observation.images.cam_low'] = info['features'][KEY]
    (set_v21 / 'meta/info.json').write_text(json.dumps(info))
    assert len(Dataset(set_v21, (32, 64), 3, cameras=['cam_high'])) == 18
    assert 'cam_low: there is no video' in said(set_v21, 0)
    video_of(set_v21, 0).unlink()
    with pytest.raises(EpisodeError, match='cam_high: there is no video'):
        Dataset(set_v21, (32, 64), 3, cameras=['cam_high'])


@pytest.mark.parametrize('prefix', ['', 'observation.'])
def test_velocity_and_effort_are_read_by_their_names_of_today_and_of_before(
    set_v21: Path, set_v30: Path, prefix: str
) -> None:
    old = set_v21 / 'data/chunk-000/episode_000001.parquet'
    for path in (old, set_v30 / 'data/chunk-000/file-001.parquet'):
        table = pq.read_table(path)
        for name, value in (('velocity', 0.25), ('effort', -3.0)):
            vectors = pa.array([[value] * 14] * len(table), pa.list_(pa.float32()))
            table = table.append_column(prefix + name, vectors)
        pq.write_table(table, path)
    for root in (set_v21, set_v30):
        with find_episodes(root)[1].open() as episode:
            assert episode.qvel is not None and (episode.qvel == 0.25).all()
            assert episode.effort is not None and (episode.effort == -3.0).all()
