# SPDX-License-Identifier: Apache-2.0
"""The samples of training: each tick once, wherever its frames lie, and how pictures are changed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from training_runs import CPU, RECIPE, same, trainer, weights

from act_ros.data.dataset import Dataset
from act_ros.policy.training.augment import augment_images, withhold_qpos
from act_ros.policy.training.batches import Batches, Feed, Order, fits_on_device
from act_ros.policy.training.placement import Placement
from synthetic import TINY


def test_each_tick_is_seen_once_before_any_is_seen_again() -> None:
    ticks = np.arange(100, 123)
    order = Order(ticks, 1, 4, CPU)
    seen = np.concatenate([order.at(step) for step in range(2 * len(ticks) // 4)])
    assert sorted(seen[: len(ticks)]) == sorted(ticks)
    assert not np.array_equal(seen[: len(ticks)], seen[len(ticks) : 2 * len(ticks)])
    np.testing.assert_array_equal(Order(ticks, 1, 4, CPU).at(7), order.at(7))


def test_processes_that_train_together_take_different_samples() -> None:
    ticks = np.arange(23)
    alone = Order(ticks, 1, 8, CPU)
    for step in range(9):
        parts = [Order(ticks, 1, 4, Placement(CPU.device, rank, 2)).at(step) for rank in range(2)]
        np.testing.assert_array_equal(np.concatenate(parts), alone.at(step))


def test_frames_that_lie_on_the_device_are_those_that_are_fetched_ahead(episodes: Path) -> None:
    data = Dataset(episodes, TINY['image_size'], TINY['chunk'])
    order = Order(np.arange(len(data)), 1, 5, CPU)
    there, ahead = (Batches(data, CPU.device, resident) for resident in (True, False))
    feed = Feed(ahead, order)
    for step in (0, 1, 2, 7):  # a run that goes on elsewhere skips some
        one, two = there.samples(order.at(step)), feed.at(step)
        for mine, theirs in zip(vars(one).values(), vars(two).values(), strict=True):
            assert torch.equal(mine, theirs)
    feed.close()


def test_frames_lie_on_a_gpu_where_they_leave_it_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, 'mem_get_info', lambda device: (10_000, 80_000))
    assert fits_on_device(5000, torch.device('cuda:0')) and not fits_on_device(
        5001, torch.device('cuda:0')
    )
    assert not fits_on_device(1, CPU.device)  # there they are as near in their file


def test_a_policy_is_the_same_wherever_its_frames_lay(
    episodes: Path, whole: Path, tmp_path: Path
) -> None:
    run = trainer(episodes, tmp_path)
    run.batches = Batches(run.dataset, CPU.device, resident=True)
    run.run()
    assert same(weights(whole), weights(tmp_path))


def test_augmentation_moves_and_brightens_within_its_bounds() -> None:
    images = torch.zeros((64, 2, 10, 12, 3), dtype=torch.uint8)
    images[:, :, 5, 6] = 100
    plain = dataclasses.replace(
        RECIPE, augment_shift=0, augment_brightness=0.0, augment_offset=0.0, augment_noise=0.0
    )
    assert augment_images(images, plain) is images
    torch.manual_seed(0)
    moved = augment_images(images, dataclasses.replace(plain, augment_shift=2))
    places = [tuple(np.argwhere(sample[0, :, :, 0].numpy())[0]) for sample in moved]
    assert {y - 5 for y, _ in places} == {x - 6 for _, x in places} == {-2, -1, 0, 1, 2}
    assert moved.dtype == torch.uint8 and torch.equal(moved[:, 0], moved[:, 1])
    bright = augment_images(images, dataclasses.replace(plain, augment_brightness=0.2))
    values = bright.amax(dim=(1, 2, 3, 4))
    assert 80 <= values.min() < 85 and 115 < values.max() <= 120
    assert torch.equal(bright[:, 0], bright[:, 1])


def test_the_joints_of_a_share_of_the_samples_are_withheld_and_the_others_left_alone() -> None:
    qpos = torch.randn(4000, 14)
    assert withhold_qpos(qpos, 0.0) is qpos
    torch.manual_seed(0)
    seen = withhold_qpos(qpos, 0.3)
    without = (seen == 0).all(dim=1)
    assert without.float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert torch.equal(seen[~without], qpos[~without])


def test_augmentation_adds_an_offset_and_noise_within_the_levels_of_a_picture() -> None:
    grey = torch.full((64, 2, 10, 12, 3), 100, dtype=torch.uint8)
    plain = dataclasses.replace(
        RECIPE, augment_shift=0, augment_brightness=0.0, augment_offset=0.0, augment_noise=0.0
    )
    torch.manual_seed(0)
    moved = augment_images(grey, dataclasses.replace(plain, augment_offset=6.0))
    assert 94 <= moved.min() < 95 and 105 < moved.max() <= 106
    assert (moved.std(dim=(1, 2, 3, 4)) < 1e-3).all()  # a sample's pixels are moved alike
    noisy = augment_images(grey, dataclasses.replace(plain, augment_noise=2.0))
    assert noisy.std().item() == pytest.approx(2.0, rel=0.02)
    assert not torch.equal(noisy[:, 0], noisy[:, 1])
    for level in (0, 255):
        extreme = torch.full_like(grey, level)
        changed = augment_images(extreme, RECIPE)
        assert changed.min() >= 0 and changed.max() <= 255
