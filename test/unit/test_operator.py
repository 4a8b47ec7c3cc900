# SPDX-License-Identifier: Apache-2.0
"""The scripted operator does both tasks smoothly, also when its commands arrive late."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from act_ros.sim.operator.hand import min_jerk
from act_ros.sim.operator.operator import Operator
from act_ros.sim.world import STEPS, World


@pytest.fixture(scope='module')
def worlds() -> dict[str, World]:
    return {task: World(task) for task in STEPS}


@dataclass
class Run:
    """What an episode left: the commands, when it was over, and whether it worked."""

    actions: list[np.ndarray[Any, Any]] = field(default_factory=list)
    done_tick: int | None = None
    success_tick: int | None = None


def _episode(world: World, seed: int, delay: int) -> Run:
    world.reset(seed)
    operator, run = Operator(world.task, seed, world.spec), Run()
    line = deque([world.spec.start] * delay)
    for tick in range(STEPS[world.task]):
        run.actions.append(operator.act(world))
        if operator.done and run.done_tick is None:
            run.done_tick = tick
        line.append(run.actions[-1])
        world.command(line.popleft())
        world.step(0.02)
        if world.success and run.success_tick is None:
            run.success_tick = tick
    return run


@pytest.mark.parametrize('task', sorted(STEPS))
@pytest.mark.parametrize('delay', [0, 3])
def test_the_task_is_done_smoothly_and_in_time(
    worlds: dict[str, World], task: str, delay: int
) -> None:
    world = worlds[task]
    spec, run = world.spec, _episode(world, 7, delay)
    assert run.success_tick is not None
    assert run.done_tick is not None
    assert run.done_tick < 330
    actions = np.array(run.actions)
    assert (actions >= spec.lower).all()
    assert (actions <= spec.upper).all()
    steps = np.diff(actions, axis=0, prepend=spec.start[None])
    assert (np.abs(steps) <= 0.95 * spec.velocity / spec.rate_hz).all()
    # No jerks: the speed of an arm's joint changes by at most 0.35 rad/s from tick to tick.
    joints = np.delete(steps, spec.grippers, axis=1)
    assert np.abs(np.diff(joints, axis=0)).max() * spec.rate_hz < 0.35
    still = steps[run.done_tick + 1 :]
    assert np.abs(still).max() < 0.002


def test_at_the_end_of_a_transfer_only_the_left_hand_holds_the_cube(
    worlds: dict[str, World],
) -> None:
    world = worlds['transfer_cube']
    _episode(world, 12, 0)
    touching = {b for a, b in world.contacts() if a == 'red_box'}
    assert 'vx300s_left/10_left_gripper_finger' in touching
    assert not any('right/' in name or name == 'table' for name in touching)


def test_at_the_end_of_an_insertion_the_peg_is_at_the_pin_in_the_air(
    worlds: dict[str, World],
) -> None:
    world = worlds['insertion']
    _episode(world, 12, 0)
    peg, socket = (world.object_pose(f'{name}_joint')[0] for name in ('red_peg', 'blue_socket'))
    # Half a peg beyond the end of the pin, which is 0.04 from the socket's middle.
    assert peg[0] - socket[0] == pytest.approx(0.10, abs=0.003)
    assert min(peg[2], socket[2]) > 0.1


@pytest.mark.parametrize('task', sorted(STEPS))
def test_the_first_target_is_where_the_followers_are(worlds: dict[str, World], task: str) -> None:
    world = worlds[task]
    world.reset(0)
    np.testing.assert_allclose(Operator(task, 0, world.spec).act(world), world.qpos, atol=2e-3)


def test_a_seed_decides_the_motion(worlds: dict[str, World]) -> None:
    world = worlds['transfer_cube']

    def targets(seed: int) -> np.ndarray[Any, Any]:
        world.reset(0)
        operator, rows = Operator('transfer_cube', seed, world.spec), []
        for _ in range(40):
            rows.append(operator.act(world))
            world.command(rows[-1])
            world.step(0.02)
        return np.array(rows)

    np.testing.assert_array_equal(targets(1), targets(1))
    assert np.abs(targets(1) - targets(2)).max() > 0.005


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(ValueError, match="task 'juggle' is not known; use one of transfer_cube"):
        Operator('juggle', 0)


def test_minimum_jerk_starts_and_ends_at_rest() -> None:
    shares = np.linspace(0.0, 1.0, 1001)
    way = np.array([min_jerk(share) for share in shares])
    assert (way[0], way[-1]) == (0.0, pytest.approx(1.0))
    assert (np.diff(way) >= 0).all()
    speed = np.gradient(way, shares)
    assert speed[0] == pytest.approx(0, abs=1e-4)
    assert speed[-1] == pytest.approx(0, abs=1e-4)
    assert speed.max() == pytest.approx(1.875, abs=1e-3)
