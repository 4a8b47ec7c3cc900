# SPDX-License-Identifier: Apache-2.0
"""The training set: samples, padding, statistics, the cache of frames, and episodes that don't fit."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from act_ros.data import decode
from act_ros.data.dataset import Dataset
from act_ros.data.errors import EpisodeError
from act_ros.data.formats.collection import find_episodes
from act_ros.data.frame_store import DecodedFrames
from act_ros.policy.training.batches import Batches, Samples
from synthetic import all_frames as frames
from synthetic import write_episode


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i, ticks in enumerate((12, 8, 10)):
        write_episode(tmp_path / f'episode_{i}.hdf5', ticks, seed=i)
    return tmp_path


def samples(data: Dataset, *ticks: int) -> Samples:
    return Batches(data, torch.device('cpu')).samples(np.array(ticks))


def test_a_sample_is_an_observation_and_the_actions_from_its_tick(folder: Path) -> None:
    data = Dataset(folder, (48, 64), 5)
    batch = samples(data, 14, 3)  # tick 2 of the second episode, tick 3 of the first
    np.testing.assert_allclose(batch.actions[0, :, 0], [2, 3, 4, 5, 6])
    np.testing.assert_allclose(batch.actions[1, :, 1], np.arange(3, 8) + 0.01, rtol=1e-6)
    assert not batch.is_pad.any()
    assert batch.images.shape == (2, 1, 48, 64, 3)
    np.testing.assert_allclose(batch.images[:, 0].float().mean(dim=(1, 2, 3)), [20, 30], atol=1)
    np.testing.assert_array_equal(batch.qpos, data.qpos[[14, 3]])


def test_a_chunk_never_runs_into_the_next_episode(folder: Path) -> None:
    batch = samples(Dataset(folder, (48, 64), 5), 10)  # tick 10 of 12
    assert batch.is_pad[0].tolist() == [False, False, True, True, True]
    np.testing.assert_allclose(batch.actions[0, :, 0], [10, 11, 11, 11, 11])


def test_statistics_are_over_all_ticks_and_not_too_small(folder: Path) -> None:
    data = Dataset(folder, (48, 64), 5)
    stats = data.stats()
    np.testing.assert_allclose(stats['action.mean'], data.actions.mean(0), rtol=1e-5)
    np.testing.assert_allclose(stats['qpos.std'], data.qpos.std(0), rtol=1e-5)
    data.actions[:, 4] = 0.3
    assert data.stats()['action.std'][4] == pytest.approx(1e-2)


def test_validation_takes_whole_episodes(folder: Path) -> None:
    data = Dataset(folder, (48, 64), 5)
    train, validation = data.split(0.05, seed=1)
    assert sorted([*train, *validation]) == list(range(30))
    ends = data.starts.tolist()
    assert [validation[0], validation[-1] + 1] in [ends[i : i + 2] for i in range(3)]
    everything, nothing = data.split(0.0, seed=1)
    assert len(everything) == 30 and len(nothing) == 0


def test_the_cache_is_used_until_the_episodes_change(folder: Path) -> None:
    Dataset(folder, (48, 64), 5)
    (cache,) = (folder / '.frames').iterdir()
    built = cache.stat().st_mtime_ns
    Dataset(folder, (48, 64), 7)
    assert [p.stat().st_mtime_ns for p in (folder / '.frames').iterdir()] == [built]
    write_episode(folder / 'episode_3.hdf5', 6)
    data = Dataset(folder, (48, 64), 5)
    assert len(list((folder / '.frames').iterdir())) == 2 and data.frames.shape == (
        36,
        1,
        48,
        64,
        3,
    )


def test_frames_that_do_not_fit_are_decoded_as_they_are_needed(folder: Path) -> None:
    cached = frames(Dataset(folder, (48, 64), 5))
    shutil.rmtree(folder / '.frames')
    for limit in (0, 1e-5):
        data = Dataset(folder, (48, 64), 5, cache_gb=limit)
        assert isinstance(data.frames, DecodedFrames) and not (folder / '.frames').exists()
        np.testing.assert_array_equal(frames(data), cached)
        some = np.array([29, 3, 3, 12])
        into = np.empty((4, *data.frames.shape[1:]), np.uint8)
        data.frames.gather(some, into)
        np.testing.assert_array_equal(into, cached[some])
        assert re.search(
            r'decoded, the frames are 0.0 GB, and 0.0 GB may be taken in .*frames;', data.notes[-1]
        )


def test_few_episodes_are_open_at_a_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, 'MOST_OPEN', 1)
    data = Dataset(folder, (48, 64), 5, cache_gb=0)
    for _ in range(2):
        assert frames(data).shape[0] == 30
        open_files = [
            os.fspath(p.readlink()) for p in Path('/proc/self/fd').iterdir() if p.exists()
        ]
        assert sum(name.startswith(str(folder)) for name in open_files) == 1


def test_a_frame_that_cannot_be_decoded_on_the_way_is_named(folder: Path) -> None:
    with h5py.File(folder / 'episode_1.hdf5', 'r+') as file:
        file['observations/images/cam_high'][2] = 0
    data = Dataset(folder, (48, 64), 5, cache_gb=0)
    with pytest.raises(EpisodeError, match='episode_1.*frame 2 is no whole JPEG'):
        frames(data)
    into = np.empty((1, *data.frames.shape[1:]), np.uint8)
    data.frames.gather(np.array([3]), into)  # the others still are


def test_what_a_dead_process_left_in_the_cache_is_removed(folder: Path) -> None:
    cache = folder / '.frames'
    cache.mkdir()
    for name in ('frames_48x64_0123456789abcdef.4242.partial', 'frames_9x9_0.partial'):
        (cache / name).write_bytes(bytes(1000))
    Dataset(folder, (48, 64), 5)
    (left,) = cache.iterdir()
    assert left.suffix == '.npy'


def test_a_cache_that_may_not_be_written_is_one_line_and_leaves_nothing(folder: Path) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
    try:
        with pytest.raises(EpisodeError, match='cannot be written in .*; name another') as error:
            Dataset(folder, (48, 64), 5)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert '\n' not in str(error.value) and not (folder / '.frames').exists()
    assert len(frames(Dataset(folder, (48, 64), 5))) == 30


def test_processes_that_start_together_build_one_cache(folder: Path) -> None:
    code = f"""
from pathlib import Path
from act_ros.data.dataset import Dataset
print(Dataset(Path({str(folder)!r}), (48, 64), 5).frames.where)
"""
    started = [
        subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    places = {process.communicate(timeout=120)[0] for process in started}
    (built,) = (folder / '.frames').iterdir()
    assert places == {f'{built}\n'}


def test_many_episodes_are_decoded_in_their_order(tmp_path: Path) -> None:
    for i in range(10):  # more than one thread decodes
        write_episode(tmp_path / f'episode_{i}.hdf5', ticks=i + 1)
    data = Dataset(tmp_path, (48, 64), 5)
    brightness = frames(data).mean(axis=(1, 2, 3, 4))
    np.testing.assert_allclose(
        brightness, [10 * t for i in range(10) for t in range(i + 1)], atol=1
    )


def test_raw_frames_of_the_original_format_are_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / 'episode_0.hdf5', 'w') as file:
        file.attrs['sim'] = True
        file['action'] = np.zeros((4, 14))
        file['observations/qpos'] = np.zeros((4, 14))
        file['observations/images/top'] = (
            np.arange(4 * 96 * 128 * 3).reshape(4, 96, 128, 3).astype(np.uint8)
        )
        expected = file['observations/images/top'][2]
    data = Dataset(tmp_path, (96, 128), 3)
    assert data.cameras == ('top',)
    np.testing.assert_array_equal(frames(data)[2, 0], expected)


def test_episodes_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for i in (10, 2, 1):
        (tmp_path / f'episode_{i}.hdf5').touch()
    assert [ref.path.stem for ref in find_episodes(tmp_path)] == [
        'episode_1',
        'episode_2',
        'episode_10',
    ]


def test_a_folder_without_episodes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EpisodeError, match='holds no .hdf5'):
        Dataset(tmp_path, (48, 64), 5)
    with pytest.raises(EpisodeError, match='there is no folder'):
        Dataset(tmp_path / 'nowhere', (48, 64), 5)


@pytest.mark.parametrize('limit', [None, 0])
def test_a_frame_of_another_shape_is_refused(folder: Path, limit: float | None) -> None:
    with pytest.raises(EpisodeError, match='episode_0.*aspect ratio'):
        Dataset(folder, (64, 64), 5, cache_gb=limit)


def test_a_missing_camera_is_named(folder: Path) -> None:
    with pytest.raises(EpisodeError, match='episode_0.*no camera cam_low; it has cam_high'):
        Dataset(folder, (48, 64), 5, ['cam_low'])


def change(path: Path, name: str, values: object) -> None:
    with h5py.File(path, 'r+') as file:
        del file[name]
        file[name] = values


@pytest.mark.parametrize(
    ('name', 'values', 'message'),
    [
        ('action', np.full((8, 14), np.nan), 'action at tick 0, entry 0 is nan'),
        ('action', np.zeros((8, 16)), 'entries of action: 16, but episode_0.hdf5 has 14'),
        ('observations/qpos', np.zeros((7, 14)), 'the lengths differ: qpos 7, action 8'),
        ('observations/qpos', np.zeros(8), r'qpos has shape \(8,\)'),
    ],
)
def test_an_episode_that_does_not_fit_is_named(
    folder: Path, name: str, values: object, message: str
) -> None:
    change(folder / 'episode_1.hdf5', name, values)
    with pytest.raises(EpisodeError, match=f'episode_1.*{message}'):
        Dataset(folder, (48, 64), 5)


def test_a_damaged_file_is_named(folder: Path) -> None:
    (folder / 'episode_2.hdf5').write_bytes(b'not HDF5')
    with pytest.raises(EpisodeError, match='episode_2.*cannot be read'):
        Dataset(folder, (48, 64), 5)


def test_pictures_of_another_shape_name_the_sizes_that_fit(folder: Path) -> None:
    with pytest.raises(EpisodeError, match=r'128x96, and image_size \[48, 85\]') as error:
        Dataset(folder, (48, 85), 5)
    assert 'such as [48, 64] or [96, 128]' in str(error.value)
    assert 'trained on' not in str(error.value)


def test_an_episode_without_a_tick_is_said_to_be_empty(tmp_path: Path) -> None:
    path = write_episode(tmp_path / 'episode_0.hdf5', 3)
    with h5py.File(path, 'r+') as file:
        for name in ('action', 'observations/qpos'):
            del file[name]
            file[name] = np.zeros((0, 14), np.float32)
    with pytest.raises(EpisodeError, match=r'episode_0\.hdf5 has no tick'):
        Dataset(tmp_path, (48, 64), 5)
