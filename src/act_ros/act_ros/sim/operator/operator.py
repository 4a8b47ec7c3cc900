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
from act_ros.sim.operator.hand import Hand
from act_ros.sim.operator.insertion import Insertion
from act_ros.sim.operator.transfer import TransferCube
from act_ros.sim.world import SIDES, SimulationError, World

Vector = NDArray[np.float64]


class Operator:
    """Does one episode of a task, one leader target per tick of 20 ms."""

    def __init__(self, task: str, seed: int, spec: RobotSpec | None = None) -> None:
        """Prepare an episode of `task` ('transfer_cube' or 'insertion'); `seed` draws its variation.

        Raises:
            ValueError: the task isn't known.
            SimulationError: the robot hasn't the two arms that the tasks take.
        """
        if task not in _SCRIPTS:
            raise ValueError(f"task '{task}' is not known; use one of {', '.join(_SCRIPTS)}")
        self._task = task
        self._spec = spec if spec is not None else RobotSpec.load()
        sides = [arm.side for arm in self._spec.arms]
        if missing := [side for side in SIDES if side not in sides]:
            raise SimulationError(
                f'the scripted operator needs the arms {" and ".join(SIDES)}, and this robot has no {missing[0]} one; '
                'choose operator none, and lead the arm yourself'
            )
        # Another stream than the world's, which draws the objects from the same seed.
        self._rng = np.random.default_rng([seed, 1])
        self._scripts: list[Iterator[None]] = []
        self._hands: list[Hand] = []
        self.done = False

    def act(self, world: World) -> Vector:
        """The leaders' joint positions (dof,) for this tick, from what `world` shows now.

        In the robot's order; radians, grippers 0..1. When the script is over
        (`done`), the leaders hold still.
        """
        if not self._hands:
            self._hands = [
                Hand(arm.side, world.model, self._spec, self._rng) for arm in self._spec.arms
            ]
            left, right = (next(h for h in self._hands if h.side == side) for side in SIDES)
            script = _SCRIPTS[self._task](world, left, right, self._rng)
            self._scripts = list(script.scripts())
        running = [next(script, self) is None for script in self._scripts]
        self.done = not any(running)
        return np.concatenate([hand.target() for hand in self._hands])


_SCRIPTS: dict[str, type[TransferCube] | type[Insertion]] = {
    'transfer_cube': TransferCube,
    'insertion': Insertion,
}
