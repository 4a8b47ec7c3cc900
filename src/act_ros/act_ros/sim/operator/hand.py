# SPDX-License-Identifier: Apache-2.0
"""One hand of the scripted operator: minimum-jerk motions in the world, turned into joint targets."""

from __future__ import annotations

from collections.abc import Callable, Generator

import mujoco
import numpy as np
from numpy.typing import NDArray

from act_ros.robot.spec import RobotSpec
from act_ros.sim.operator.kinematics import ArmKinematics, Pose
from act_ros.sim.world import World

Vector = NDArray[np.float64]
Script = Generator[None, None, None]
"""A motion: it yields once per tick and returns when it is over."""

BASE_XY = {'left': np.array([-0.469, 0.5]), 'right': np.array([0.469, 0.5])}
"""Where the arms stand on the table, metres."""

PICK_PITCH = np.radians(70.0)
"""How steeply a hand points down when it picks something from the table, radians."""

SPEED = 0.9
"""Share of the velocity limits that the operator uses at most."""


def min_jerk(share: float) -> float:
    """Share of the way done at `share` (0..1) of the time of a minimum-jerk motion (Flash & Hogan 1985)."""
    return share**3 * (10.0 - 15.0 * share + 6.0 * share**2)


class Hand:
    """Moves the leader of one side so that the follower's hand does what the script says.

    The wanted hand (`position`, `pitch`, `roll`, `grip`) changes only through `move`, `squeeze` and
    `wait`. The hand's yaw is the direction from the shoulder to the hand, as it is for a person who
    holds the leader's forearm straight: the arm stays far from its wrist singularity.
    """

    def __init__(
        self, side: str, model: mujoco.MjModel, spec: RobotSpec, rng: np.random.Generator
    ) -> None:
        """Start in the start pose of `spec`; `rng` draws this episode's tremor and pace."""
        index = [arm.side for arm in spec.arms].index(side)
        self.slice = spec.arm_entries(index)
        self.side = side
        self._arm = ArmKinematics(model, side)
        self._base = BASE_XY[side]
        self._max_step = SPEED * spec.velocity[self.slice] / spec.rate_hz
        self._q = spec.start[self.slice][:-1].copy()
        self._target = spec.start[self.slice].copy()
        self._tick = 0
        self.position, rotation = self._arm.forward(self._q)
        self.pitch = float(-np.arcsin(rotation[2, 0]))
        self.roll = 0.0
        self.grip = float(spec.start[self.slice][-1])
        self._pace = rng.uniform(0.92, 1.08)
        # Physiological tremor is faster (8-12 Hz); what a teleoperator's arm shows is slow sway.
        self._sway_hz = rng.uniform(0.4, 1.6, (3, 3))
        self._sway_phase = rng.uniform(0.0, 2 * np.pi, (3, 3))
        self._sway_m = 0.0007

    @property
    def gripper(self) -> int:
        """Index of this side's gripper in the world's vectors."""
        return int(self.slice.stop) - 1

    def ticks(self, seconds: float) -> int:
        """Ticks of 20 ms that a motion of nominally `seconds` takes at this episode's pace."""
        return max(1, round(50 * seconds * self._pace))

    def measured(self, world: World) -> tuple[Vector, NDArray[np.float64]]:
        """Where the follower's hand is: pinch point (3,) in metres and rotation (3, 3)."""
        return self._arm.forward(world.qpos[self.slice][:-1])

    def arrived(self, world: World, tolerance: float = 0.004) -> bool:
        """Whether the follower's hand is within `tolerance` metres of where the script wants it."""
        point, _ = self.measured(world)
        return bool(np.linalg.norm(point - self.position) < tolerance)

    def move(
        self,
        goal: Callable[[], Vector],
        seconds: float,
        pitch: float | None = None,
        roll: float | None = None,
        grip: float | None = None,
        bow: Vector | None = None,
    ) -> Script:
        """Go to `goal()` (3,) on a minimum-jerk path; the goal is looked at anew every tick.

        Args:
            goal: where the pinch point is to end, metres.
            seconds: nominal duration.
            pitch: downward angle of the hand at the end, radians; as it is if None.
            roll: roll of the hand at the end, radians; as it is if None.
            grip: opening at the end, 0..1; as it is if None.
            bow: (3,) how far the path bows out of the straight line at half time, metres.
        """
        start = self.position.copy(), self.pitch, self.roll, self.grip
        end_pitch = start[1] if pitch is None else pitch
        end_roll = start[2] if roll is None else roll
        end_grip = start[3] if grip is None else grip
        count = self.ticks(seconds)
        for tick in range(1, count + 1):
            s = min_jerk(tick / count)
            self.position = start[0] + s * (goal() - start[0])
            if bow is not None:
                self.position = self.position + 16 * s**2 * (1 - s) ** 2 * bow
            self.pitch = start[1] + s * (end_pitch - start[1])
            self.roll = start[2] + s * (end_roll - start[2])
            self.grip = start[3] + s * (end_grip - start[3])
            yield

    def squeeze(self, grip: float, seconds: float) -> Script:
        """Open or close to `grip` (0..1) while the hand stays where it is."""
        position = self.position.copy()
        yield from self.move(lambda: position, seconds, grip=grip)

    def wait(self, until: Callable[[], bool], seconds: float) -> Script:
        """Hold still until a condition is met, at most for `seconds`."""
        for _ in range(round(50 * seconds)):
            if until():
                return
            yield

    def target(self) -> Vector:
        """This tick's leader target (7,): six joints in radians, opening 0..1; within the speed limits."""
        t = self._tick / 50.0
        self._tick += 1
        fade = min(1.0, t / 0.5)
        sway = self._sway_m * np.sin(2 * np.pi * self._sway_hz * t + self._sway_phase).sum(axis=1)
        position = self.position + fade * sway
        yaw = np.arctan2(*(position[:2] - self._base)[::-1])
        self._q = self._arm.inverse(
            Pose(position, np.array([yaw, self.pitch, self.roll])), self._q
        )
        wanted = np.append(self._q + fade * self._arm.sag(self._q), self.grip)
        step = np.clip(wanted - self._target, -self._max_step, self._max_step)
        self._target = self._target + step
        target: Vector = self._target.copy()
        return target
