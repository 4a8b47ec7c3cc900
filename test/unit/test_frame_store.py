# SPDX-License-Identifier: Apache-2.0
"""The files of decoded frames: a damaged one is made anew, and all of them together keep to the room that they have."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from act_ros.data import frame_store
from act_ros.data.dataset import Dataset
from act_ros.data.frame_store import DecodedFrames
from synthetic import all_frames, write_episode

SIZE, LARGER = (48, 64), (96, 128)
ONE = 24 * 48 * 64 * 3
"""Bytes of the frames in the smaller size."""
Disk = namedtuple('Disk', 'total used free')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(2):
        write_episode(tmp_path / f'episode_{i}.hdf5', seed=i)
    return tmp_path


def caches(folder: Path) -> list[Path]:
    return sorted((folder / '.frames').iterdir())


def cut(path: Path, size: int) -> None:
    with path.open('r+b') as file:
        file.truncate(size)


def of_another_shape(path: Path) -> None:
    with path.open('wb') as file:
        np.save(file, np.zeros((3, 1, 48, 64, 3), np.uint8))


def of_another_type(path: Path) -> None:
    values = np.load(path)
    with path.open('wb') as file:
        np.save(file, values.astype(np.float32))


def a_pickle(path: Path) -> None:
    with path.open('wb') as file:
        np.save(file, np.array([{}], object), allow_pickle=True)


DAMAGES: list[Callable[[Path], None]] = [
    lambda path: cut(path, path.stat().st_size - 1000),
    lambda path: cut(path, 40),
    lambda path: cut(path, 3),
    lambda path: cut(path, 0),
    lambda path: path.write_bytes(b'PK\3\4' + bytes(200)) and None,
    of_another_shape,
    of_another_type,
    a_pickle,
]


@pytest.mark.parametrize('damage', DAMAGES)
def test_a_damaged_cache_is_made_anew_and_said(
    folder: Path, damage: Callable[[Path], None]
) -> None:
    expected = all_frames(Dataset(folder, SIZE, 3))
    (path,) = caches(folder)
    damage(path)
    data = Dataset(folder, SIZE, 3)
    np.testing.assert_array_equal(all_frames(data), expected)
    (note,) = [note for note in data.notes if 'are damaged' in note]
    assert str(path) in note and '\n' not in note and caches(folder) == [path]
    assert not any('damaged' in note for note in Dataset(folder, SIZE, 3).notes)


def test_a_damaged_cache_is_not_used_where_none_may_be_made(folder: Path) -> None:
    expected = all_frames(Dataset(folder, SIZE, 3))
    cut(caches(folder)[0], 1000)
    data = Dataset(folder, SIZE, 3, cache_gb=0)
    assert isinstance(data.frames, DecodedFrames)
    np.testing.assert_array_equal(all_frames(data), expected)


def used_before(path: Path, seconds: int) -> None:
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns - seconds * 10**9, status.st_mtime_ns))


def of(folder: Path, size: tuple[int, int]) -> Path:
    (path,) = (folder / '.frames').glob(f'frames_{size[0]}x{size[1]}_*.npy')
    return path


def test_caches_that_were_not_used_for_longest_make_room_within_the_budget(folder: Path) -> None:
    sizes = [SIZE, (24, 32), (12, 16)]
    for seconds, size in zip((30, 50, 10), sizes, strict=True):
        Dataset(folder, size, 3)
        used_before(of(folder, size), seconds)
    strange = folder / '.frames/frames_of_mine.npy'
    strange.write_bytes(bytes(10 * ONE))
    Dataset(folder, (12, 16), 3)
    # Room for the new one, its like and the smallest, with their headers.
    data = Dataset(folder, (45, 60), 3, cache_gb=(2 * ONE) / 1e9)
    assert of(folder, SIZE) in caches(folder) and not list(folder.glob('.frames/*24x32*'))
    (note,) = [note for note in data.notes if 'to make room' in note]
    assert note.startswith('1 older caches') and '24x32' in note
    kept = sum(path.stat().st_size for path in caches(folder) if path != strange)
    assert kept <= 2 * ONE and strange.stat().st_size == 10 * ONE


def test_a_use_counts_also_where_the_file_system_notes_none(folder: Path) -> None:
    for size in (SIZE, (24, 32)):
        Dataset(folder, size, 3)
        used_before(of(folder, size), 100 if size == SIZE else 50)
    before = of(folder, SIZE).stat().st_mtime_ns
    Dataset(folder, SIZE, 3)
    assert of(folder, SIZE).stat().st_mtime_ns == before
    Dataset(folder, (45, 60), 3, cache_gb=2 * ONE / 1e9)
    assert of(folder, SIZE) in caches(folder) and not list(folder.glob('.frames/*24x32*'))


def test_one_that_is_in_use_is_not_removed(folder: Path) -> None:
    first = Dataset(folder, SIZE, 3)
    expected = all_frames(first)
    data = Dataset(folder, (45, 60), 3, cache_gb=1.5 * ONE / 1e9)
    assert isinstance(data.frames, DecodedFrames) and caches(folder) == [of(folder, SIZE)]
    np.testing.assert_array_equal(all_frames(first), expected)
    del first, data
    Dataset(folder, (45, 60), 3, cache_gb=1.5 * ONE / 1e9)
    assert caches(folder) == [of(folder, (45, 60))]


def test_nothing_is_removed_for_one_that_does_not_fit_all_the_same(folder: Path) -> None:
    Dataset(folder, SIZE, 3)
    data = Dataset(folder, LARGER, 3, cache_gb=2 * ONE / 1e9)
    assert isinstance(data.frames, DecodedFrames) and caches(folder) == [of(folder, SIZE)]


@pytest.mark.parametrize(('spare', 'cached'), [(1e9, True), (1e3, False)])
def test_some_of_the_disk_stays_free(
    folder: Path, monkeypatch: pytest.MonkeyPatch, spare: float, cached: bool
) -> None:
    free = frame_store.LEFT_FREE + spare
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: Disk(1e12, 1e12 - free, free))
    data = Dataset(folder, SIZE, 3, cache_gb=100)
    assert isinstance(data.frames, DecodedFrames) is not cached


def test_older_caches_make_room_on_a_full_disk(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Dataset(folder, LARGER, 3)
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: Disk(1e12, 1e12, ONE))
    data = Dataset(folder, SIZE, 3)
    assert not isinstance(data.frames, DecodedFrames) and caches(folder) == [of(folder, SIZE)]
