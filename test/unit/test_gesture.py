# SPDX-License-Identifier: Apache-2.0
"""Squeezing both leader grippers is seen once, after the hold time, and only after they were open."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from act_ros.control.session.gesture import (
    CLOSED,
    LEFT,
    RIGHT,
    STILL_RAD,
    ArmStillness,
    Squeeze,
)
from act_ros.control.session.gesture import OPEN as OPEN_AT

OPEN, SHUT = [0.5, 0.5], [0.0, 0.0]
BOTH = (True, True)


def _run(squeeze, grippers, start, seconds, hold=0.5):
    return sum(
        squeeze.seen(grippers, start + tick / 50, hold) for tick in range(round(seconds * 50))
    )


def test_it_is_seen_once_and_again_after_opening():
    squeeze = Squeeze(BOTH)
    assert _run(squeeze, OPEN, 0, 1) == 0
    assert _run(squeeze, SHUT, 1, 0.4) == 0
    assert _run(squeeze, SHUT, 1.4, 5) == 1
    _run(squeeze, OPEN, 7, 0.1)
    assert _run(squeeze, SHUT, 8, 1) == 1


def test_one_gripper_alone_or_a_short_squeeze_tells_nothing():
    squeeze = Squeeze(BOTH)
    _run(squeeze, OPEN, 0, 1)
    assert _run(squeeze, [0.0, 0.5], 1, 3) == 0
    assert _run(squeeze, SHUT, 4, 0.4) + _run(squeeze, OPEN, 4.4, 0.1) == 0
    assert _run(squeeze, SHUT, 5, 0.4) == 0


def test_grippers_that_are_closed_at_the_start_tell_nothing():
    assert _run(Squeeze(BOTH), SHUT, 0, 5) == 0


def test_leaders_that_fall_silent_begin_the_hold_anew():
    squeeze = Squeeze(BOTH)
    _run(squeeze, OPEN, 0, 1)
    _run(squeeze, SHUT, 1, 0.4)
    assert not squeeze.seen(None, 1.42, 0.5)
    assert _run(squeeze, SHUT, 1.44, 0.4) == 0
    assert _run(squeeze, SHUT, 1.84, 1) == 1


def test_a_clock_that_goes_back_begins_the_hold_anew():
    squeeze = Squeeze(BOTH)
    _run(squeeze, OPEN, 100, 1)
    _run(squeeze, SHUT, 101, 0.4)
    assert _run(squeeze, SHUT, 5, 0.4) == 0


def test_a_trembling_hand_is_one_squeeze():
    squeeze = Squeeze(BOTH)
    _run(squeeze, OPEN, 0, 1)
    seen = 0
    for tick in range(50):
        seen += squeeze.seen([0.05, 0.05 + 0.02 * (tick % 2)], 1 + tick / 50, 0.5)
    assert seen == 1


def test_one_alone_counts_only_while_the_other_is_open():
    left = Squeeze(LEFT)
    _run(left, OPEN, 0, 1)
    assert _run(left, SHUT, 1, 3) == 0
    assert _run(left, [0.0, 0.5], 4, 3) == 1
    assert _run(left, [0.0, 0.5], 7, 5) == 0


def test_a_gripper_that_was_left_closed_is_no_half_of_a_squeeze():
    squeeze = Squeeze(BOTH)
    _run(squeeze, [0.0, 0.5], 0, 1)
    assert _run(squeeze, SHUT, 1, 5) == 0


@given(
    st.sampled_from([BOTH, LEFT, RIGHT]),
    st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.integers(1, 40)), max_size=20),
)
def test_what_is_seen_was_held_and_was_open_before(which, grips):
    squeeze, history, seen_at = Squeeze(which), [], -1
    for left, right, ticks in grips:
        for _ in range(ticks):
            history.append((left, right))
            if not squeeze.seen(history[-1], len(history) / 50, 0.5):
                continue
            held, before = history[-25:], history[seen_at + 1 : -25]
            for side, shut in enumerate(which):
                if shut:
                    assert all(grip[side] <= OPEN_AT for grip in held)
                    assert any(grip[side] >= CLOSED for grip in before)
                else:
                    assert all(grip[side] >= CLOSED for grip in held)
            seen_at = len(history) - 1


def test_stillness_is_counted_from_the_last_move():
    still, pose = ArmStillness(), np.zeros(12, dtype=np.float32)
    assert still.still_s(pose, 0.0) == 0.0
    assert still.still_s(pose + 0.9 * STILL_RAD, 2.0) == 2.0
    assert still.still_s(pose + 1.1 * STILL_RAD, 3.0) == 0.0
    assert still.still_s(None, 4.0) == 0.0
    assert still.still_s(pose, 5.0) == 0.0
