# SPDX-License-Identifier: Apache-2.0
"""Jerk of commands, their largest step, and what the limiter did."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_ros.control.limiter import Limiter
from act_ros.control.smoothness import Smoothness, SmoothnessMeter, pooled, rms_jerk
from act_ros.robot.spec import RobotSpec

SPEC = RobotSpec.load()


def test_the_jerk_of_a_cubic_is_six_times_its_leading_factor() -> None:
    t = np.arange(200) / 50.0
    positions = np.stack([0.7 * t**3 - t**2 + 2.0, -0.7 * t**3 + 5 * t], axis=1)
    assert rms_jerk(positions, 50.0) == pytest.approx(4.2, rel=1e-6)


def test_the_jerk_of_a_sine_is_its_third_derivative() -> None:
    t, w = np.arange(5000) / 50.0, 3.0
    assert rms_jerk(np.sin(w * t)[:, None], 50.0) == pytest.approx(w**3 / np.sqrt(2), rel=5e-3)


def test_three_commands_have_no_jerk_to_speak_of() -> None:
    assert rms_jerk(np.zeros((3, 2)), 50.0) is None
    assert rms_jerk(np.zeros((4, 2)), 50.0) == 0.0


def run(targets: np.ndarray) -> tuple[Smoothness, Limiter]:
    limiter, meter = Limiter(SPEC), SmoothnessMeter(SPEC)
    measured = SPEC.start.astype(np.float32)
    limiter.reset(measured)
    for target in targets:
        command, limited = limiter.apply(target)
        meter.add(command, measured, limited)
    return meter.result(), limiter


def random_targets(seed: int, ticks: int) -> np.ndarray:
    return SPEC.start + np.random.default_rng(seed).normal(0, 0.4, (ticks, SPEC.dof))


@settings(deadline=None)
@given(st.integers(0, 1000), st.integers(1, 30))
def test_what_the_limiter_did_is_what_it_counted(seed: int, ticks: int) -> None:
    smooth, limiter = run(random_targets(seed, ticks))
    assert smooth.commands == ticks
    most = max(smooth.limited_ticks.values(), default=0)
    assert most <= smooth.limited <= min(ticks, sum(smooth.limited_ticks.values()))
    assert smooth.largest_step <= 1.0 + 1e-9
    for rule, counts in limiter.counts.items():
        found = smooth.limited_joints.get(rule, {})
        assert found == {n: c for n, c in zip(limiter.names, counts, strict=True) if c}
        assert smooth.limited_ticks.get(rule, 0) <= ticks
        assert bool(found) == (rule in smooth.limited_ticks)


def test_the_largest_step_names_the_joint_and_counts_from_the_measured_pose() -> None:
    target = SPEC.start.copy()
    target[8] += 0.1 * SPEC.velocity[8] / SPEC.rate_hz
    smooth, _ = run(np.array([target]))
    assert smooth.largest_joint == 'right_shoulder'
    assert smooth.largest_step == pytest.approx(0.1, rel=1e-3)


def test_grippers_have_no_part_in_the_jerk() -> None:
    targets = np.tile(SPEC.start, (20, 1))
    targets[::2, SPEC.grippers] += 0.05
    smooth, _ = run(targets)
    assert smooth.jerk_rms == 0.0
    assert smooth.largest_joint in ('left_gripper', 'right_gripper')


def test_without_a_command_there_is_nothing_to_measure() -> None:
    smooth = SmoothnessMeter(SPEC).result()
    assert (smooth.commands, smooth.jerk_rms, smooth.largest_joint) == (0, None, '')
    assert pooled([]) == pooled([smooth]) == smooth


def test_episodes_are_pooled_over_all_their_ticks() -> None:
    parts = [run(random_targets(seed, ticks))[0] for seed, ticks in ((1, 5), (2, 40), (3, 2))]
    whole = pooled(parts)
    assert whole.commands == 47
    squares = [(p.jerk_rms or 0.0) ** 2 * max(p.commands - 3, 0) for p in parts]
    assert whole.jerk_rms == pytest.approx(np.sqrt(sum(squares) / (2 + 37)))
    assert whole.largest_step == max(p.largest_step for p in parts)
    assert whole.limited == sum(p.limited for p in parts)
    assert whole.limited_ticks['velocity'] == sum(p.limited_ticks['velocity'] for p in parts)
    waist = [p.limited_joints['velocity'].get('left_waist', 0) for p in parts]
    assert whole.limited_joints['velocity'].get('left_waist', 0) == sum(waist)
