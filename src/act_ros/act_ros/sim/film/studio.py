# SPDX-License-Identifier: Apache-2.0
"""What a guest sees of the simulation: both arms whole on a wooden table, lit, with shadows.

It has a model of its own, made of the task's scene file: what policies and recordings see is not touched.
"""

from __future__ import annotations

from types import TracebackType

import cv2
import mujoco
import numpy as np
from numpy.typing import NDArray

from act_ros.robot.types import Frame
from act_ros.sim.cameras import make_renderer
from act_ros.sim.world import SimulationError, scene_path

CAMERA = 'film'
HEIGHT, WIDTH = 468, 960
"""Size of the pictures in pixels."""
_DRAWN = round(1.5 * HEIGHT), round(1.5 * WIDTH)
"""Drawn larger, then averaged: smooth edges at half of what multisampling costs in software."""

_STATE = mujoco.mjtState.mjSTATE_INTEGRATION
_MATERIALS = {  # colour, and how much it shines
    'white': ((0.95, 0.95, 0.94, 1.0), 0.4),
    'graphite': ((0.30, 0.32, 0.36, 1.0), 0.4),
    'wood': ((0.82, 0.73, 0.62, 1.0), 0.0),
}
_RED, _BLUE = (0.90, 0.16, 0.13, 1.0), (0.10, 0.36, 0.85, 0.6)
_HIDDEN_GROUP = 5
_LINKS_IN_WHITE = ('3_upper_arm', '4_upper_forearm', '5_lower_forearm')


def studio_model(task: str) -> mujoco.MjModel:
    """The scene of `task` with its camera, lights, table and colours for the film.

    What is added hangs on the world and does not move, so that a state of a `World` fits.

    Raises:
        SimulationError: unknown task, or gym-aloha isn't installed.
    """
    spec = mujoco.MjSpec.from_file(str(scene_path(task)))
    _paint(spec)
    _light(spec)
    # The scene's own table is narrower than the arms' feet. Its top is at z = 0; this one's 1 mm below.
    spec.worldbody.add_geom(
        name='film/table', type=mujoco.mjtGeom.mjGEOM_BOX, size=(0.88, 0.42, 0.04),
        pos=(0.0, 0.56, -0.041), material='film/wood', contype=0, conaffinity=0,
    )  # fmt: skip
    spec.worldbody.add_camera(
        name=CAMERA, pos=(0.0, -1.02, 0.70), xyaxes=(1, 0, 0, 0, 0.315, 1.0), fovy=28.5
    )
    return spec.compile()


class Studio:
    """Draws states of one task's world. Make, use and close it in one thread."""

    def __init__(self, task: str) -> None:
        """Load the scene of `task` ('transfer_cube' or 'insertion').

        Raises:
            SimulationError: unknown task, gym-aloha isn't installed, or OpenGL is missing.
        """
        self.task = task
        self.model = studio_model(task)
        self.data = mujoco.MjData(self.model)
        self._renderer = make_renderer(self.model, *_DRAWN)

    @property
    def state_size(self) -> int:
        """How many numbers a state of this task has (`WorldState.physics`)."""
        return int(mujoco.mj_stateSize(self.model, _STATE))

    def pose(self, physics: NDArray[np.float64]) -> None:
        """Put arms and objects where `physics` (`WorldState.physics`) has them.

        Raises:
            SimulationError: it is no state of this task.
        """
        if physics.shape != (self.state_size,):
            raise SimulationError(
                f'a state of shape {physics.shape} cannot be filmed as {self.task}, whose states have '
                f'{self.state_size} numbers; give the task that it was taken from'
            )
        mujoco.mj_setState(self.model, self.data, physics, _STATE)
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)

    def render(self, physics: NDArray[np.float64]) -> Frame:
        """Picture (468, 960, 3) uint8 RGB of a state (`WorldState.physics`).

        Raises:
            SimulationError: it is no state of this task.
        """
        self.pose(physics)
        self._renderer.update_scene(self.data, CAMERA)
        self._renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        smooth = cv2.resize(self._renderer.render(), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        return np.asarray(smooth, np.uint8)

    def close(self) -> None:
        """Free the OpenGL context."""
        self._renderer.close()

    def __enter__(self) -> Studio:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _paint(spec: mujoco.MjSpec) -> None:
    """Arms in white and graphite, objects in clear colours, a sky in place of black."""
    for name, (rgba, shine) in _MATERIALS.items():
        spec.add_material(name=f'film/{name}', rgba=rgba, specular=shine, shininess=0.4)
    for geom in spec.geoms:
        if geom.name == 'table':
            geom.group = _HIDDEN_GROUP
        elif geom.name.startswith('vx300s'):
            white = geom.name.endswith(_LINKS_IN_WHITE)
            geom.material = 'film/white' if white else 'film/graphite'
            geom.rgba = (0.5, 0.5, 0.5, 1.0)  # MuJoCo's default: the material's colour counts
        else:
            # The socket lets the peg be seen through it.
            geom.rgba = _BLUE if geom.name.startswith('socket') else _RED
    spec.add_texture(
        name='film/sky',
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=(0.42, 0.54, 0.66),
        rgb2=(0.86, 0.91, 0.94),
        width=256,
        height=1536,
    )


def _light(spec: mujoco.MjSpec) -> None:
    """One lamp above and before the table that casts shadows, one behind for the edges."""
    for light in spec.lights:
        light.active = False
    for name, position, direction, diffuse, specular, shadow in (
        ('key', (0.3, -0.2, 1.6), (-0.25, 0.35, -1.0), (0.50, 0.49, 0.46), 0.3, True),
        ('rim', (-1.0, 2.0, 1.0), (0.5, -1.0, -0.5), (0.16, 0.18, 0.22), 0.2, False),
    ):
        spec.worldbody.add_light(
            name=f'film/{name}',
            type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
            pos=position,
            dir=direction,
            diffuse=diffuse,
            specular=(specular,) * 3,
            ambient=(0.0, 0.0, 0.0),
            castshadow=shadow,
        )
    visual = spec.visual
    visual.headlight.ambient = (0.42, 0.42, 0.44)
    visual.headlight.diffuse = (0.22, 0.22, 0.22)
    visual.headlight.specular = (0.0, 0.0, 0.0)
    visual.quality.offsamples = 0
    # The shadow map covers 1.8 m with 1024 pixels: one is as large as a pixel of the film.
    visual.quality.shadowsize, visual.map.shadowclip = 1024, 0.55
    visual.global_.offheight, visual.global_.offwidth = _DRAWN
