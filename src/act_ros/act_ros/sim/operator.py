# SPDX-License-Identifier: Apache-2.0
"""The scripted operator: moves the leader arms so that the followers do the task, from what is seen.

It looks at the objects' true poses and at the followers, plans minimum-jerk motions of the hands, and
turns them into joint targets by inverse kinematics. Every seed has its own pace, path and grasp.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from act_ros.robot.spec import RobotSpec
from act_ros.sim.hand import Hand, Script
from act_ros.sim.world import World

Vector = NDArray[np.float64]

PICK_PITCH = np.radians(70.0)
"""How steeply a hand points down when it picks something from the table."""


class Operator:
    """Does one episode of a task, one leader target per tick of 20 ms."""

    def __init__(self, task: str, seed: int, spec: RobotSpec | None = None) -> None:
        """Prepare an episode of `task` ('transfer_cube' or 'insertion'); `seed` draws its variation.

        Raises:
            ValueError: the task isn't known.
        """
        if task not in _SCRIPTS:
            raise ValueError(f"task '{task}' is not known; use one of {', '.join(_SCRIPTS)}")
        self._task = task
        self._spec = spec if spec is not None else RobotSpec.load()
        # Another stream than the world's, which draws the objects from the same seed.
        self._rng = np.random.default_rng([seed, 1])
        self._scripts: list[Iterator[None]] = []
        self._hands: list[Hand] = []
        self.done = False

    def act(self, world: World) -> Vector:
        """The leaders' joint positions (14,) for this tick, from what `world` shows now.

        [left 6, left gripper, right 6, right gripper]; radians, grippers 0..1. When the script is over
        (`done`), the leaders hold still.
        """
        if not self._hands:
            self._hands = [Hand(arm.side, world.model, self._spec, self._rng) for arm in self._spec.arms]
            self._scripts = list(_SCRIPTS[self._task](world, *self._hands, self._rng))
        running = [next(script, self) is None for script in self._scripts]
        self.done = not any(running)
        return np.concatenate([hand.target() for hand in self._hands])


class _TransferCube:
    """The right hand picks the cube and gives it to the left hand in the middle."""

    def __init__(self, world: World, left: Hand, right: Hand, rng: np.random.Generator) -> None:
        self._world, self._left, self._right = world, left, right
        self._grasp = rng.normal(0.0, 0.002, 3) + [0.0, 0.0, 0.004]
        self._bow = rng.normal(0.0, 0.008, (3, 3))
        self._meet = np.array([0.0, 0.5, 0.24]) + rng.normal(0.0, 0.004, 3)
        self._carried = self._offered = self._taken = False

    def scripts(self) -> tuple[Script, Script]:
        return self._left_hand(), self._right_hand()

    def _cube(self) -> Vector:
        return self._world.object_pose('red_box_joint')[0]

    def _near(self, hand: Hand, tolerance: float = 0.004) -> bool:
        point, _ = hand.measured(self._world)
        return bool(np.linalg.norm(point - hand.position) < tolerance)

    def _right_hand(self) -> Script:
        hand = self._right
        above = np.array([0.0, 0.0, 0.09])
        yield from hand.move(
            lambda: self._cube() * [1, 1, 0] + [0, 0, 0.02] + self._grasp + above,
            1.05, pitch=PICK_PITCH, grip=1.0, bow=self._bow[0],
        )
        yield from hand.move(lambda: self._cube() + self._grasp, 0.55)
        yield from hand.wait(lambda: self._near(hand), 0.3)
        yield from hand.squeeze(0.2, 0.45)
        yield from hand.wait(lambda: abs(self._world.qvel[13]) < 0.1, 0.2)
        self._carried = True
        yield from hand.move(lambda: self._meet, 1.2, bow=self._bow[1] * [1, 1, 0] + [0, 0, 0.03])
        yield from hand.wait(lambda: self._near(hand), 0.2)
        self._offered = True
        yield from hand.wait(lambda: self._taken, 4.0)
        yield from hand.squeeze(1.0, 0.45)
        back = hand.position + np.array([0.10, 0.0, 0.06])
        yield from hand.move(lambda: back, 0.75)

    def _left_hand(self) -> Script:
        hand = self._left
        yield from hand.wait(lambda: self._carried, 6.0)
        ready = self._meet + [-0.11, 0.0, 0.0]
        yield from hand.move(lambda: ready, 1.15, pitch=0.0, roll=np.pi / 2, grip=1.0, bow=self._bow[2])
        yield from hand.wait(lambda: self._offered, 3.0)
        yield from hand.move(lambda: self._cube() + [-0.008, 0.0, 0.0], 0.6)
        yield from hand.wait(lambda: self._near(hand), 0.3)
        yield from hand.squeeze(0.2, 0.45)
        yield from hand.wait(lambda: abs(self._world.qvel[6]) < 0.1, 0.2)
        self._taken = True
        yield from hand.wait(lambda: self._world.qpos[13] > 0.8, 1.0)
        back = hand.position + np.array([-0.08, 0.0, 0.0])
        yield from hand.move(lambda: back, 0.7)


_SCRIPTS = {
    'transfer_cube': lambda *a: _TransferCube(*a).scripts(),
}
