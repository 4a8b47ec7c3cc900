# SPDX-License-Identifier: Apache-2.0
"""How the scripted operator puts the peg into the socket."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from act_ros.sim.operator.hand import PICK_PITCH, Hand, Script
from act_ros.sim.world import World

Vector = NDArray[np.float64]


HALF_LENGTH_M = 0.06
"""Half the length of the peg and of the socket."""

PIN_DEPTH_M = 0.02
"""How far inside the socket's mouth the pin begins."""

PRESS_M = 0.005
"""How much further than the pin the hand goes, so that the peg stays against it."""


class Insertion:
    """The left hand lifts the socket, the right hand the peg; the peg goes into the socket in the air."""

    def __init__(self, world: World, left: Hand, right: Hand, rng: np.random.Generator) -> None:
        """Draw this episode's grasps, paths and meeting point from `rng`."""
        self._world, self._left, self._right = world, left, right
        self._grasp = rng.normal(0.0, 0.002, (2, 3)) + [[-0.01, 0.0, 0.006], [0.01, 0.0, 0.006]]
        self._bow = rng.normal(0.0, 0.008, (2, 2, 3))
        self._meet = np.array([-0.05, 0.5, 0.18]) + rng.normal(0.0, 0.004, 3)
        self._ready = False

    def scripts(self) -> tuple[Script, Script]:
        """What the left and the right hand do, tick by tick."""
        return self._left_hand(), self._right_hand()

    def _end(self, joint: str, sign: int) -> Vector:
        """One end of the peg or the socket in the world (3,): the one towards `sign` of its x axis."""
        position, (w, x, y, z) = self._world.object_pose(joint)
        axis = np.array([1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)])
        end: Vector = position + sign * HALF_LENGTH_M * axis
        return end

    def _in_hand(self, hand: Hand, seen: Vector) -> Vector:
        """From a point of the held thing to the pinch point (3,), as they are seen now."""
        return hand.measured(self._world)[0] - seen

    def _pick(self, hand: Hand, joint: str, grasp: Vector, bow: Vector) -> Script:
        above = np.array([0.0, 0.0, 0.09])

        def place() -> Vector:
            return self._world.object_pose(joint)[0] + grasp

        yield from hand.move(
            lambda: place() * [1, 1, 0] + [0, 0, 0.02] + above,
            1.1,
            pitch=PICK_PITCH,
            grip=1.0,
            bow=bow,
        )
        yield from hand.move(place, 0.6)
        yield from hand.wait(lambda: hand.arrived(self._world), 0.3)
        yield from hand.squeeze(0.0, 0.5)
        yield from hand.wait(lambda: abs(self._world.qvel[hand.gripper]) < 0.1, 0.2)

    def _left_hand(self) -> Script:
        hand, joint = self._left, 'blue_socket_joint'
        yield from self._pick(hand, joint, self._grasp[0], self._bow[0, 0])

        def goal() -> Vector:
            return self._meet + self._in_hand(hand, self._world.object_pose(joint)[0])

        yield from hand.move(goal, 1.3, bow=self._bow[0, 1] * [1, 1, 0] + [0, 0, 0.02])
        yield from hand.wait(lambda: hand.arrived(self._world), 0.3)
        self._ready = True

    def _right_hand(self) -> Script:
        hand, joint = self._right, 'red_peg_joint'
        yield from self._pick(hand, joint, self._grasp[1], self._bow[1, 0])

        def before_mouth() -> Vector:
            mouth = self._end('blue_socket_joint', +1)
            return mouth + [0.015, 0.0, 0.0] + self._in_hand(hand, self._end(joint, -1))

        far = self._meet + [HALF_LENGTH_M + 0.05, 0.0, 0.0]
        yield from hand.move(
            lambda: far + self._in_hand(hand, self._end(joint, -1)),
            1.3,
            bow=self._bow[1, 1] * [1, 1, 0] + [0, 0, 0.02],
        )
        yield from hand.wait(lambda: self._ready, 2.0)
        yield from hand.move(before_mouth, 0.8)
        # Seen once: a peg that meets the pin slips in the hand, and looking again would push it on.
        pinch = self._in_hand(hand, self._end(joint, -1))
        inside = self._end('blue_socket_joint', +1) - [PIN_DEPTH_M + PRESS_M, 0.0, 0.0] + pinch
        yield from hand.move(lambda: inside, 1.2)
