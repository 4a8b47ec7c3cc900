# SPDX-License-Identifier: Apache-2.0
"""LeRobot datasets: the round trip, what v2.1 looks like, refusals, damage."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_ros.commands import export_lerobot, import_lerobot
from act_ros.data.dataset import Dataset
from act_ros.data.errors import EpisodeError
from act_ros.data.formats.collection import find_episodes
from act_ros.data.lerobot.layout import read_layout
from act_ros.data.lerobot.tables import LayoutError
from act_ros.data.lerobot.video import CODECS, VideoError, VideoWriter, read_video
from act_ros.data.recording.episode_writer import EpisodeWriter, read_episode
from damage import changes, damaged
from synthetic import all_frames

NAMES = [f'{side}_{i}' for side in ('left', 'right') for i in range(7)]
CAMERAS = ('cam_high', 'cam_low')
LENGTHS = (9, 6, 8)


def picture(t: int, camera: str) -> np.ndarray:
    """A smooth picture: what a codec loses of it is little."""
    image = np.zeros((64, 96, 3), np.uint8)
    image[..., 0] = np.arange(96) * 2
    image[..., 1] = (40 * t) % 200 if camera == 'cam_high' else 15 * t
    image[..., 2] = np.arange(64)[:, None] * 3
    return image


def record(path: Path, ticks: int, seed: int, **attrs: Any) -> Path:
    """An episode with random vectors of every size, and measured stamps."""
    random = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = EpisodeWriter(
        path,
        NAMES,
        CAMERAS,
        {'task': 'Lift it', 'rate_hz': 50.0, 'sim': True, 'seed': seed, **attrs},
    )
    for t in range(ticks):
        vectors = [random.normal(size=14) * 10.0 ** random.integers(-20, 9) for _ in range(4)]
        images = {camera: picture(t, camera) for camera in CAMERAS}
        ages = {'cam_high': 0.001 * t, 'cam_low': 0.013}
        writer.append(*vectors, images, 1e9 + 0.02 * t + 1e-4 * random.random(), ages)
    return writer.finish(success=seed != 1)


@pytest.fixture(scope='module')
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('source')
    for i, ticks in enumerate(LENGTHS):
        record(folder / f'episode_{i}.hdf5', ticks, i)
    return folder


pytestmark = pytest.mark.usefixtures('inline')


@pytest.fixture(scope='module')
def exported(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('lerobot') / 'set'
    assert export_lerobot.main([str(source), '--output', str(out), '--codec', 'h264']) == 0
    return out


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


def test_the_round_trip_keeps_every_bit_of_the_vectors(
    source: Path, exported: Path, tmp_path: Path
) -> None:
    back = tmp_path / 'back'
    assert import_lerobot.main([str(exported), '--output', str(back)]) == 0
    for i, ticks in enumerate(LENGTHS):
        name = f'episode_{i}.hdf5'
        with read_episode(source / name) as a, read_episode(back / name) as b:
            assert len(b) == ticks
            for what in ('qpos', 'qvel', 'effort', 'action'):
                assert getattr(a, what).tobytes() == getattr(b, what).tobytes(), what
            assert a.stamp.tobytes() == b.stamp.tobytes()
            for camera in CAMERAS:
                assert a.image_age[camera].tobytes() == b.image_age[camera].tobytes()
                worst = min(psnr(a.images[camera][t], b.images[camera][t]) for t in range(ticks))
                assert worst > 33, f'{camera}: {worst:.1f} dB'
            for key in ('task', 'seed', 'sim', 'success', 'complete', 'joint_names', 'cameras'):
                assert a.attrs[key] == b.attrs[key], key


def test_the_tables_are_those_of_v3(exported: Path) -> None:
    info = json.loads((exported / 'meta/info.json').read_text())
    assert info['codebase_version'] == 'v3.0' and info['fps'] == 50
    assert (info['total_episodes'], info['total_frames'], info['total_tasks']) == (3, 23, 1)
    assert info['features']['action'] == {'dtype': 'float32', 'shape': [14], 'names': NAMES}
    assert info['features']['observation.images.cam_low']['shape'] == [64, 96, 3]
    rows = pq.read_table(exported / 'data/chunk-000/file-000.parquet')
    assert rows.column('index').to_pylist() == list(range(23))
    assert rows.schema.field('action').type == pa.list_(pa.float32(), 14)
    episodes = pq.read_table(exported / 'meta/episodes/chunk-000/file-000.parquet').to_pylist()
    assert [e['dataset_from_index'] for e in episodes] == [0, 9, 15]
    key = 'videos/observation.images.cam_high'
    assert [e[f'{key}/from_timestamp'] for e in episodes] == [0.0, 9 / 50, 15 / 50]
    tasks = pq.read_table(exported / 'meta/tasks.parquet')
    assert tasks.to_pylist() == [{'task_index': 0, 'task': 'Lift it'}]
    assert not (exported / '.export').exists()


def test_the_verdict_is_found_where_other_tools_have_made_the_tables_anew(
    source: Path, exported: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(exported, tmp_path / 'edited')
    for path in (folder / 'meta/episodes').rglob('*.parquet'):
        table = pq.read_table(path)
        pq.write_table(table.drop_columns(['act_ros/attrs']), path)
    verdicts = []
    for ref in find_episodes(folder):
        with ref.open() as episode:
            verdicts.append(episode.attrs['success'])
    expected = []
    for ref in find_episodes(source):
        with ref.open() as episode:
            expected.append(episode.attrs['success'])
    assert verdicts == expected and len(set(verdicts)) == 2


def test_the_statistics_are_those_of_all_rows(source: Path, exported: Path) -> None:
    stats = json.loads((exported / 'meta/stats.json').read_text())
    actions = np.concatenate([ref.open().action for ref in find_episodes(source)]).astype(float)
    np.testing.assert_allclose(stats['action']['mean'], actions.mean(0), rtol=1e-12)
    np.testing.assert_allclose(stats['action']['std'], actions.std(0), rtol=1e-12)
    np.testing.assert_allclose(stats['action']['q90'], np.quantile(actions, 0.9, axis=0))
    assert stats['action']['count'] == [23]
    image = stats['observation.images.cam_high']
    pictures = (
        np.stack([picture(t, 'cam_high')[::4, ::4] for n in LENGTHS for t in range(n)]) / 255
    )
    for what, expected in (('mean', pictures.mean((0, 1, 2))), ('std', pictures.std((0, 1, 2)))):
        assert np.shape(image[what]) == (3, 1, 1)  # what LeRobot's transforms broadcast
        np.testing.assert_allclose(np.ravel(image[what]), expected, atol=0.02)


def test_it_is_trained_on_directly(source: Path, exported: Path) -> None:
    ours, theirs = Dataset(source, (64, 96), 4), Dataset(exported, (64, 96), 4)
    assert theirs.cameras == ours.cameras and theirs.rate_hz == 50.0
    np.testing.assert_array_equal(theirs.qpos, ours.qpos)
    np.testing.assert_array_equal(theirs.actions, ours.actions)
    np.testing.assert_array_equal(theirs.starts, ours.starts)
    assert psnr(all_frames(theirs), all_frames(ours)) > 35
    decoded = Dataset(exported, (64, 96), 4, cache_gb=0)
    np.testing.assert_array_equal(all_frames(decoded), all_frames(theirs))
    shutil.rmtree(exported / '.frames')


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


def test_an_interrupted_export_goes_on(source: Path, tmp_path: Path, capsys: Any) -> None:
    """Staged episodes are kept and not encoded again; leftovers of the killed run go."""
    out = tmp_path / 'set'
    args = [str(source), '--output', str(out), '--codec', 'h264']
    assert export_lerobot.main([*args, '--episodes', '0-1']) == 0
    whole = {p.relative_to(out): p.stat().st_size for p in out.rglob('*') if p.is_file()}
    assert export_lerobot.main([*args, '--episodes', '0-1']) == 1
    assert 'already holds a LeRobot dataset' in capsys.readouterr().err

    from act_ros.data.lerobot.export import STAGING
    from act_ros.data.lerobot.plan import look, make_plan
    from act_ros.data.lerobot.stage import jobs, stage

    again = tmp_path / 'again'
    briefs = [look(ref) for ref in find_episodes(source)[:2]]
    plan = make_plan(briefs, CODECS['h264'], None, None, 'aloha')
    (again / STAGING / '.partial_dead').mkdir(parents=True)
    (again / STAGING / 'plan').write_text(plan.digest())
    stage(jobs(plan, again / STAGING)[0])
    other = [str(source), '--output', str(again), '--codec', 'av1', '--episodes', '0-1']
    assert export_lerobot.main(other) == 1
    assert 'interrupted export of something else' in capsys.readouterr().err
    args = [str(source), '--output', str(again), '--codec', 'h264', '--episodes', '0-1']
    assert export_lerobot.main(args) == 0
    assert '2 episodes (1 of them by an earlier run)' in capsys.readouterr().out
    assert {
        p.relative_to(again): p.stat().st_size for p in again.rglob('*') if p.is_file()
    } == whole


def test_large_exports_are_split_into_files(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from act_ros.data.lerobot import assemble

    monkeypatch.setattr(assemble, 'VIDEO_MB', 0)
    monkeypatch.setattr(assemble, 'DATA_MB', 0)
    out = tmp_path / 'set'
    assert export_lerobot.main([str(source), '--output', str(out), '--codec', 'h264']) == 0
    assert len(list((out / 'data/chunk-000').iterdir())) == 3
    with find_episodes(out)[2].open() as episode, read_episode(source / 'episode_2.hdf5') as first:
        assert episode.action.tobytes() == first.action.tobytes()
        assert psnr(episode.images['cam_high'][7], picture(7, 'cam_high')) > 33


def test_an_export_says_what_it_needs(source: Path, tmp_path: Path, capsys: Any) -> None:
    folder = tmp_path / 'mixed'
    shutil.copytree(source, folder)
    with h5py.File(folder / 'episode_1.hdf5', 'r+') as root:
        del root['observations/effort'], root.attrs['task']
    out = ['--output', str(tmp_path / 'set'), '--codec', 'h264']
    assert export_lerobot.main([str(folder), *out]) == 1
    assert 'episode_1.hdf5 does not say which task was done' in capsys.readouterr().err
    assert export_lerobot.main([str(folder), *out, '--task', 'Lift']) == 0
    assert 'effort: 1 of 3 episodes have none; left out' in capsys.readouterr().err
    (folder / 'episode_2.hdf5').write_bytes(b'nothing')
    assert export_lerobot.main([str(folder), '--output', str(tmp_path / 'b')]) == 1
    said = capsys.readouterr().err
    assert '1 of 3 episodes cannot be exported (episode_2.hdf5)' in said and '--episodes' in said


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
