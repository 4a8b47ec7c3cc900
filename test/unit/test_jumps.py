# SPDX-License-Identifier: Apache-2.0
"""Poses that an arm cannot have reached are noticed, and those that it can are believed."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from act_ros.robot.jumps import (
    CONFIRMED_S,
    CONTESTED_S,
    HEARD_CONFIRMED_S,
    STAYED_S,
    TIMES_FASTER,
    JumpWatch,
)
from act_ros.robot.spec import RobotSpec

SPEC = RobotSpec.load()
ARM = SPEC.arm_entries(0)
NAMES, VELOCITY = SPEC.joint_names[ARM], SPEC.velocity[ARM]


def watch() -> JumpWatch:
    return JumpWatch(NAMES, VELOCITY)


def pose(value: float) -> np.ndarray:
    return np.full(len(VELOCITY), value, np.float32)


@given(st.lists(st.tuples(st.floats(0.002, 0.2), st.floats(-1, 1)), min_size=1, max_size=50))
def test_an_arm_that_moves_no_faster_than_it_can_is_believed(
    steps: list[tuple[float, float]],
) -> None:
    arm, stamp_s, qpos = watch(), 100.0, pose(0.0)
    assert arm.jump(stamp_s, qpos) == ''
    for seconds, speed in steps:
        stamp_s += seconds
        qpos = (qpos + speed * seconds * VELOCITY).astype(np.float32)
        assert arm.jump(stamp_s, qpos) == ''


@given(st.integers(1, 30), st.floats(0.25, 3.0), st.integers(0, len(VELOCITY) - 1))
def test_poses_of_two_publishers_in_turns_are_told_apart(
    every: int, off: float, entry: int
) -> None:
    arm = watch()
    off = off * VELOCITY[entry] / VELOCITY[0]
    for tick in range(200):
        assert arm.jump(tick / 50, pose(0.3)) == ''
        if tick % every == 0:
            other = pose(0.3)
            other[entry] += off
            said = arm.jump(tick / 50 + 0.01, other)
            assert NAMES[entry] in said
            far = re.search(r'by up to ([\d.]+) ', said)
            assert far and float(far[1]) == pytest.approx(off, abs=0.0051)


def test_an_arm_that_is_elsewhere_is_believed_after_a_while() -> None:
    arm = watch()
    arm.jump(0.0, pose(0.0))
    said = [arm.jump(0.02 * tick, pose(3.0)) for tick in range(1, 30)]
    assert all(said[: round(CONFIRMED_S * 50)]) and not any(said[round(CONFIRMED_S * 50) + 1 :])


def test_after_a_silence_an_arm_may_be_anywhere_it_can_have_gone() -> None:
    arm = watch()
    arm.jump(0.0, pose(0.0))
    assert arm.jump(1.0, pose(2.0)) == ''


def test_a_clock_that_goes_back_gives_no_room() -> None:
    arm = watch()
    arm.jump(5.0, pose(0.0))
    assert 'jumped by up to 0.80 in 0.000 s' in arm.jump(3.0, pose(0.8))
    assert 'jumped by up to 1e+30 in' in arm.jump(6.0, pose(1e30))


@pytest.mark.parametrize(('seconds', 'again'), [(0.1, True), (CONTESTED_S + 0.1, False)])
def test_a_jump_soon_after_another_is_told_from_one_by_itself(seconds: float, again: bool) -> None:
    arm = watch()
    arm.jump(0.0, pose(0.0))
    assert arm.jump(0.02, pose(1.0)) and not arm.again
    assert not arm.jump(0.04, pose(0.0))
    assert not arm.jump(seconds, pose(0.0))
    assert arm.jump(0.02 + seconds, pose(1.0)) and arm.again is again


def commanding() -> JumpWatch:
    return JumpWatch(NAMES, VELOCITY, commands=True)


def heard(arm: JumpWatch, begin_s: float, seconds: float, value: float) -> list[bool]:
    """Whether poses of 50 Hz were believed."""
    ticks = range(round(seconds * 50))
    return [not arm.jump(begin_s + tick / 50, pose(value)) for tick in ticks]


def test_who_commands_an_arm_believes_neither_its_first_pose_nor_the_first_after_a_silence() -> (
    None
):
    arm = commanding()
    for begin_s, value in ((5.0, 0.7), (6.5, 0.9)):
        assert 'heard anew' in arm.jump(begin_s - 0.02, pose(value)) and arm.settling
        told = heard(arm, begin_s, 0.6, value)
        assert not any(told[: round(CONFIRMED_S * 50) - 2]) and all(told[-10:])
    assert not arm.jump(7.2, pose(0.9))
    # One reading of zeros where it comes back: an arm could have gone there, and it has not.
    assert arm.jump(8.4, pose(0.0)) and all(heard(arm, 8.42, 1.3, 0.9)[-10:])


def test_a_glitch_that_was_heard_all_along_is_not_soon_believed_by_who_commands_the_arm() -> None:
    arm = commanding()
    heard(arm, 5.0, 1.0, 0.0)
    assert not any(heard(arm, 6.0, HEARD_CONFIRMED_S, 2.0))
    assert any(heard(arm, 6.0 + HEARD_CONFIRMED_S, 0.2, 2.0))


@given(st.floats(0.21, 20.0), st.floats(-1.5, 1.5), st.floats(-0.5, 0.5), st.floats(0.0, 0.98))
def test_what_lies_within_the_limits_after_a_silence_moves_a_belief_no_further_than_an_arm_stays(
    silence_s: float, lie: float, drift: float, seconds: float
) -> None:
    arm = commanding()
    heard(arm, 5.0, 0.5, 0.0)
    begin_s = 5.5 + silence_s
    for tick in range(round(seconds * 50)):
        said = pose(lie + drift * tick / 50)
        if not arm.jump(begin_s + tick / 50, said):
            assert (np.abs(said) <= TIMES_FASTER * STAYED_S * VELOCITY + 1e-3).all()
            return
    assert any(heard(arm, begin_s + seconds, 1.5, 0.0))


def test_an_arm_that_was_moved_while_nobody_heard_it_is_believed_after_a_while() -> None:
    arm = commanding()
    heard(arm, 5.0, 0.5, 0.0)
    told = heard(arm, 7.0, HEARD_CONFIRMED_S + 0.2, 0.9)
    assert not any(told[: round(HEARD_CONFIRMED_S * 50) - 2]) and told[-1]


def test_a_clock_that_goes_back_keeps_no_arm_from_being_believed() -> None:
    arm = commanding()
    heard(arm, 100.0, 1.0, 0.0)
    heard(arm, 101.0, 0.5, 2.0)
    assert any(heard(arm, 5.0, 1.2, 2.0))
