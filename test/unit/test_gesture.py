# SPDX-License-Identifier: Apache-2.0
"""Squeezing both leader grippers is seen once, after the hold time, and only after they were open."""

from __future__ import annotations

from act_ros.control.gesture import Squeeze

OPEN, SHUT = [0.5, 0.5], [0.0, 0.0]


def _run(squeeze, grippers, start, seconds, hold=0.5):
    return sum(
        squeeze.seen(grippers, start + tick / 50, hold) for tick in range(round(seconds * 50))
    )


def test_it_is_seen_once_and_again_after_opening():
    squeeze = Squeeze()
    assert _run(squeeze, OPEN, 0, 1) == 0
    assert _run(squeeze, SHUT, 1, 0.4) == 0
    assert _run(squeeze, SHUT, 1.4, 5) == 1
    _run(squeeze, OPEN, 7, 0.1)
    assert _run(squeeze, SHUT, 8, 1) == 1


def test_one_gripper_alone_or_a_short_squeeze_tells_nothing():
    squeeze = Squeeze()
    _run(squeeze, OPEN, 0, 1)
    assert _run(squeeze, [0.0, 0.5], 1, 3) == 0
    assert _run(squeeze, SHUT, 4, 0.4) + _run(squeeze, OPEN, 4.4, 0.1) == 0
    assert _run(squeeze, SHUT, 5, 0.4) == 0


def test_grippers_that_are_closed_at_the_start_tell_nothing():
    assert _run(Squeeze(), SHUT, 0, 5) == 0


def test_leaders_that_fall_silent_begin_the_hold_anew():
    squeeze = Squeeze()
    _run(squeeze, OPEN, 0, 1)
    _run(squeeze, SHUT, 1, 0.4)
    assert not squeeze.seen(None, 1.42, 0.5)
    assert _run(squeeze, SHUT, 1.44, 0.4) == 0
    assert _run(squeeze, SHUT, 1.84, 1) == 1


def test_a_clock_that_goes_back_begins_the_hold_anew():
    squeeze = Squeeze()
    _run(squeeze, OPEN, 100, 1)
    _run(squeeze, SHUT, 101, 0.4)
    assert _run(squeeze, SHUT, 5, 0.4) == 0
