# SPDX-License-Identifier: Apache-2.0
"""Grippers as signs, and as words: however many a robot has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from act_ros.control.session.hand_signs import ALONE_S, STOP_S, HandSigns, StopSign
from act_ros.control.session.text import hint
from act_ros.control.session.types import (
    Ask,
    Phase,
    SessionView,
)


def _seen(sign, pose, begin_s, seconds, *more):
    """Everything that a sign gives at 50 Hz while the leaders stay in one pose."""
    ticks = range(round(seconds * 50))
    return [found for t in ticks if (found := sign.seen(pose, begin_s + t / 50, *more))]


@pytest.mark.parametrize('grippers', [(6,), (6, 13), (3, 7, 11)])
def test_all_grippers_of_a_robot_go_on_and_stop_however_many_it_has(grippers):
    """Entries of the pose come from the robot's description: one arm of 7, two, three of 4."""
    open_pose = np.full(grippers[-1] + 1, 0.5, np.float32)
    shut = open_pose.copy()
    shut[list(grippers)] = 0.0
    signs, stop = HandSigns(grippers), StopSign(grippers)
    assert not _seen(signs, open_pose, 0.0, 0.2, False)
    assert _seen(signs, shut, 0.2, 1.0, False) == [Ask.GO]
    assert not _seen(stop, open_pose, 0.0, 0.2)
    assert _seen(stop, shut, 0.2, STOP_S + 0.2) == [True]


def test_a_gripper_alone_tells_nothing_else_where_there_is_only_one():
    signs, pose = HandSigns([6]), np.full(7, 0.5, np.float32)
    assert not _seen(signs, pose, 0.0, 0.2, True)
    pose[6] = 0.0
    assert _seen(signs, pose, 0.2, ALONE_S + 1.0, True) == [Ask.GO]


def test_the_operator_of_one_arm_is_told_of_one_gripper():
    one = SessionView(Phase.WAITING, last=3, grippers=1)
    assert hint(one) == 'squeeze the gripper for 0.5 s; episode 3 is a FAILURE'
    assert hint(replace(one, grippers=2)).startswith('squeeze both grippers for 0.5 s; ')
    assert hint(replace(one, grippers=3)).startswith('squeeze all grippers for 0.5 s; ')
