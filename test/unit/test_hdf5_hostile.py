# SPDX-License-Identifier: Apache-2.0
"""Small HDF5 files that would unpack to gigabytes are refused in one line by a process that stays small."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import episode_mutations
from act_ros.data.child_processes import each
from act_ros.data.errors import EpisodeError
from act_ros.data.formats.aloha import read_episode
from act_ros.data.formats.hdf5_members import attributes, read_texts

MEMORY = 100 << 20
"""Bytes more than before that a refusal may take."""
UNPACKED = 300 << 20
SHUFFLE, DEFLATE, FLETCHER = 'set_shuffle', 'set_deflate', 'set_fletcher32'


def plain_episode(path: Path) -> Any:
    file = h5py.File(path, 'w')
    file['action'] = file['observations/qpos'] = np.zeros((2, 14), np.float32)
    file.create_group('observations/images')
    return file


def chunk(file: Any, filters: list[str], data: bytes) -> None:
    """A chunk of a kilobyte, stored as these bytes."""
    how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    how.set_chunk((1, 1000))
    for name in filters:
        getattr(how, name)(*([9] if name == DEFLATE else []))
    space = h5py.h5s.create_simple((1, 1000))
    made = h5py.h5d.create(file['observations'].id, b'qvel', h5py.h5t.NATIVE_UINT8, space, how)
    made.write_direct_chunk((0, 0), data)


def packed_twice(file: Any) -> None:
    chunk(file, [DEFLATE, DEFLATE], zlib.compress(zlib.compress(bytes(UNPACKED), 9), 9))


def packed_and_checked(file: Any) -> None:
    data = zlib.compress(bytes(UNPACKED * 2), 9)
    chunk(file, [DEFLATE, FLETCHER], data + bytes(4))


def packed_and_ordered_anew(file: Any) -> None:
    chunk(file, [DEFLATE, SHUFFLE], zlib.compress(bytes(UNPACKED), 9))


def by_a_filter_that_believes_the_file(file: Any) -> None:
    file.create_dataset(
        'observations/qvel', data=np.zeros((1, 1000), np.int32), chunks=(1, 1000), scaleoffset=0
    )


def lzf(file: Any) -> None:
    """264 zeros for three bytes: as those before."""
    data = b'\0\0' + b'\xe0\xff\0' * (7 << 20)
    made = file.create_dataset(
        'observations/qvel', (1, 1000), np.uint8, chunks=(1, 1000), compression='lzf'
    )
    made.id.write_direct_chunk((0, 0), data)


def names(kind: str) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        file.create_dataset('joint_names', shape=(40_000_000,), dtype=kind, chunks=(1000,))

    return change


def many_texts(file: Any) -> None:
    file.create_dataset('action_names', (3000,), h5py.string_dtype(), chunks=(3000,))


def long_texts(file: Any) -> None:
    file['joint_names'] = ['x' * 100_000] * 200


def texts_in_others(file: Any) -> None:
    kind = np.dtype([('name', h5py.string_dtype()), ('number', 'u1')])
    values = np.zeros(3000, kind)
    values['name'] = 'x'
    file.attrs.create('config', values, dtype=kind)


def lists_of_texts(file: Any) -> None:
    kind = h5py.h5t.py_create(np.dtype((h5py.string_dtype(), (3000,))), logical=True)
    h5py.h5a.create(file.id, b'config', kind, h5py.h5s.create(h5py.h5s.SCALAR))


def pictures_of_lists(file: Any) -> None:
    kind = h5py.h5t.py_create(np.dtype((h5py.string_dtype(), (3000,))), logical=True)
    images = file['observations/images'].id
    h5py.h5d.create(images, b'cam_high', kind, h5py.h5s.create_simple((2,)))
    file.attrs['cameras'] = ['cam_high']


HOSTILE: dict[Callable[[Any], None], str] = {
    packed_twice: 'qvel is packed by deflate, deflate; only what gzip or lzf',
    packed_and_checked: 'unpacks to more than its 1000 bytes',
    packed_and_ordered_anew: 'qvel is packed by deflate, shuffle; only what',
    by_a_filter_that_believes_the_file: 'qvel is packed by scaleoffset; only what',
    lzf: 'unpacks to more than its 1000 bytes',
    names('u1'): '/joint_names says that it has 40000000 values',
    names('S1'): '/joint_names says that it has 40000000 values',
    many_texts: '/action_names says that it has 3000 values',
    long_texts: '/joint_names has more than 1048576 bytes of texts; at most so many are read',
    texts_in_others: 'attribute config has texts or lists inside of other values',
    lists_of_texts: 'attribute config has texts or lists inside of other values',
    pictures_of_lists: 'camera cam_high is',
}


def attempt(path: str) -> tuple[str, int]:
    """What is said of a file, and the bytes that it took."""
    before = episode_mutations.peak_bytes()
    said = 'nothing'
    try:
        read_episode(path).close()
    except EpisodeError as error:
        said = str(error)
    return said, episode_mutations.peak_bytes() - before


def test_small_files_that_are_large_are_refused_by_a_process_that_stays_small(
    tmp_path: Path,
) -> None:
    paths = []
    for i, change in enumerate(HOSTILE):
        paths.append(str(tmp_path / f'episode_{i}.hdf5'))
        with closing(plain_episode(Path(paths[-1]))) as file:
            change(file)
        assert Path(paths[-1]).stat().st_size < 30 << 20
    wrong = []
    with closing(each(attempt, paths, 1, 60.0)) as outcomes:
        for outcome, expected in zip(outcomes, HOSTILE.values(), strict=True):
            said, took = outcome.result or (str(outcome.error), 0)
            if said.count(expected) != 1 or '\n' in said or took > MEMORY:
                wrong.append(f'{outcome.item}: {took / 1e6:.0f} MB, {said[:300]}')
    assert not wrong, '\n'.join(wrong)


@pytest.mark.parametrize(
    'how',
    [
        {'compression': 'gzip'},
        {'compression': 'gzip', 'shuffle': True},
        {'compression': 'gzip', 'shuffle': True, 'fletcher32': True},
        {'compression': 'lzf', 'shuffle': True},
        {'shuffle': True, 'fletcher32': True},
        {'fletcher32': True},
    ],
)
def test_what_h5py_packs_is_read(tmp_path: Path, how: dict[str, Any]) -> None:
    """Also chunks that are large enough to be measured, random and not."""
    values = np.random.default_rng(0).normal(size=(60_000, 14)).astype(np.float32)
    values[30_000:] = 0.25
    path = tmp_path / 'episode_0.hdf5'
    with h5py.File(path, 'w') as file:
        for name in ('action', 'observations/qpos'):
            file.create_dataset(name, data=values, chunks=values.shape, **how)
        file.create_group('observations/images')
    with read_episode(path) as episode:
        np.testing.assert_array_equal(episode.action, values)


def test_names_and_attributes_of_every_usual_kind_are_read(tmp_path: Path) -> None:
    path = tmp_path / 'episode_0.hdf5'
    with closing(plain_episode(path)) as file:
        file['joint_names'] = [f'joint_{i}' for i in range(14)]
        file['action_names'] = np.array([b'a', b'b'])
        file['observations/more'] = 'one'
        file.attrs['task'], file.attrs['texts'] = 'Lift it', ['x', 'y']
        file.attrs['pairs'] = np.zeros(2, [('a', 'f4'), ('b', 'S3')])
        lists = np.array([np.arange(3), np.arange(2)], dtype=object)
        file.attrs.create('lists', lists, dtype=h5py.vlen_dtype('i4'))
    with read_episode(path) as episode:
        assert episode.attrs['joint_names'] == [f'joint_{i}' for i in range(14)]
        assert episode.attrs['action_names'] == ['a', 'b']
        assert episode.attrs['task'] == 'Lift it' and episode.attrs['texts'] == ['x', 'y']
    with h5py.File(path) as file:
        assert read_texts(file['observations/more']) == b'one'
        assert {'pairs', 'lists'} <= {name for name, _ in attributes(file)}
