# SPDX-License-Identifier: Apache-2.0
"""Forward and inverse kinematics of the simulated arms agree with each other and with the physics."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_ros.sim.operator.kinematics import ArmKinematics, Pose
from act_ros.sim.world import World

WORLD = World('transfer_cube', 0)
LEFT, RIGHT = (ArmKinematics(WORLD.model, side) for side in ('left', 'right'))
START = WORLD.spec.start[:6].copy()


@settings(max_examples=40)
@given(
    x=st.floats(0.0, 0.2),
    y=st.floats(0.4, 0.6),
    z=st.floats(0.02, 0.2),
    pitch=st.floats(1.1, 1.3),
)
def test_inverse_finds_joints_that_bring_the_hand_there(
    x: float, y: float, z: float, pitch: float
) -> None:
    pose = Pose(np.array([x, y, z]), np.array([np.arctan2(y - 0.5, x - 0.469), pitch, 0.0]))
    q = RIGHT.inverse(pose, np.array([0.0, -0.3, 0.8, 0.0, 0.6, 0.0]), iterations=60)
    point, rotation = RIGHT.forward(q)
    np.testing.assert_allclose(point, pose.position, atol=1e-4)
    np.testing.assert_allclose(rotation, pose.rotation(), atol=1e-3)


def test_forward_is_where_the_physics_has_the_hand() -> None:
    WORLD.reset(0)
    for arm, kinematics in ((slice(0, 6), LEFT), (slice(7, 13), RIGHT)):
        side = 'left' if arm.start == 0 else 'right'
        # The scene's own mark of the space between the fingers is 0.15 m from the gripper link.
        mark = WORLD.data.site(f'cali_{side}_site1').xpos
        point, rotation = kinematics.forward(WORLD.qpos[arm])
        np.testing.assert_allclose(point + (0.15 - 0.138) * rotation[:, 0], mark, atol=1e-9)


def test_out_of_reach_ends_within_the_joint_limits() -> None:
    q = LEFT.inverse(Pose(np.array([5.0, 5.0, -3.0]), np.zeros(3)), START, iterations=200)
    limits = WORLD.model.jnt_range[:6]
    assert np.isfinite(q).all()
    assert (q >= limits[:, 0]).all()
    assert (q <= limits[:, 1]).all()


def test_sag_is_how_far_the_servos_give_way_at_rest() -> None:
    WORLD.reset(0)
    WORLD.step(3.0)
    measured = WORLD.spec.start[:6] - WORLD.qpos[:6]
    assert np.abs(measured).max() > 0.003
    np.testing.assert_allclose(LEFT.sag(WORLD.qpos[:6]), measured, atol=5e-4)


@given(angles=st.tuples(*[st.floats(-3.1, 3.1)] * 3))
def test_rotation_is_a_rotation_whose_x_axis_points_by_yaw_and_pitch(
    angles: tuple[float, float, float],
) -> None:
    rotation = Pose(np.zeros(3), np.array(angles)).rotation()
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    yaw, pitch, _ = angles
    np.testing.assert_allclose(
        rotation[:, 0],
        [np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), -np.sin(pitch)],
        atol=1e-12,
    )
