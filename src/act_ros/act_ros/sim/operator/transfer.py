# SPDX-License-Identifier: Apache-2.0
"""How the scripted operator passes the cube from hand to hand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from act_ros.sim.operator.hand import PICK_PITCH, Hand, Script
from act_ros.sim.world import World

Vector = NDArray[np.float64]


class TransferCube:
    """The right hand picks the cube and gives it to the left hand in the middle."""

    def __init__(self, world: World, left: Hand, right: Hand, rng: np.random.Generator) -> None:
        """Draw this episode's grasp, paths and meeting point from `rng`."""
        self._world, self._left, self._right = world, left, right
        self._grasp = rng.normal(0.0, 0.002, 3) + [0.0, 0.0, 0.004]
        self._bow = rng.normal(0.0, 0.008, (3, 3))
        self._meet = np.array([0.0, 0.5, 0.24]) + rng.normal(0.0, 0.004, 3)
        self._carried = self._offered = self._taken = False

    def scripts(self) -> tuple[Script, Script]:
        """What the left and the right hand do, tick by tick."""
        return self._left_hand(), self._right_hand()

    def _cube(self) -> Vector:
        return self._world.object_pose('red_box_joint')[0]

    def _right_hand(self) -> Script:
        hand = self._right
        above = np.array([0.0, 0.0, 0.09])
        yield from hand.move(
            lambda: self._cube() * [1, 1, 0] + [0, 0, 0.02] + self._grasp + above,
            1.05,
            pitch=PICK_PITCH,
            grip=1.0,
            bow=self._bow[0],
        )
        yield from hand.move(lambda: self._cube() + self._grasp, 0.55)
        yield from hand.wait(lambda: hand.arrived(self._world), 0.3)
        yield from hand.squeeze(0.2, 0.45)
        yield from hand.wait(lambda: abs(self._world.qvel[hand.gripper]) < 0.1, 0.2)
        self._carried = True
        yield from hand.move(lambda: self._meet, 1.2, bow=self._bow[1] * [1, 1, 0] + [0, 0, 0.03])
        yield from hand.wait(lambda: hand.arrived(self._world), 0.2)
        self._offered = True
        yield from hand.wait(lambda: self._taken, 4.0)
        yield from hand.squeeze(1.0, 0.45)
        back = hand.position + np.array([0.10, 0.0, 0.06])
        yield from hand.move(lambda: back, 0.75)

    def _left_hand(self) -> Script:
        hand = self._left
        yield from hand.wait(lambda: self._carried, 6.0)
        ready = self._meet + [-0.11, 0.0, 0.0]
        yield from hand.move(
            lambda: ready, 1.15, pitch=0.0, roll=np.pi / 2, grip=1.0, bow=self._bow[2]
        )
        yield from hand.wait(lambda: self._offered, 3.0)
        yield from hand.move(lambda: self._cube() + [-0.008, 0.0, 0.0], 0.6)
        yield from hand.wait(lambda: hand.arrived(self._world), 0.3)
        yield from hand.squeeze(0.2, 0.45)
        yield from hand.wait(lambda: abs(self._world.qvel[hand.gripper]) < 0.1, 0.2)
        self._taken = True
        yield from hand.wait(lambda: self._world.qpos[self._right.gripper] > 0.8, 1.0)
        back = hand.position + np.array([-0.08, 0.0, 0.0])
        yield from hand.move(lambda: back, 0.7)
