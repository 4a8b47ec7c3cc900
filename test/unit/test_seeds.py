# SPDX-License-Identifier: Apache-2.0
"""Seeds of demonstrations begin at 1000 and go on after the last one of the folder."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from act_ros.data.errors import EpisodeError
from act_ros.data.seeds import FIRST_SEED, known_seeds, next_seed
from synthetic import write_episode


def episode(folder: Path, number: int, **attrs: object) -> None:
    path = write_episode(folder / f'episode_{number}.hdf5', ticks=2)
    with h5py.File(path, 'r+') as file:
        file.attrs.update(attrs)


def test_the_first_seed_leaves_those_of_the_evaluation_free(tmp_path: Path) -> None:
    assert next_seed(tmp_path / 'not_there', 'insertion') == FIRST_SEED == 1000


def test_it_goes_on_after_the_largest_of_the_same_task(tmp_path: Path) -> None:
    episode(tmp_path, 0, task='insertion', seed=1007)
    episode(tmp_path, 1, task='insertion', seed=1003)
    episode(tmp_path, 2, task='transfer_cube', seed=2000)
    episode(tmp_path, 3, task='insertion')
    assert known_seeds(tmp_path, 'insertion') == {1003, 1007}
    assert next_seed(tmp_path, 'insertion') == 1008


def test_episodes_of_evaluation_seeds_do_not_draw_demonstrations_there(tmp_path: Path) -> None:
    episode(tmp_path, 0, task='insertion', seed=3)
    assert next_seed(tmp_path, 'insertion') == FIRST_SEED


def test_a_file_that_cannot_be_read_is_told_or_refused(tmp_path: Path) -> None:
    episode(tmp_path, 0, task='insertion', seed=1000)
    (tmp_path / 'episode_1.hdf5').write_bytes(b'no HDF5')
    told: list[str] = []
    assert next_seed(tmp_path, 'insertion', told.append) == 1001
    assert len(told) == 1 and 'episode_1.hdf5' in told[0]
    with pytest.raises(EpisodeError, match='episode_1.hdf5'):
        known_seeds(tmp_path, 'insertion')
