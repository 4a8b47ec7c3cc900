# SPDX-License-Identifier: Apache-2.0
"""Joint states as one arm's vectors: by name, or with a reason."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_ros.robot.arm_reader import ArmReader, JointStateError
from act_ros.robot.spec import RobotSpec

SPEC = RobotSpec.load()
NAMES = [*SPEC.joints, 'gripper', 'left_finger', 'right_finger']


def reader():
    return ArmReader(SPEC.joints, SPEC.follower_gripper)


values = st.lists(st.floats(-3, 3, width=32), min_size=9, max_size=9)


@settings(max_examples=60)
@given(order=st.permutations(NAMES), position=values, velocity=values, effort=values)
def test_any_order_of_the_joints_reads_the_same(order, position, velocity, effort):
    tables = [dict(zip(NAMES, each, strict=True)) for each in (position, velocity, effort)]
    qpos, qvel, current = reader().read(order, *([table[n] for n in order] for table in tables))
    finger = SPEC.follower_gripper.finger_to_unit(tables[0]['left_finger'])
    np.testing.assert_allclose(qpos[:6], position[:6])
    assert qpos[6] == pytest.approx(finger, rel=1e-5)
    np.testing.assert_allclose(qvel, [*velocity[:6], tables[1]['left_finger']])
    np.testing.assert_allclose(current, effort[:7])


@settings(max_examples=60)
@given(
    position=st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=9, max_size=9),
    which=st.integers(0, 2),
)
def test_what_is_not_finite_never_passes(position, which):
    vectors = [[0.0] * 9 for _ in range(3)]
    vectors[which] = position
    try:
        result = reader().read(NAMES, *vectors)
    except JointStateError as error:
        assert 'is not a finite number' in str(error)
    else:
        assert all(np.isfinite(vector).all() for vector in result)


@pytest.mark.parametrize('joint', ['elbow', 'gripper', 'left_finger'])
def test_a_missing_joint_is_named(joint):
    names = [name for name in NAMES if name != joint]
    with pytest.raises(JointStateError, match=f'no joint {joint} among waist'):
        reader().read(names, [0.0] * 8, [], [])


def test_a_joint_that_is_there_twice_is_named():
    with pytest.raises(JointStateError, match='joint elbow is there more than once'):
        reader().read([*NAMES, 'elbow'], [0.0] * 10, [], [])


def test_joints_of_something_else_do_no_harm():
    qpos, _, _ = reader().read(['lift', *NAMES], [9.0] + [0.5] * 9, [], [])
    np.testing.assert_allclose(qpos[:6], 0.5)


def test_velocity_and_effort_may_be_left_out_and_that_is_known():
    arm = reader()
    _, qvel, effort = arm.read(NAMES, [0.0] * 9, [], [])
    assert not qvel.any()
    assert not effort.any()
    assert arm.absent == ('velocity', 'effort')


def test_what_a_driver_gives_as_nan_of_all_joints_is_left_out():
    arm, nothing = reader(), [float('nan')] * 9
    _, qvel, effort = arm.read(NAMES, [0.0] * 9, [0.5] * 9, nothing)
    assert qvel.all() and not effort.any()
    assert arm.absent == ('effort',)
    with pytest.raises(JointStateError, match='effort of elbow is not a finite number'):
        arm.read(
            NAMES, [0.0] * 9, [], [0.0 if name != 'elbow' else float('nan') for name in NAMES]
        )
    with pytest.raises(JointStateError, match='position of waist'):
        arm.read(NAMES, nothing, [], [])


@pytest.mark.parametrize(
    ('position', 'velocity', 'message'),
    [
        ([0.0] * 8, [], '8 values of position for 9 joints'),
        ([], [], '0 values of position for 9 joints'),
        ([0.0] * 9, [0.0] * 3, '3 values of velocity for 9 joints'),
    ],
)
def test_vectors_of_another_length_are_refused(position, velocity, message):
    with pytest.raises(JointStateError, match=message):
        reader().read(NAMES, position, velocity, [])
