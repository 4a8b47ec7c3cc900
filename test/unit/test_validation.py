# SPDX-License-Identifier: Apache-2.0
"""Validation: the error on held-out episodes, and a policy that does not look at its pictures is found out."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from act_ros.data.dataset import Dataset
from act_ros.policy.config import PolicyConfig
from act_ros.policy.normalize import Normalizer
from act_ros.policy.training.batches import Batches, Samples
from act_ros.policy.training.validation import (
    BEGUN,
    MISLED,
    SEEN,
    Validation,
    blindness,
    same_moment,
)
from synthetic import TINY, write_episode


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.data())
def test_the_partner_of_a_tick_is_at_the_same_moment_of_another_episode(
    lengths: list[int], data: st.DataObject
) -> None:
    starts = np.concatenate([[0], np.cumsum(lengths)])
    ticks = np.array(data.draw(st.lists(st.integers(0, sum(lengths) - 1), min_size=1)))
    found = same_moment(ticks, starts)
    mine, theirs = (np.searchsorted(starts, t, side='right') - 1 for t in (ticks, found))
    held = set(mine.tolist())
    assert set(theirs.tolist()) == held
    assert len(held) == 1 or (mine != theirs).all()
    late = np.minimum(ticks - starts[mine], np.array(lengths)[theirs] - 1)
    np.testing.assert_array_equal(found - starts[theirs], late)


@pytest.fixture(scope='module')
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Three episodes, of 12, 6 and 12 ticks: towards the end of the first its pictures are not those of the second."""
    folder = tmp_path_factory.mktemp('episodes')
    for i in range(3):
        write_episode(folder / f'episode_{i}.hdf5', 6 if i == 1 else 12)
    return Dataset(folder, TINY['image_size'], TINY['chunk'])


class OtherScenes(Batches):
    """Samples whose pictures are as bright, and whose actions as large, as their episode's number says."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(dataset, torch.device('cpu'))
        self.starts = dataset.starts

    def samples(self, ticks: Any, fetched: Any = None) -> Samples:
        found = super().samples(ticks, fetched)
        episodes = np.searchsorted(self.starts, ticks, side='right')
        bright = torch.from_numpy(60 * episodes).view(-1, 1, 1, 1, 1).to(torch.uint8)
        number = torch.from_numpy(episodes).view(-1, 1, 1).float()
        return replace(
            found,
            images=torch.zeros_like(found.images) + bright,
            actions=torch.zeros_like(found.actions) + number,
        )


class Seer:
    """Predicts what the brightness of the picture says, by `share`, and 0 otherwise."""

    def __init__(self, share: float) -> None:
        self.share = share

    def __call__(self, qpos: torch.Tensor, images: torch.Tensor) -> Any:
        bright = images.mean(dim=(1, 2, 3, 4)).view(-1, 1, 1)
        chunk = torch.zeros(len(qpos), TINY['chunk'], 14)
        return SimpleNamespace(actions=chunk + self.share * bright)


def measured(dataset: Dataset, network: Any, ticks: np.ndarray[Any, Any]) -> dict[str, float]:
    config = PolicyConfig(cameras=dataset.cameras, **TINY)
    normalizer = Normalizer(config, dataset.stats())
    batches = OtherScenes(dataset)
    validation = Validation(dataset, ticks, 256, batches, normalizer)
    return validation.measure(network, contextlib.nullcontext())


def test_who_does_not_look_has_the_same_error_with_the_pictures_of_another(
    dataset: Dataset,
) -> None:
    found = measured(dataset, Seer(0.0), np.arange(18))
    assert found[BEGUN] == pytest.approx(found[MISLED]) and found[SEEN] > 0
    assert 'does not look at its pictures' in blindness(found)


def test_who_looks_is_misled_by_the_pictures_of_another(dataset: Dataset) -> None:
    found = measured(dataset, Seer(3.0), np.arange(18))
    assert found[MISLED] > found[BEGUN] + 0.01
    assert blindness({BEGUN: 0.05, MISLED: 0.2}) == ''


@pytest.mark.parametrize('ticks', [np.arange(0), np.arange(12)], ids=['none', 'one episode'])
def test_nothing_is_said_where_nothing_could_be_compared(
    dataset: Dataset, ticks: np.ndarray[Any, Any]
) -> None:
    found = measured(dataset, Seer(0.0), ticks)
    assert math.isnan(found[MISLED]) and blindness(found) == ''
