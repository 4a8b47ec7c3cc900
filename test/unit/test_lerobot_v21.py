# SPDX-License-Identifier: Apache-2.0
"""LeRobot datasets of v2.1: what they look like, refusals, damage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_ros.commands import import_lerobot
from act_ros.data.errors import EpisodeError
from act_ros.data.formats.collection import find_episodes
from act_ros.data.lerobot.layout import read_layout
from act_ros.data.lerobot.tables import LayoutError
from act_ros.data.lerobot.video import CODECS, VideoError, VideoWriter, read_video
from act_ros.data.recording.episode_writer import read_episode
from damage import changes, damaged
from lerobot_pictures import NAMES, picture, psnr

pytestmark = pytest.mark.usefixtures('inline')


def v21(root: Path) -> Path:
    """A dataset as LeRobot 0.3 lays it out: a parquet and a video an episode, jsonl beside them."""
    key = 'observation.images.top'
    for i, ticks in enumerate((5, 7)):
        data = root / f'data/chunk-000/episode_{i:06d}.parquet'
        data.parent.mkdir(parents=True, exist_ok=True)
        rows = np.arange(ticks * 14, dtype=np.float32).reshape(ticks, 14) + i
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), 14)
        numbers = pa.array(range(ticks), pa.int64())
        index = pa.array([i] * ticks, pa.int64())
        pq.write_table(
            pa.table(
                {
                    'observation.state': vectors,
                    'action': vectors,
                    'frame_index': numbers,
                    'episode_index': index,
                    'index': numbers,
                    'task_index': index,
                    'timestamp': pa.array(np.arange(ticks, dtype=np.float32) / 30),
                }
            ),
            data,
        )
        video = root / f'videos/chunk-000/{key}/episode_{i:06d}.mp4'
        video.parent.mkdir(parents=True, exist_ok=True)
        writer = VideoWriter(video, 30, CODECS['h264'])
        for t in range(ticks):
            writer.append(picture(t, 'cam_low'))
        writer.close()
    features = {
        'observation.state': {'dtype': 'float32', 'shape': [14], 'names': {'motors': NAMES}},
        'action': {'dtype': 'float32', 'shape': [14], 'names': {'motors': NAMES}},
        key: {'dtype': 'video', 'shape': [3, 64, 96], 'names': ['channels', 'height', 'width']},
    }
    info = {
        'codebase_version': 'v2.1',
        'robot_type': 'aloha',
        'fps': 30,
        'features': features,
        'chunks_size': 1000,
        'data_path': 'data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet',
        'video_path': 'videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4',
    }
    (root / 'meta').mkdir()
    (root / 'meta/info.json').write_text(json.dumps(info))
    lines = [
        {'episode_index': i, 'tasks': [f'task {i}'], 'length': n} for i, n in enumerate((5, 7))
    ]
    (root / 'meta/episodes.jsonl').write_text('\n'.join(map(json.dumps, lines)) + '\n')
    return root


def test_v21_is_imported_and_what_it_lacks_stays_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / 'out'
    assert import_lerobot.main([str(v21(tmp_path / 'old')), '--output', str(out)]) == 0
    said = capsys.readouterr().err
    assert 'not in the source' in said and 'qvel (2 of 2)' in said and 'stamp (2 of 2)' in said
    assert 'does not say whether it is simulated' in said
    with read_episode(out / 'episode_1.hdf5') as episode:
        assert episode.rate_hz == 30 and episode.attrs['task'] == 'task 1'
        assert episode.joint_names == tuple(NAMES) and episode.qvel is None
        np.testing.assert_array_equal(episode.action[:, 0], np.arange(7) * 14 + 1)
        assert psnr(episode.images['top'][6], picture(6, 'cam_low')) > 33


def test_pictures_in_the_table_are_read(tmp_path: Path) -> None:
    root = v21(tmp_path / 'old')
    info = json.loads((root / 'meta/info.json').read_text())
    info['features']['observation.images.top']['dtype'] = 'image'
    (root / 'meta/info.json').write_text(json.dumps(info))
    for i, ticks in enumerate((5, 7)):
        path = root / f'data/chunk-000/episode_{i:06d}.parquet'
        pngs = [
            {
                'bytes': cv2.imencode('.png', picture(t, 'cam_low')[:, :, ::-1])[1].tobytes(),
                'path': '',
            }
            for t in range(ticks)
        ]
        table = pq.read_table(path).append_column('observation.images.top', pa.array(pngs))
        pq.write_table(table, path)
    with find_episodes(root)[1].open() as episode:
        np.testing.assert_array_equal(episode.images['top'][3], picture(3, 'cam_low'))
        assert len(list(episode.images['top'])) == 7


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'codebase_version': 'v1.6'}, 'codebase_version is v1.6; read are v2.0, v2.1 and v3.0'),
        ({'fps': 0}, 'fps is 0.0'),
        ({'features': 3}, 'cannot be read'),
        ({'data_path': '../../{episode_index}'}, 'leads out of the dataset'),
        ({'data_path': '{nothing}'}, r'cannot be used .*known are \{episode_index\}'),
    ],
)
def test_a_layout_that_is_not_read_is_refused(tmp_path: Path, change: Any, message: str) -> None:
    root = v21(tmp_path / 'old')
    info = json.loads((root / 'meta/info.json').read_text())
    (root / 'meta/info.json').write_text(json.dumps({**info, **change}))
    with pytest.raises(LayoutError, match=message):
        read_layout(root)


def test_an_episode_that_is_not_whole_is_named(tmp_path: Path, capsys: Any) -> None:
    """And the other one is imported all the same."""
    root = v21(tmp_path / 'old')
    video = root / 'videos/chunk-000/observation.images.top/episode_000001.mp4'
    video.write_bytes(video.read_bytes()[:900])
    out = tmp_path / 'out'
    assert import_lerobot.main([str(root), '--output', str(out)]) == 1
    said = capsys.readouterr().err
    assert 'episode_1' in said and '1 of 2 episodes failed' in said
    assert [p.name for p in out.glob('*.hdf5')] == ['episode_0.hdf5']
    (root / 'data/chunk-000/episode_000000.parquet').unlink()
    with pytest.raises(EpisodeError, match='episode_0: its rows are missing'):
        find_episodes(root)[0].open()


def test_an_episode_without_a_row_is_said_to_be_empty(tmp_path: Path) -> None:
    root = v21(tmp_path / 'old')
    path = root / 'data/chunk-000/episode_000001.parquet'
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    lines = (root / 'meta/episodes.jsonl').read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    rows[1]['length'] = 0
    (root / 'meta/episodes.jsonl').write_text('\n'.join(map(json.dumps, rows)) + '\n')
    with pytest.raises(EpisodeError, match='episode_1 has no tick'):
        find_episodes(root)[1].open()


def test_a_video_that_is_shorter_than_its_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'a.mp4'
    writer = VideoWriter(path, 50, CODECS['h264'])
    for t in range(5):
        writer.append(picture(t, 'cam_low'))
    writer.close()
    assert len(list(read_video(path, 0.0, 5, 50))) == 5
    with pytest.raises(VideoError, match=r'has 3 frames from 0.04 s on; expected 4'):
        list(read_video(path, 2 / 50, 4, 50))
    with pytest.raises(VideoError, match='needs? even sizes'):
        VideoWriter(tmp_path / 'b.mp4', 50, CODECS['h264']).append(np.zeros((5, 5, 3), np.uint8))


@settings(max_examples=40)
@given(
    file=st.sampled_from(
        ['meta/info.json', 'meta/episodes.jsonl', 'data/chunk-000/episode_000000.parquet']
    ),
    changes=changes(4),
    share=st.floats(0.5, 1),
)
def test_damaged_tables_give_an_error_or_their_data(
    tmp_path: Path, file: str, changes: list[tuple[float, int]], share: float
) -> None:
    root = tmp_path / 'old'
    if not root.exists():
        v21(root)
    path = root / file
    whole = path.read_bytes()
    path.write_bytes(damaged(whole, changes, share))
    try:
        for ref in find_episodes(root):
            with ref.open() as episode:
                assert len(episode) == len(episode.qpos)
    except EpisodeError as error:
        assert '\n' not in str(error)
    finally:
        path.write_bytes(whole)
