# SPDX-License-Identifier: Apache-2.0
"""Chunks that are used up, not finite, of the future, too short or too late: the loop holds, and says why."""

from __future__ import annotations

import numpy as np
import pytest

from act_ros.control.ensemble import TemporalEnsemble
from act_ros.control.limiter import Limiter
from act_ros.control.runtime import Runtime, State
from loop_ticks import SPEC, K, chunk, enabled, tick_at


@pytest.fixture
def runtime():
    return enabled()


def test_chunks_that_are_used_up_hold_and_say_so(runtime):
    runtime.accept(chunk(100), 100)
    last = tick_at(runtime, 100)
    held = tick_at(runtime, 100 + K)
    np.testing.assert_array_equal(held, last)
    assert runtime.state is State.HOLDING
    assert 'used up' in runtime.reason


def test_chunks_that_are_not_finite_are_counted_and_explain_the_hold(runtime):
    runtime.accept(chunk(100, value=0.1), 100)
    tick_at(runtime, 100)
    bad = chunk(101)
    bad.actions[3, 3] = np.nan
    for tick in range(101, 100 + K):
        assert not runtime.accept(bad, tick)
        assert np.isfinite(tick_at(runtime, tick)).all()
    tick_at(runtime, 100 + K)
    assert runtime.state is State.HOLDING
    assert 'not finite' in runtime.reason
    assert runtime.rejected == K - 1


def test_a_chunk_of_the_future_is_refused(runtime):
    assert not runtime.accept(chunk(500), 100)


@pytest.mark.parametrize('k', [1, 2, 3])
def test_chunks_that_are_over_when_they_come_are_said_with_what_to_do(k):
    """Not as the first chunk that is waited for, although nothing was ever commanded."""
    runtime = Runtime(TemporalEnsemble(k, 14), Limiter(SPEC), ['cam_high', 'cam_low'])
    runtime.enable()
    tick_at(runtime, 100)
    assert runtime.reason == 'waiting for the first chunk of actions from the policy'
    assert runtime.shortfall == ''
    for tick in range(101, 120):
        runtime.accept(chunk(tick - 4, k=k), tick)
        tick_at(runtime, tick)
    assert runtime.state is State.WAITING
    assert f'chunks of {k} actions are over when they come, 4 ticks late' in runtime.reason
    assert 'inference to sync' in runtime.reason[:125]  # as much as `ros2 topic echo` shows
    assert 'inference sync' in runtime.reason and runtime.shortfall == runtime.reason


def test_a_gap_now_and_then_in_short_chunks_stays_said_for_seconds():
    runtime = Runtime(TemporalEnsemble(2, 14), Limiter(SPEC), ['cam_high', 'cam_low'])
    runtime.enable()
    runtime.accept(chunk(99, k=2), 100)
    tick_at(runtime, 100)
    assert runtime.state is State.RUNNING and runtime.shortfall == ''
    tick_at(runtime, 101)
    assert runtime.state is State.HOLDING and 'inference sync' in runtime.shortfall
    for tick in range(102, 120):
        runtime.accept(chunk(tick - 1, k=2), tick)
        tick_at(runtime, tick)
    assert runtime.state is State.RUNNING and 'inference sync' in runtime.shortfall
    for tick in range(120, 400):
        runtime.accept(chunk(tick, k=2), tick)
        tick_at(runtime, tick)
    assert runtime.shortfall == ''


def test_long_chunks_that_fail_to_come_are_not_called_short(runtime):
    runtime.accept(chunk(96), 100)
    tick_at(runtime, 100)
    tick_at(runtime, 100 + K)
    assert 'inference is slower than a chunk is long' in runtime.reason
    assert runtime.shortfall == ''
