# SPDX-License-Identifier: Apache-2.0
"""Arms are led slowly, pose by pose, from where they are; one that is not where it was led is named."""

from __future__ import annotations

import numpy as np

from act_ros.control.limiter import SOFT, Limiter
from act_ros.control.motion.pose_motion import PoseMotion, astray
from act_ros.robot.spec import RobotSpec

SPEC = RobotSpec.load()
START, REST = SPEC.start.astype(np.float32), SPEC.rest.astype(np.float32)
STEP = SOFT * SPEC.velocity / SPEC.rate_hz


def test_each_pose_is_reached_slowly_one_after_the_other():
    here = START.copy()
    here[0] = 1.0
    move, told = PoseMotion(Limiter(SPEC), [START, REST]), [here]
    while not move.done:
        told.append(move.tick(told[-1]))
    steps = np.abs(np.diff(told, axis=0))
    assert (steps <= STEP + 1e-6).all()
    assert min(np.abs(command - START).max() for command in told) < 1e-3
    np.testing.assert_allclose(told[-1], REST, atol=1e-4)
    assert move.tick(REST) is None


def test_arms_that_are_not_heard_are_not_moved_and_held_when_they_fall_silent():
    move = PoseMotion(Limiter(SPEC), [REST])
    assert move.tick(None) is None and not move.done
    first = move.tick(START)
    np.testing.assert_array_equal(move.tick(None), first)
    assert not move.done


def test_an_arm_that_is_blocked_is_not_led_the_whole_way():
    move = PoseMotion(Limiter(SPEC), [REST])
    for _ in range(150):
        command = move.tick(START)
    assert 'does not follow' in move.fault and not move.done
    assert np.abs(command - START).max() <= SPEC.tracking[0]


def test_an_arm_outside_the_limits_is_led_back_without_a_jump():
    here = REST.copy()
    here[1] = -2.05  # the drivers' own sleep pose
    first = PoseMotion(Limiter(SPEC), [START]).tick(here)
    assert abs(first[1] - here[1]) <= STEP[1] + 1e-6


def test_a_joint_that_is_elsewhere_is_named_but_not_a_gripper_that_holds_something():
    measured = START.copy()
    measured[9] += 0.5
    measured[6] = 0.9
    assert astray(measured, START, SPEC.joint_names, SPEC.grippers) == 'right_elbow by 0.50 rad'
    assert astray(START, START, SPEC.joint_names, SPEC.grippers) == ''
    measured[9] = np.nan
    assert 'right_elbow' in astray(measured, START, SPEC.joint_names, SPEC.grippers)
    assert 'does not report' in astray(None, START, SPEC.joint_names, SPEC.grippers)


def test_arms_that_were_not_heard_for_long_are_not_led_on_by_themselves():
    move = PoseMotion(Limiter(SPEC), [REST], max_hold_s=2.0)
    here = move.tick(START)
    for _ in range(101):
        np.testing.assert_array_equal(move.tick(None), here)
    assert 'the arms held for more than 2 s' in move.fault
    assert move.tick(START) is None and not move.done
