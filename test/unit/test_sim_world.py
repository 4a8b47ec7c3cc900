# SPDX-License-Identifier: Apache-2.0
"""The simulated world: same physics and rewards as gym-aloha, deterministic, loud when it breaks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from act_ros.robot.spec import RobotSpec
from act_ros.sim.operator.operator import Operator
from act_ros.sim.world import (
    SIM_GRIPPER,
    SimulationError,
    UnstableSimulationError,
    World,
    scene_path,
)


@pytest.fixture(scope='module')
def world() -> World:
    return World('transfer_cube', 0)


def _play(world: World, operator: Operator, ticks: int) -> list[np.ndarray[Any, Any]]:
    states = []
    for _ in range(ticks):
        world.command(operator.act(world))
        world.step(0.02)
        states.append(world.data.qpos.copy())
    return states


def test_reset_puts_the_arms_into_the_start_pose(world: World) -> None:
    world.reset(3)
    np.testing.assert_allclose(world.qpos, world.spec.start, atol=5e-4)
    assert world.time_s == 0.0
    assert not world.success
    assert np.count_nonzero(world.qvel) == 0


@pytest.mark.parametrize(
    ('task', 'joint', 'lower', 'upper'),
    [
        ('transfer_cube', 'red_box_joint', (0.0, 0.4, 0.05), (0.2, 0.6, 0.05)),
        ('insertion', 'red_peg_joint', (0.1, 0.4, 0.05), (0.2, 0.6, 0.05)),
        ('insertion', 'blue_socket_joint', (-0.2, 0.4, 0.05), (-0.1, 0.6, 0.05)),
    ],
)
def test_objects_are_drawn_all_over_gym_alohas_ranges(
    task: str, joint: str, lower: tuple[float, ...], upper: tuple[float, ...]
) -> None:
    world = World(task, 0)
    positions = []
    for seed in range(100):
        world.reset(seed)
        positions.append(world.object_pose(joint)[0])
    seen = np.array(positions)
    assert (seen >= lower).all()
    assert (seen <= upper).all()
    width = np.subtract(upper, lower)
    assert (np.ptp(seen, axis=0) >= 0.9 * width).all()


def test_same_seed_and_commands_give_the_same_state_bit_for_bit(world: World) -> None:
    runs = []
    for one in (world, World('transfer_cube', 9)):
        one.reset(5)
        runs.append(_play(one, Operator('transfer_cube', 5, one.spec), 60))
    np.testing.assert_array_equal(runs[0], runs[1])


@pytest.mark.parametrize('task', ['transfer_cube', 'insertion'])
def test_physics_and_rewards_are_gym_alohas(task: str) -> None:
    mujoco = pytest.importorskip('dm_control.mujoco')
    tasks = pytest.importorskip('gym_aloha.tasks.sim')
    judge = {'transfer_cube': tasks.TransferCubeTask, 'insertion': tasks.InsertionTask}[task]()
    world = World(task, 2)
    physics = mujoco.Physics.from_xml_path(str(scene_path(task)))
    with physics.reset_context():
        physics.data.qpos[:] = world.data.qpos
        physics.data.ctrl[:] = world.data.ctrl
    operator = Operator(task, 2, world.spec)
    stages = set()
    for _ in range(300):
        world.command(operator.act(world))
        physics.set_control(world.data.ctrl)
        physics.step(10)
        world.step(0.02)
        np.testing.assert_array_equal(physics.data.qpos, world.data.qpos)
        assert judge.get_reward(physics) == world.reward
        stages.add(world.reward)
    assert {0, 2, 4} <= stages


def test_success_is_kept_until_the_reset(world: World) -> None:
    world.reset(0)
    world.max_reward = 4
    world.step(0.01)
    assert world.reward == 0
    assert world.success
    world.reset(0)
    assert not world.success


def test_grippers_are_commanded_and_measured_in_units_of_opening(world: World) -> None:
    world.reset(0)
    command = world.spec.start.copy()
    command[[6, 13]] = 0.8, 0.4
    world.command(command)
    world.step(2.0)
    np.testing.assert_allclose(world.qpos[[6, 13]], [0.8, 0.4], atol=0.01)
    fingers = [
        world.data.joint(f'vx300s_left/{side}_finger').qpos[0] for side in ('left', 'right')
    ]
    np.testing.assert_allclose(
        fingers, np.array([1, -1]) * SIM_GRIPPER.unit_to_finger(0.8), atol=5e-4
    )


def test_effort_is_the_force_of_the_servos(world: World) -> None:
    world.reset(0)
    world.command(world.spec.start + np.eye(14)[1] * 0.05)
    world.step(0.002)
    # kp of the scene's shoulder servo is 1600 N m/rad.
    assert world.effort[1] == pytest.approx(1600 * 0.05, rel=0.01)


@pytest.mark.parametrize(
    'command', [np.zeros(13), np.zeros((2, 14)), np.full(14, np.nan), np.full(14, np.inf)]
)
def test_commands_that_make_no_sense_are_refused(
    world: World, command: np.ndarray[Any, Any]
) -> None:
    before = world.data.ctrl.copy()
    with pytest.raises(ValueError, match='14 finite numbers'):
        world.command(command)
    np.testing.assert_array_equal(world.data.ctrl, before)


@pytest.mark.parametrize('dt', [0.0, -0.01, 0.003, 0.0001])
def test_steps_that_are_no_multiple_of_the_time_step_are_refused(world: World, dt: float) -> None:
    with pytest.raises(ValueError, match='multiple'):
        world.step(dt)


@pytest.mark.parametrize(('field', 'index'), [('qpos', 3), ('qvel', 9)])
def test_diverged_physics_raise_and_a_reset_recovers(world: World, field: str, index: int) -> None:
    world.reset(1)
    getattr(world.data, field)[index] = np.nan
    with pytest.raises(UnstableSimulationError, match=r"'transfer_cube' \(seed 1\) diverged"):
        world.step(0.01)
    world.reset(1)
    world.step(0.01)
    assert np.isfinite(world.qpos).all()


def test_unknown_tasks_are_named() -> None:
    with pytest.raises(
        SimulationError, match="task 'juggle' is not known; use one of transfer_cube"
    ):
        World('juggle')


@pytest.mark.parametrize('rate_hz', [25.0, 100.0])
def test_a_robot_of_another_rate_is_refused(rate_hz: float) -> None:
    """Lengths of episodes are counted in ticks of 20 ms: at another rate they would mean other times."""
    robot = replace(RobotSpec.load(), rate_hz=rate_hz)
    with pytest.raises(
        SimulationError, match=f'is commanded {rate_hz:g} times a second: set rate'
    ):
        World('transfer_cube', 0, robot)


def test_missing_scenes_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('act_ros.sim.world.find_spec', lambda _: None)
    with pytest.raises(SimulationError, match='pip install gym-aloha'):
        scene_path('insertion')


def test_scenes_are_found_without_importing_gym_aloha() -> None:
    assert isinstance(scene_path('insertion'), Path)
    assert scene_path('insertion').is_file()
