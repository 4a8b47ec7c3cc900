# SPDX-License-Identifier: Apache-2.0
"""Pictures of the simulated world, rendered off screen beside the physics."""

from __future__ import annotations

import os
from types import TracebackType

import mujoco
import numpy as np

from act_ros.robot.types import Frame
from act_ros.sim.world import SimulationError, World, WorldState

SCENE_CAMERAS = (
    'top',
    'angle',
    'front_close',
    'left_pillar',
    'right_pillar',
    'left_wrist',
    'right_wrist',
)
"""The cameras of gym-aloha's scenes."""

_NO_GL = (
    'cannot render: no off-screen OpenGL (MUJOCO_GL is {gl}): {why}; install libegl1 (or libosmesa6), '
    'or set MUJOCO_GL to egl or osmesa'
)


def make_renderer(model: mujoco.MjModel, height: int, width: int) -> mujoco.Renderer:
    """A renderer of pictures (height, width, 3); its OpenGL context belongs to this thread.

    Raises:
        SimulationError: OpenGL is missing.
    """
    try:
        return mujoco.Renderer(model, height, width)
    except Exception as error:  # MuJoCo and PyOpenGL raise many kinds here
        gl = os.environ.get('MUJOCO_GL', 'not set')
        raise SimulationError(_NO_GL.format(gl=gl, why=error)) from error


class CameraRig:
    """Renders a world's cameras from data of its own, so that physics may go on meanwhile.

    Shadows, reflections and multisampling are off: they cost seven times the rest in software.
    OpenGL contexts belong to the thread of the first `render`: make and close a rig in one thread.
    """

    def __init__(self, world: World, max_height: int = 480, max_width: int = 640) -> None:
        """Prepare to render `world`'s scene in sizes up to `max_height` x `max_width` pixels."""
        self._world = world
        self._model = world.model
        self._model.vis.quality.offsamples = 0
        self._model.vis.global_.offheight = max_height
        self._model.vis.global_.offwidth = max_width
        self._data = mujoco.MjData(self._model)
        self._renderers: dict[tuple[int, int], mujoco.Renderer] = {}
        self.update(world.state())

    def update(self, state: WorldState) -> None:
        """Show a snapshot of the world (`World.state()`) in the renders that follow."""
        mujoco.mj_setState(
            self._model, self._data, state.physics, mujoco.mjtState.mjSTATE_INTEGRATION
        )
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)

    def render(self, camera: str, height: int = 480, width: int = 640) -> Frame:
        """Picture (height, width, 3) uint8 RGB of the last `update` by a camera of the scene.

        Raises:
            SimulationError: the camera isn't in the scene, the size is above the rig's, or OpenGL is
                missing.
        """
        if camera not in SCENE_CAMERAS:
            raise SimulationError(f"no camera '{camera}'; use one of {', '.join(SCENE_CAMERAS)}")
        renderer = self._renderer(height, width)
        renderer.update_scene(self._data, camera)
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        return np.asarray(renderer.render(), dtype=np.uint8)

    def close(self) -> None:
        """Free the OpenGL contexts. A rig that is never closed keeps them until the process ends."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()

    def __enter__(self) -> CameraRig:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _renderer(self, height: int, width: int) -> mujoco.Renderer:
        size = height, width
        if size not in self._renderers:
            limits = self._model.vis.global_
            if height > limits.offheight or width > limits.offwidth or min(size) < 1:
                raise SimulationError(
                    f'size {width}x{height} does not fit this rig: at most {limits.offwidth}x'
                    f'{limits.offheight}; give CameraRig a larger max_height and max_width'
                )
            self._renderers[size] = make_renderer(self._model, height, width)
        return self._renderers[size]
