# SPDX-License-Identifier: Apache-2.0
"""Chunks of policies of any rate on the ticks of the robot."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from act_ros.control.chunk_grid import ChunkGrid
from act_ros.robot.types import Chunk

RATES = st.sampled_from([2.0, 10.0, 15.0, 24.0, 29.97, 30.0, 50.0, 60.0, 100.0, 200.0])


def test_equal_rates_leave_a_chunk_as_it_is() -> None:
    chunk = Chunk(7, np.random.default_rng(0).normal(size=(100, 14)).astype(np.float32), 0.1)
    assert ChunkGrid(100, 50.0, 50.0).lay(chunk) is chunk


@given(RATES, RATES, st.integers(1, 120))
def test_a_motion_at_constant_speed_stays_one_at_the_same_speed(
    policy_hz: float, robot_hz: float, rows: int
) -> None:
    speed = np.array([0.5, -2.0], np.float32)  # a second
    actions = np.arange(rows, dtype=np.float32)[:, None] / np.float32(policy_hz) * speed
    grid = ChunkGrid(rows, policy_hz, robot_hz)
    laid = grid.lay(Chunk(3, actions, 0.2))
    assert (laid.tick, laid.inference_s) == (3, 0.2) and laid.actions.dtype == np.float32
    assert laid.actions.shape == (grid.ticks, 2)
    # As long as the chunk, the last tick begun counted, and where the last row's time begins it holds.
    assert (grid.ticks - 1) / robot_hz < rows / policy_hz <= grid.ticks / robot_hz + 1e-6
    seconds = np.minimum(np.arange(grid.ticks) / robot_hz, (rows - 1) / policy_hz)
    np.testing.assert_allclose(laid.actions, seconds[:, None] * speed, rtol=1e-4, atol=1e-4)


@given(RATES, RATES)
def test_no_tick_leaves_the_range_of_the_rows(policy_hz: float, robot_hz: float) -> None:
    rows = np.random.default_rng(1).uniform(-1, 1, size=(40, 14)).astype(np.float32)
    laid = ChunkGrid(40, policy_hz, robot_hz).lay(Chunk(0, rows)).actions
    slack = 1e-6
    assert (laid >= rows.min(0) - slack).all() and (laid <= rows.max(0) + slack).all()


@pytest.mark.parametrize(('policy_hz', 'ticks'), [(10.0, 5), (25.0, 2), (50.0, 1)])
def test_ticks_on_a_row_have_that_row_to_the_bit(policy_hz: float, ticks: int) -> None:
    rows = np.random.default_rng(2).normal(size=(20, 14)).astype(np.float32)
    laid = ChunkGrid(20, policy_hz, 50.0).lay(Chunk(0, rows)).actions
    np.testing.assert_array_equal(laid[::ticks], rows)


def test_a_chunk_of_another_length_is_left_to_who_refuses_it() -> None:
    chunk = Chunk(0, np.zeros((7, 14), np.float32))
    assert ChunkGrid(8, 30.0, 50.0).lay(chunk) is chunk
