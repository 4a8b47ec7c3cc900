# SPDX-License-Identifier: Apache-2.0
"""Another policy takes over from the one that runs: smoothly, without a tick lost, or not at all."""

from __future__ import annotations

import numpy as np
import pytest

from act_ros.control.blend import BLEND_TICKS
from act_ros.control.ensemble import make_execution
from act_ros.control.runtime import State
from loop_ticks import RATE, K, chunk, enabled, tick_at


@pytest.fixture
def runtime():
    return enabled()


def test_another_policy_takes_over_when_it_has_an_action_without_a_tick_lost(runtime):
    runtime.accept(chunk(100, value=0.01), 100)
    tick_at(runtime, 100)
    other = make_execution(5, 14)
    runtime.replace(other, ['cam_low'])
    runtime.accept(chunk(101, value=0.02), 101)
    tick_at(runtime, 101)
    assert runtime.execution is not other
    runtime.accept(chunk(102, value=0.04, k=5), 102, replacement=True)
    command = tick_at(runtime, 102)
    assert runtime.execution is other
    assert 0.01 < command[0] < 0.02  # begins where the old chunks are
    assert runtime.state is State.RUNNING
    tick_at(runtime, 103, image_stamps_s={'cam_low': 103 / RATE})  # needs only its own cameras
    assert runtime.state is State.RUNNING


def test_the_way_from_one_policy_to_another_is_smooth_and_ends_at_the_new_one(runtime):
    for tick in range(50, 101):  # the soft start is over
        runtime.accept(chunk(tick, value=0.0), tick)
        before = tick_at(runtime, tick)[0]
    runtime.replace(make_execution(60, 14), ['cam_low'])
    runtime.accept(chunk(101, value=0.5, k=60), 101, replacement=True)
    course = [
        tick_at(runtime, tick)[0] for tick in range(101, 101 + 30)
    ]  # the old chunk ends at 120
    steps = np.diff([before, *course])
    assert course[BLEND_TICKS - 1 :] == pytest.approx([0.5] * (30 - BLEND_TICKS + 1))
    assert (steps >= -1e-7).all()
    assert steps.max() < 2 * 0.5 / BLEND_TICKS  # and not all at once
    assert not runtime.limiter.counts['velocity'].any()


def test_a_change_in_the_middle_of_another_makes_no_step_either(runtime):
    runtime.accept(chunk(100, value=0.0), 100)
    course = [tick_at(runtime, 100)[0]]
    for i, value in enumerate((0.4, -0.4, 0.4)):
        start = 101 + 10 * i
        runtime.replace(make_execution(90, 14), ['cam_low'])
        runtime.accept(chunk(start, value=value, k=90), start, replacement=True)
        course += [tick_at(runtime, tick)[0] for tick in range(start, start + 10)]
    assert np.abs(np.diff(course)).max() < 2 * 1.0 / BLEND_TICKS


def test_another_way_to_execute_the_same_policy_gets_its_chunks_too(runtime):
    runtime.accept(chunk(100, value=0.01), 100)
    tick_at(runtime, 100)
    none = make_execution(K, 14, 'none')
    runtime.replace(none, runtime.cameras, own=True)
    runtime.accept(chunk(101, value=0.01), 101)
    assert tick_at(runtime, 101)[0] == pytest.approx(0.01)
    assert runtime.execution is none
    assert runtime.state is State.RUNNING


def test_another_policy_that_was_taken_back_changes_nothing(runtime):
    runtime.accept(chunk(100), 100)
    tick_at(runtime, 100)
    runtime.replace(make_execution(5, 14), ['cam_low'])
    runtime.keep()
    tick_at(runtime, 101)
    assert runtime.cameras == ('cam_high', 'cam_low')
    assert runtime.state is State.RUNNING
