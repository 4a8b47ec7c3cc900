# SPDX-License-Identifier: Apache-2.0
"""The numbers of a run of training: recipes, the learning rate, and what a policy says of its origin."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from training_runs import CPU, RECIPE

from act_ros.data.dataset import Dataset
from act_ros.paths import share_dir
from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.policy.training.origin import origin, seed_runs
from act_ros.policy.training.placement import find_place
from act_ros.policy.training.recipe import Recipe, load_recipe
from act_ros.policy.training.schedule import Progress, rate_factor
from synthetic import TINY, write_episode


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    recipe = dataclasses.replace(RECIPE, steps=100, warmup=10)
    factors = [rate_factor(step, step / 100, recipe) for step in range(100)]
    assert factors[0] == pytest.approx(0.1, rel=0.01) and factors[9] > 0.95
    assert factors[50] == pytest.approx(0.5) and factors[99] < 1e-3
    assert rate_factor(99, 0.99, dataclasses.replace(recipe, schedule='constant')) == 1.0


def test_a_resumed_run_of_minutes_has_the_time_that_was_left() -> None:
    progress = Progress(dataclasses.replace(RECIPE, minutes=10.0), CPU)
    progress.restore(500, 9 * 60)
    assert progress.go_on() and progress.share == pytest.approx(0.9)
    progress.start()
    assert progress.go_on() and 0.9 < progress.share < 1 and progress.step == 500
    progress.restore(600, 10 * 60)
    assert not progress.go_on() and progress.share == 1


@pytest.mark.parametrize(
    ('seeds', 'runs'),
    [([], []), ([4], [(4, 4)]), ([1, 2, 3, 7, 9, 10], [(1, 3), (7, 7), (9, 10)])],
)
def test_seeds_are_kept_as_runs(seeds: list[int], runs: list[tuple[int, int]]) -> None:
    assert seed_runs(seeds) == runs


def test_a_policy_names_its_task_and_the_seeds_it_was_trained_on(tmp_path: Path) -> None:
    for seed in (4, 5, 8):
        write_episode(tmp_path / f'episode_{seed}.hdf5', seed=seed, attrs={'seed': seed})
    entries, notes = origin(Dataset(tmp_path, TINY['image_size'], TINY['chunk']))
    assert entries == {'task': 'test', 'training_seeds': ((4, 5), (8, 8))} and not notes
    write_episode(tmp_path / 'episode_9.hdf5', attrs={'task': 'another', 'sim': False, 'seed': 9})
    entries, notes = origin(Dataset(tmp_path, TINY['image_size'], TINY['chunk']))
    assert entries == {'task': '', 'training_seeds': ((4, 5), (8, 8))}
    assert notes == [
        'the episodes state different tasks (another, test), so the policy names none'
    ]


@pytest.mark.parametrize('name', ['paper', 'small', 'small_gpu'])
def test_the_shipped_configurations_are_valid(name: str) -> None:
    policy, recipe = load_recipe(share_dir() / 'config' / 'training.yaml', name)
    config = PolicyConfig.from_dict({'cameras': ['cam_high'], **policy})
    if name == 'paper':
        assert config == PolicyConfig(cameras=('cam_high',))
        assert recipe == Recipe()


@pytest.mark.parametrize(
    ('training', 'message'),
    [
        ({'stepz': 3}, 'unknown entries of training: stepz'),
        ({'lr': 'fast'}, "lr is 'fast'; expected float"),
        ({'batch': 0}, 'batch is 0; expected at least 1'),
        ({'schedule': 'linear'}, 'expected one of constant, cosine'),
        ({'ema': 1.0}, 'ema is 1.0'),
        ({'lr': -1.0}, 'not negative'),
    ],
)
def test_a_wrong_recipe_is_refused(tmp_path: Path, training: dict[str, Any], message: str) -> None:
    path = tmp_path / 'training.yaml'
    path.write_text(yaml.safe_dump({'mine': {'training': training}}))
    with pytest.raises(PolicyError, match=f"training.yaml, configuration 'mine': .*{message}"):
        load_recipe(path, 'mine')


def test_cuda_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(PolicyError, match='no CUDA device'):
        find_place('cuda')
    assert find_place('auto').device.type == 'cpu'
