# SPDX-License-Identifier: Apache-2.0
"""Training: it learns, a seed reproduces it, a resumed run is the same, and what stops it is said."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_runs import same, trainer, weights

from act_ros.policy.errors import PolicyError
from act_ros.policy.training.curves import Curves
from act_ros.policy.training.run_files import load_state


def test_the_loss_falls(episodes: Path, tmp_path: Path) -> None:
    run = trainer(episodes, tmp_path, steps=60, checkpoint_every=60, batch=8, kl_weight=1.0)
    run.run()
    curve = [value for _, value in run.curves.values['l1']]
    assert np.mean(curve[-10:]) < 0.92 * np.mean(curve[:10])


def test_a_seed_reproduces_the_policy_bit_for_bit(
    episodes: Path, whole: Path, tmp_path: Path
) -> None:
    for name, seed in (('again', 1), ('other', 2)):
        trainer(episodes, tmp_path / name, seed).run()
    assert same(weights(whole), weights(tmp_path / 'again'))
    assert not same(weights(whole), weights(tmp_path / 'other'))


def test_a_resumed_run_equals_one_that_was_not_interrupted(
    episodes: Path, whole: Path, tmp_path: Path
) -> None:
    first = trainer(episodes, tmp_path / 'parts')

    class StopError(Exception):
        pass

    def stop(step: int) -> None:
        if step == 5:  # two steps after the checkpoint: they are done again
            raise StopError

    with pytest.raises(StopError):
        first.run(stop)
    second = trainer(episodes, tmp_path / 'parts')
    second.resume(load_state(tmp_path / 'parts'))
    assert second.step == 3
    second.run()
    assert same(weights(whole), weights(tmp_path / 'parts'))


def test_a_run_is_not_resumed_with_other_numbers(
    episodes: Path, whole: Path, tmp_path: Path
) -> None:
    with pytest.raises(PolicyError, match='cannot resume: lr was 0.001, and is 0.0001'):
        trainer(episodes, tmp_path, lr=1e-4).resume(load_state(whole))
    with pytest.raises(PolicyError, match='cannot resume: seed was 1, and is 5'):
        trainer(episodes, tmp_path, seed=5).resume(load_state(whole))


def test_a_run_from_before_a_number_was_invented_goes_on_without_it(
    episodes: Path, whole: Path, tmp_path: Path
) -> None:
    old = load_state(whole)
    del old['recipe']['qpos_dropout']
    with pytest.raises(PolicyError, match='cannot resume: qpos_dropout was 0.0, and is 0.3'):
        trainer(episodes, tmp_path).resume(old)
    trainer(episodes, tmp_path, qpos_dropout=0.0).resume(old)


@pytest.mark.parametrize('length', [{'steps': 9}, {'minutes': 2 / 60}])
def test_a_finished_run_is_lengthened(
    episodes: Path, tmp_path: Path, length: dict[str, Any]
) -> None:
    first = trainer(episodes, tmp_path)
    first.run()
    assert first.curves.values['lr'][-1][1] < 2e-4
    second = trainer(episodes, tmp_path, **length)
    second.resume(load_state(tmp_path))
    second.progress.restore(second.step, 1.0)  # the first took one second, on any machine
    second.run()
    rates = second.curves.values['lr']
    assert rates[0][0] == 7 and rates[0][1] > 2e-4  # the rate that belongs there in the longer run
    assert second.step >= 9 if 'steps' in length else second.progress.seconds >= 2


def test_a_run_that_is_stopped_leaves_a_checkpoint_and_goes_on_as_if_it_had_not_been(
    episodes: Path, whole: Path, tmp_path: Path
) -> None:
    first = trainer(episodes, tmp_path)

    def stop(step: int) -> None:
        first.progress.stop = step == 5

    first.run(stop)
    second = trainer(episodes, tmp_path)
    second.resume(load_state(tmp_path))
    assert second.step == 5
    second.run()
    assert same(weights(whole), weights(tmp_path))


def test_curves_of_the_part_before_a_resume_are_kept(tmp_path: Path) -> None:
    curves = Curves(tmp_path)
    for step in range(1, 7):
        curves.add(step, {'l1': float(step)})
        if step <= 4:
            curves.save()
    again = Curves(tmp_path)
    again.resume(3)
    again.add(4, {'l1': 0.5})
    assert again.values == {'l1': [(1, 1.0), (2, 2.0), (3, 3.0), (4, 0.5)]}
    again.close()
    assert (tmp_path / 'loss.png').stat().st_size > 1000


def test_a_loss_that_is_not_finite_stops_the_run(episodes: Path, tmp_path: Path) -> None:
    run = trainer(episodes, tmp_path)
    with torch.no_grad():
        run.network.action_head.bias.fill_(math.inf)
    with pytest.raises(PolicyError, match='loss .inf. or its gradient .* at step 0 is not finite'):
        run.run()


def test_a_loss_that_was_not_finite_between_two_reports_leaves_the_checkpoint_before(
    episodes: Path, tmp_path: Path
) -> None:
    run = trainer(episodes, tmp_path, log_every=100)

    def break_it(step: int) -> None:
        if step == 4:
            with torch.no_grad():
                run.network.action_head.bias.fill_(math.nan)

    with pytest.raises(PolicyError, match='loss .nan. or its gradient .* at step 4 is not'):
        run.run(break_it)
    assert load_state(tmp_path)['step'] == 3
    assert all(value.isfinite().all() for value in weights(tmp_path).values())


def test_a_run_of_minutes_ends_in_time_and_its_learning_rate_at_zero(
    episodes: Path, tmp_path: Path
) -> None:
    run = trainer(episodes, tmp_path, minutes=3 / 60, steps=1, checkpoint_every=10**6)
    begin = time.monotonic()
    run.run()
    rates = [rate for _, rate in run.curves.values['lr']]
    assert 3 <= time.monotonic() - begin < 30  # a step and a checkpoint on a busy machine
    assert run.step == len(rates) > 1
    assert max(rates) > 5e-4 and rates[-1] < max(rates) / 2
    assert load_state(tmp_path)['seconds'] >= 3
