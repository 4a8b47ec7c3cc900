# SPDX-License-Identifier: Apache-2.0
"""Robots that are no ALOHA of two arms, without ROS: the numbers come from their description."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from act_ros.policy.robot_fit import misfits
from act_ros.robot.spec import Arm, RobotSpec
from act_ros.sim.operator.operator import Operator
from act_ros.sim.simulation import SETTLE_STEPS, Simulation
from act_ros.sim.world import SimulationError, World
from synthetic import tiny_config

ALOHA = RobotSpec.load()
ONE = RobotSpec.load(Path(__file__).resolve().parents[2] / 'examples' / 'one_arm.yaml')


def on_side(side: str) -> RobotSpec:
    return replace(ONE, arms=(Arm(side, 'leader', 'follower'),))


@pytest.mark.parametrize('side', ['left', 'right'])
def test_one_arm_moves_in_the_scene_and_the_other_stays_folded(side: str) -> None:
    world, two = World('transfer_cube', 0, on_side(side)), World('transfer_cube', 0, ALOHA)
    assert world.qpos.shape == world.qvel.shape == world.effort.shape == (7,)
    np.testing.assert_allclose(world.qpos, ONE.start, atol=5e-4)
    goal = ONE.start.copy()
    goal[0], goal[6] = 0.3, 0.9
    world.command(goal)
    for _ in range(100):
        world.step(0.02)
    assert world.qpos[[0, 6]] == pytest.approx(goal[[0, 6]], abs=0.05)
    # The same entries of the whole scene: this side's arm is there, the other has not moved.
    all_of_it = world.data.qpos[two._index].reshape(2, 7)
    index = ('left', 'right').index(side)
    assert all_of_it[index, 0] == pytest.approx(0.3, abs=0.05)
    np.testing.assert_allclose(all_of_it[1 - index, :6], ONE.rest[:6], atol=0.1)


def test_arms_in_another_order_are_the_same_scene_in_another_order() -> None:
    swapped = replace(ALOHA, arms=ALOHA.arms[::-1])
    worlds = World('transfer_cube', 5, ALOHA), World('transfer_cube', 5, swapped)
    left, right = ALOHA.start[:7] + 0.02, ALOHA.start[:7] - 0.03
    worlds[0].command(np.concatenate([left, right]))
    worlds[1].command(np.concatenate([right, left]))
    for world in worlds:
        world.step(0.1)
    np.testing.assert_array_equal(worlds[0].qpos, np.roll(worlds[1].qpos, 7))


def test_an_arm_that_the_scene_has_not_is_refused() -> None:
    with pytest.raises(
        SimulationError, match='have the arms left and right, of 6 joints .* middle'
    ):
        World('transfer_cube', 0, on_side('middle'))


def test_the_scripted_operator_says_which_arm_it_lacks() -> None:
    with pytest.raises(SimulationError, match='has no left one; choose operator none'):
        Operator('transfer_cube', 0, ONE)


def test_the_simulation_of_one_arm_waits_for_that_arm_only() -> None:
    sim = Simulation('transfer_cube', 0, ONE, scripted=False)
    for _ in range(SETTLE_STEPS):
        sim.advance()
    assert set(sim.motors) == {'leader', 'follower'}
    assert sim.command('follower', 'group', 'arm', ONE.start[:6].tolist())
    assert not sim.complete
    assert sim.command('follower', 'single', 'gripper', [1.0])
    assert sim.complete
    readings = sim.readings()
    assert {name: len(r.position) for name, r in readings.items()} == {'leader': 9, 'follower': 9}


@pytest.mark.parametrize(
    ('spec', 'dof', 'has'), [(ONE, 14, '7 entries'), (ALOHA, 7, '14 entries')]
)
def test_a_policy_of_another_dimension_is_refused_by_name(
    spec: RobotSpec, dof: int, has: str
) -> None:
    cameras = tuple(spec.cameras)[:1]
    config = tiny_config(cameras=cameras, state_dim=dof, action_dim=dof)
    reasons = '; '.join(misfits(config, spec))
    for what in ('state_dim', 'action_dim'):
        assert f'{what} of the policy is {dof}, and this robot has {has}' in reasons
    assert not misfits(replace(config, state_dim=spec.dof, action_dim=spec.dof), spec)


def test_four_cameras_or_one_are_a_configuration() -> None:
    assert len(ALOHA.cameras) == 4
    assert not misfits(tiny_config(cameras=tuple(ALOHA.cameras)), ALOHA)
    assert list(ONE.cameras) == ['cam_table', 'cam_wrist']


@pytest.mark.parametrize(
    ('arms', 'chunk', 'rate_hz', 'most'),
    [(1, 2001, 50.0, 2000), (2, 2001, 50.0, 2000), (2, 1000, 5.0, 2000), (4, 1600, 50.0, 1548)],
)
def test_a_chunk_whose_ensemble_does_not_fit_into_the_memory_is_refused_before_it_is_made(
    arms: int, chunk: int, rate_hz: float, most: int
) -> None:
    robot = replace(ALOHA, arms=tuple(Arm(f'arm{i}', f'l{i}', f'f{i}') for i in range(arms)))
    config = tiny_config(
        cameras=tuple(ALOHA.cameras), state_dim=robot.dof, action_dim=robot.dof, rate_hz=rate_hz
    )
    (reason,) = misfits(replace(config, chunk=chunk), robot)
    assert reason.endswith(f'ticks of this robot; at most {most} can be run')
    assert most**2 * robot.dof * 4 <= 256 << 20
    assert not misfits(replace(config, chunk=int(most * rate_hz / robot.rate_hz)), robot)
