# SPDX-License-Identifier: Apache-2.0
"""The film's view: a model of its own, both arms whole in the frame, and nothing of it in the policy's pictures."""

from __future__ import annotations

import itertools
from functools import cache

import mujoco
import numpy as np
import pytest

from act_ros.robot.types import Frame
from act_ros.sim.cameras import SCENE_CAMERAS, CameraRig
from act_ros.sim.film.studio import CAMERA, HEIGHT, WIDTH, Studio
from act_ros.sim.operator.operator import Operator
from act_ros.sim.world import STEPS, SimulationError, World, WorldState, scene_path

TASKS = sorted(STEPS)
SIZE = (240, 320)
_STATE = mujoco.mjtState.mjSTATE_INTEGRATION


@cache
def states(task: str, seed: int) -> list[WorldState]:
    """Every tenth state of the scripted operator's whole episode, from its start to its end."""
    world, operator, found = World(task, seed), Operator(task, seed), []
    for tick in range(STEPS[task]):
        if tick % 10 == 0:
            found.append(world.state())
        world.command(operator.act(world))
        world.step(0.02)
    assert world.success, 'an episode that shows every pose of the task'
    return [*found, world.state()]


def untouched(task: str, state: WorldState) -> dict[str, Frame]:
    """What the scene's own cameras see of its file as gym-aloha ships it, by MuJoCo alone."""
    model = mujoco.MjModel.from_xml_path(str(scene_path(task)))
    model.vis.quality.offsamples = 0
    data = mujoco.MjData(model)
    mujoco.mj_setState(model, data, state.physics, _STATE)
    mujoco.mj_kinematics(model, data)
    mujoco.mj_camlight(model, data)
    pictures = {}
    with mujoco.Renderer(model, *SIZE) as renderer:
        for camera in SCENE_CAMERAS:
            renderer.update_scene(data, camera)
            renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
            renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
            pictures[camera] = renderer.render().copy()
    return pictures


@pytest.mark.parametrize('task', TASKS)
def test_what_policies_see_is_the_untouched_scene_to_the_bit_beside_a_film(task: str) -> None:
    with Studio(task) as studio, CameraRig(World(task), *SIZE) as rig:
        for state in states(task, 0)[::10]:
            studio.render(state.physics)
            rig.update(state)
            expected = untouched(task, state)
            for camera in SCENE_CAMERAS:
                np.testing.assert_array_equal(rig.render(camera, *SIZE), expected[camera])


@pytest.mark.parametrize('task', TASKS)
def test_a_state_of_the_world_puts_everything_of_its_scene_at_the_same_place(task: str) -> None:
    world = World(task)
    with Studio(task) as studio:
        for state in states(task, 1)[::5]:
            mujoco.mj_setState(world.model, world.data, state.physics, _STATE)
            mujoco.mj_kinematics(world.model, world.data)
            studio.pose(state.physics)
            for i in range(world.model.ngeom):
                there = studio.data.geom(world.model.geom(i).name or i)
                np.testing.assert_array_equal(there.xpos, world.data.geom_xpos[i])
                np.testing.assert_array_equal(there.xmat, world.data.geom_xmat[i])


@pytest.mark.parametrize(('task', 'other'), [TASKS, TASKS[::-1]])
def test_a_state_of_another_task_is_refused(task: str, other: str) -> None:
    with (
        Studio(task) as studio,
        pytest.raises(SimulationError, match=f'cannot be filmed as {task}, whose states have'),
    ):
        studio.render(World(other).state().physics)


def seen_at(studio: Studio, points: np.ndarray) -> np.ndarray:
    """Where the film's camera sees points (n, 3): (n, 2) of its frame, -1 to 1 in both directions."""
    camera = studio.data.camera(CAMERA)
    local = (points - camera.xpos) @ camera.xmat.reshape(3, 3)
    assert (local[:, 2] < 0).all(), 'before the camera'
    scale = 1 / np.tan(np.radians(studio.model.camera(CAMERA).fovy[0]) / 2)
    return scale * local[:, :2] / -local[:, 2:] * (HEIGHT / WIDTH, 1.0)


@pytest.mark.parametrize('seed', [0, 1, 2])
@pytest.mark.parametrize('task', TASKS)
def test_arms_and_objects_are_whole_in_the_frame_in_every_pose(task: str, seed: int) -> None:
    """The corners of the boxes around every link, which reach further than any joint of it."""
    corners = np.array(list(itertools.product((-1, 1), repeat=3)))
    with Studio(task) as studio:
        model, data = studio.model, studio.data
        moving = [i for i in range(model.ngeom) if 'table' not in model.geom(i).name]
        assert sum(model.geom(i).name.startswith('vx300s') for i in moving) >= 20
        for state in states(task, seed):
            studio.pose(state.physics)
            points = [
                data.geom_xpos[i]
                + (model.geom_aabb[i, :3] + corners * model.geom_aabb[i, 3:])
                @ data.geom_xmat[i].reshape(3, 3).T
                for i in moving
            ]
            assert np.abs(seen_at(studio, np.concatenate(points))).max() < 0.97
            assert np.abs(seen_at(studio, data.xanchor)).max() < 0.9


def near_black(picture: Frame) -> float:
    """Share of the pixels that are next to black."""
    return float((picture.max(axis=2) < 40).mean())


@pytest.mark.parametrize('task', TASKS)
def test_the_picture_is_bright_and_the_objects_stand_out(task: str) -> None:
    with Studio(task) as studio:
        for state in states(task, 2)[::10]:
            picture = studio.render(state.physics)
            assert picture.shape == (HEIGHT, WIDTH, 3) and picture.dtype == np.uint8
            assert near_black(picture) < 0.01
            red, green, blue = (picture[..., i].astype(int) for i in range(3))
            assert ((red > 120) & (green < 80) & (blue < 80)).sum() > 80
            if task == 'insertion':
                assert ((blue > 150) & (red < 90)).sum() > 200


def test_the_arms_cast_shadows_on_the_table() -> None:
    """The same place of the table is darker below a hand than with the arm elsewhere."""
    world = World('transfer_cube')
    with Studio('transfer_cube') as studio:
        before = studio.render(world.state().physics)
        command = world.spec.start.copy()
        command[[0, 7]] = 1.2
        world.command(command)
        world.step(1.0)
        after = studio.render(world.state().physics)
    wood = (before[..., 0].astype(int) - before[..., 2] > 30) & (before[..., 0] > 180)
    shadow = (after[..., 0].astype(int) - after[..., 2] < 40) & (after[..., 0] < 150)
    assert (wood & shadow).sum() > 1000
