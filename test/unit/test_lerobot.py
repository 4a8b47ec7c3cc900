# SPDX-License-Identifier: Apache-2.0
"""LeRobot datasets: the round trip, what v3.0 looks like, exports that are interrupted or refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from act_ros.commands import export_lerobot, import_lerobot
from act_ros.data.dataset import Dataset
from act_ros.data.formats.collection import find_episodes
from act_ros.data.lerobot.video import CODECS
from act_ros.data.recording.episode_writer import EpisodeWriter, read_episode
from lerobot_pictures import NAMES, picture, psnr
from synthetic import all_frames

CAMERAS = ('cam_high', 'cam_low')
LENGTHS = (9, 6, 8)


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
