# SPDX-License-Identifier: Apache-2.0
"""Rendering: all cameras, from snapshots, beside running physics."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from act_ros.robot.types import Frame
from act_ros.sim.cameras import SCENE_CAMERAS, CameraRig
from act_ros.sim.operator.operator import Operator
from act_ros.sim.world import SimulationError, World


@pytest.fixture(scope='module')
def world() -> World:
    return World('transfer_cube', 0)


@pytest.fixture(scope='module')
def rig(world: World) -> Iterator[CameraRig]:
    with CameraRig(world) as rig:
        yield rig


def _redness(image: Frame) -> np.ndarray[Any, Any]:
    pixels = image.astype(int)
    return (pixels[..., 0] > 150) & (pixels[..., 1] < 90) & (pixels[..., 2] < 90)


def test_every_camera_of_the_scene_gives_a_picture_of_its_own(
    world: World, rig: CameraRig
) -> None:
    world.reset(0)
    rig.update(world.state())
    pictures = [rig.render(name, 120, 160) for name in SCENE_CAMERAS]
    for picture in pictures:
        assert picture.shape == (120, 160, 3)
        assert picture.dtype == np.uint8
        assert picture.std() > 5
    assert len({picture.tobytes() for picture in pictures}) == len(SCENE_CAMERAS)


def test_the_robots_cameras_are_in_the_scene(world: World, rig: CameraRig) -> None:
    for camera in world.spec.cameras.values():
        assert rig.render(camera.sim, camera.height, camera.width).shape == (480, 640, 3)


def test_the_top_camera_sees_the_red_cube_where_it_lies(world: World, rig: CameraRig) -> None:
    columns = []
    for x in (0.02, 0.18):
        world.reset(0)
        world.data.joint('red_box_joint').qpos[:3] = x, 0.5, 0.02
        rig.update(world.state())
        red = _redness(rig.render('top', 240, 320))
        assert 20 < red.sum() < 400
        columns.append(np.nonzero(red)[1].mean())
    # 0.16 m, seen from 0.78 m with a vertical field of view of 78 degrees.
    assert columns[1] - columns[0] == pytest.approx(
        0.16 * 120 / (0.78 * np.tan(np.radians(39))), abs=3
    )


def test_the_picture_changes_with_update_only(world: World, rig: CameraRig) -> None:
    world.reset(0)
    rig.update(world.state())
    before = rig.render('top', 120, 160)
    command = world.spec.start.copy()
    command[0] = 1.0
    world.command(command)
    world.step(0.5)
    np.testing.assert_array_equal(rig.render('top', 120, 160), before)
    rig.update(world.state())
    assert (rig.render('top', 120, 160) != before).any()


def test_rendering_in_a_thread_leaves_the_physics_as_it_is(world: World) -> None:
    def finish(render: bool) -> np.ndarray[Any, Any]:
        world.reset(4)
        operator = Operator('transfer_cube', 4, world.spec)
        with ThreadPoolExecutor(1) as thread:
            own = thread.submit(CameraRig, world).result() if render else None
            for _ in range(25):
                world.command(operator.act(world))
                if own is not None:
                    state = world.state()
                    shot = thread.submit(
                        lambda s=state: (own.update(s), own.render('top', 60, 80))
                    )
                world.step(0.02)
                if own is not None:
                    assert shot.result()[1].shape == (60, 80, 3)
            if own is not None:
                thread.submit(own.close).result()
        return world.data.qpos.copy()

    np.testing.assert_array_equal(finish(render=True), finish(render=False))


def test_an_unknown_camera_is_refused_with_the_names_that_exist(rig: CameraRig) -> None:
    with pytest.raises(SimulationError, match="no camera 'ceiling'; use one of top, angle"):
        rig.render('ceiling')


@pytest.mark.parametrize('size', [(481, 640), (480, 1280), (0, 640)])
def test_a_size_the_rig_was_not_made_for_is_refused(rig: CameraRig, size: tuple[int, int]) -> None:
    with pytest.raises(SimulationError, match='does not fit this rig: at most 640x480'):
        rig.render('top', *size)


def test_missing_opengl_says_what_to_install(
    rig: CameraRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise AttributeError("'NoneType' object has no attribute 'eglQueryString'")

    monkeypatch.setattr('mujoco.Renderer', broken)
    with pytest.raises(
        SimulationError, match=r"eglQueryString'; install libegl1 \(or libosmesa6\)"
    ):
        rig.render('top', 33, 44)
