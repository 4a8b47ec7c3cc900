# SPDX-License-Identifier: Apache-2.0
"""What a file says of its sizes is not believed: it is refused in one line, and takes no memory."""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Callable
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import episode_mutations
import lerobot_sets as sets
from act_ros.commands.check_dataset import remarks
from act_ros.data.check import Report
from act_ros.data.child_processes import each
from act_ros.data.errors import EpisodeError
from act_ros.data.formats.aloha import read_episode
from act_ros.data.formats.collection import find_episodes
from act_ros.data.lerobot import columns
from act_ros.data.playback import read_recording
from act_ros.robot.spec import RobotSpec

TICKS, CAMERA = 8, episode_mutations.CAMERA
MEMORY = 700 << 20
"""Bytes that reading may take, all that is imported included."""


class Damage(NamedTuple):
    """Of a dataset: what is done to it, and what is said of that."""

    change: Callable[[Path], None]
    says: str


def hdf5(name: str, **dataset: Any) -> Callable[[Path], None]:
    """A dataset in the place of one of an episode."""

    def change(place: Path) -> None:
        with h5py.File(place / 'episode_0.hdf5', 'r+') as root:
            del root[name]
            root.create_dataset(name, **dataset)

    return change


def pictures(data: bytes) -> Callable[[Path], None]:
    def change(place: Path) -> None:
        rows = np.stack([np.frombuffer(data, np.uint8)] * TICKS)
        hdf5(CAMERA, data=rows)(place)
        with h5py.File(place / 'episode_0.hdf5', 'r+') as root:
            del root['compress_len']

    return change


@lru_cache
def packed_zeros() -> bytes:
    """A gigabyte of them in a megabyte."""
    pack = zlib.compressobj(6)
    return b''.join([*(pack.compress(bytes(1 << 24)) for _ in range(64)), pack.flush()])


def bomb(name: str) -> Callable[[Path], None]:
    """A chunk of a megabyte in the file, and of a gigabyte when it is unpacked."""

    def change(place: Path) -> None:
        data = packed_zeros()
        with h5py.File(place / EPISODE, 'r+') as root:
            like = root[name]
            shape, kind = like.shape, like.dtype
            del root[name]
            made = root.create_dataset(name, shape, kind, chunks=shape, compression='gzip')
            made.id.write_direct_chunk((0,) * len(shape), data)

    return change


def attribute(place: Path) -> None:
    with h5py.File(place / 'episode_0.hdf5', 'r+', libver='latest') as root:
        texts = np.array(['x'] * 3000, object)
        root.attrs.create('task', texts, dtype=h5py.string_dtype())


def jpeg(width: int, height: int) -> bytes:
    """A header, and no picture."""
    frame = struct.pack('>BBHBHHB', 0xFF, 0xC0, 17, 8, height, width, 3)
    scan = b'\xff\xda\0\x0c\x03\x01\0\x02\x11\x03\x11\0\x3f\0'
    return (
        b'\xff\xd8'
        + frame
        + b'\x01\x22\0\x02\x11\x01\x03\x11\x01'
        + scan
        + bytes(99)
        + b'\xff\xd9'
    )


def png(width: int, height: int) -> bytes:
    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n\0\0\0\rIHDR' + header + bytes(99) + b'IEND\xaeB`\x82'


def info(**entries: Any) -> Callable[[Path], None]:
    def change(place: Path) -> None:
        path = place / 'meta/info.json'
        path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))

    return change


def line(**entries: Any) -> Callable[[Path], None]:
    def change(place: Path) -> None:
        row = {'episode_index': 0, 'tasks': ['t'], 'length': 6, **entries}
        (place / 'meta/episodes.jsonl').write_text(json.dumps(row))

    return change


def sparse(name: str, size: int) -> Callable[[Path], None]:
    def change(place: Path) -> None:
        with (place / name).open('r+b') as file:
            file.truncate(size)

    return change


def instead(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    def change(place: Path) -> None:
        (place / name).unlink()
        make(place / name)

    return change


def zeros(path: Path) -> None:
    path.symlink_to('/dev/zero')


EPISODE = 'episode_0.hdf5'
ROWS = 'data/chunk-000/episode_000000.parquet'
VIDEO = f'videos/chunk-000/{sets.KEY}/episode_000000.mp4'
HUGE, FILLED = (250_000_000, 14), {'dtype': 'f4', 'chunks': (1000, 14)}
HOSTILE = {
    'rows': Damage(hdf5('action', shape=HUGE, **FILLED), 'says that it has 3500000000 numbers'),
    'rows of qvel': Damage(hdf5('observations/qvel', shape=HUGE, **FILLED), 'at most 64000000'),
    'stamps': Damage(hdf5('observations/stamp', shape=(10**9,), dtype='f8', chunks=(9,)), 'at most'),
    'none of them': Damage(hdf5('action', shape=(4_000_000, 14), **FILLED), 'has none of them'),
    'a chunk': Damage(
        hdf5('action', shape=(8, 14), dtype='f4', maxshape=(None, 14), chunks=(30_000_000, 14)),
        'in chunks of 1680000000 bytes'),
    'a packed table': Damage(bomb('action'), 'unpacks to more than its 448 bytes'),
    'packed pictures': Damage(bomb(CAMERA), 'unpacks to more than its'),
    'raw pictures': Damage(
        hdf5(CAMERA, shape=(8, 30_000, 30_000, 3), dtype='u1', chunks=(1, 99, 99, 3)), 'bytes a picture'),
    'chunks of pictures': Damage(
        hdf5(CAMERA, shape=(8, 480, 640, 3), dtype='u1', chunks=(1000, 480, 640, 3), maxshape=(None,) * 4),
        'in chunks of 921600000 bytes'),
    'a JPEG': Damage(pictures(jpeg(30_000, 30_000)), 'a picture of 30000x30000; at most'),
    'a PNG': Damage(pictures(png(2**31 - 1, 2**31 - 1)), 'a picture of 2147483647x2147483647'),
    'an attribute': Damage(attribute, 'attribute task says that it has 3000 values'),
    'a pipe': Damage(instead(EPISODE, os.mkfifo), 'not a regular file'),
    'a device': Damage(instead(EPISODE, zeros), 'not a regular file'),
    'digits': Damage(info(data_path='{episode_index:03000000000d}'), 'no way to write a number'),
    'attributes of numbers': Damage(info(video_path='{episode_index.real}'), 'cannot be used'),
    'a length': Damage(line(length=3_000_000_000), 'at most 4320000 rows are read'),
    'a number': Damage(line(episode_index=10**30), 'expected a whole number'),
    'a table of a pipe': Damage(instead('meta/episodes.jsonl', os.mkfifo), 'not a regular file'),
    'a table of zeros': Damage(instead('meta/info.json', zeros), 'not a regular file'),
    'rows of a pipe': Damage(instead(ROWS, os.mkfifo), 'rows are missing'),
    'a video of a pipe': Damage(instead(VIDEO, os.mkfifo), 'not a regular file'),
    'a long table': Damage(sparse('meta/info.json', 3 << 30), 'at most 16777216 are read'),
    'a long line': Damage(sparse('meta/episodes.jsonl', 900 << 20), 'has more than 16777216 characters'),
}  # fmt: skip


def attempt(item: tuple[str, str]) -> tuple[str, int]:
    """What is said of a dataset, and the most bytes of memory that this process has taken."""
    place = item[1]
    before = episode_mutations.peak_bytes()
    said = 'nothing'
    try:
        for ref in find_episodes(Path(place)):
            with ref.open() as episode:
                said = '; '.join([*episode.left_out.values(), *episode.faults().bad])
                for camera in episode.cameras:
                    episode.images[camera][0]
    except EpisodeError as error:
        said = str(error)
    assert episode_mutations.peak_bytes() - before < MEMORY
    return said, episode_mutations.peak_bytes()


def test_no_size_is_believed_before_it_is_looked_at(tmp_path: Path) -> None:
    items = []
    for i, (name, damage) in enumerate(HOSTILE.items()):
        place = tmp_path / str(i)
        place.mkdir()
        of_hdf5 = damage.change.__qualname__.startswith(('hdf5', 'pictures', 'attribute', 'bomb'))
        if of_hdf5 or name in ('a pipe', 'a device'):
            episode_mutations.hdf5(place)
        else:
            sets.v21(place, (6,))
        damage.change(place)
        items.append((name, str(place)))
    wrong = []
    with closing(each(attempt, items, 1, 60.0)) as outcomes:
        for outcome in outcomes:
            name, (said, peak) = outcome.item[0], outcome.result or (str(outcome.error), 0)
            if said.count(HOSTILE[name].says) != 1 or '\n' in said or peak > MEMORY:
                wrong.append(f'{name}: {peak / 1e6:.0f} MB, {said[:300]}')
    assert not wrong, '\n'.join(wrong)


def test_rows_that_unpack_to_more_than_memory_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column of equal numbers takes no room: millions of them are in some thousand bytes."""
    root = sets.v21(tmp_path / 'set', (6,))
    path = root / ROWS
    table = pq.read_table(path)
    count = 4_000_000
    same = {
        name: pa.array(np.zeros(count), pa.float32()) for name in ('stamp', 'frame_age.cam_high')
    }
    zero = {name: pa.array(np.zeros(count, np.int64)) for name in ('episode_index', 'frame_index')}
    pq.write_table(pa.table({**same, **zero}), path)
    assert path.stat().st_size < 100_000 and table.num_rows == 6
    monkeypatch.setattr(columns, 'MOST_GROUP', 16 << 20)
    with pytest.raises(EpisodeError, match=r'1048576 rows in one group, 25165824 bytes'):
        find_episodes(root)[0].open()


def test_gaps_in_the_numbers_are_counted_not_listed() -> None:
    reports = [Report(f'episode_{n}.hdf5') for n in (2, 3, 5, 3_000_000_000, 10**40)]
    assert f'note  numbers without an episode: {10**40 - 6}, first 4' in remarks(reports)
    assert not remarks(reports[:2])


def test_a_rate_that_makes_days_of_some_ticks_is_refused(tmp_path: Path) -> None:
    path = episode_mutations.hdf5(tmp_path)
    with h5py.File(path, 'r+') as root:
        root.attrs['rate_hz'] = 1e-9
        del root['observations/stamp']
    with pytest.raises(EpisodeError, match='at most 4320000 are replayed'):
        read_recording(path, RobotSpec.load())


def test_an_hour_of_four_large_cameras_is_read(tmp_path: Path) -> None:
    path, rows = tmp_path / EPISODE, 180_000
    values = np.tile(np.linspace(-0.5, 0.5, rows, dtype=np.float32)[:, None], (1, 14))
    with h5py.File(path, 'w') as root:
        for name in ('observations/qpos', 'observations/qvel', 'observations/effort', 'action'):
            root.create_dataset(name, data=values, chunks=(1000, 14))
        for i in range(4):
            images = root.create_dataset(
                f'observations/images/cam_{i}',
                (rows, 720, 1280, 3),
                'u1',
                chunks=(1, 720, 1280, 3),
            )
            images[rows - 1] = 100 + i
    with read_episode(path) as episode:
        assert len(episode) == rows and len(episode.cameras) == 4 and not episode.left_out
        for i, camera in enumerate(episode.cameras):
            assert len(episode.images[camera]) == rows
            assert episode.images[camera][rows - 1].mean() == 100 + i


@pytest.fixture(scope='module')
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('whole')
    episode_mutations.make_whole(folder)
    return folder


@pytest.mark.parametrize('kind', episode_mutations.PLACES)
def test_mutated_files_give_an_error_or_an_episode_in_little_memory(
    whole: Path, kind: str
) -> None:
    count = 15 if kind == 'video' else 30  # `episode_mutations.main` tries more
    episode_mutations.read(whole / episode_mutations.PLACES[kind][0])
    found = episode_mutations.tried(whole, kind, count)
    assert found.total() == count and found['refused'] > 0
