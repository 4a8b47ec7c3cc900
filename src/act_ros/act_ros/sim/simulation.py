# SPDX-License-Identifier: Apache-2.0
"""The simulated robot without ROS: world, its arms' motors, operator, course of the episodes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from act_ros.robot.spec import RobotSpec
from act_ros.sim.motors import LEADER, ArmMotors, follower_model
from act_ros.sim.operator.operator import Operator
from act_ros.sim.world import RATE_HZ, STEPS, UnstableSimulationError, World

Vector = NDArray[np.float64]

STEP_S = 0.01
"""One step of the simulation, and the period of the joint states."""
STEPS_PER_TICK = round(1 / (STEP_S * RATE_HZ))
SETTLE_STEPS = 30
"""After a reset commands are ignored for 0.3 s: they are meant for where the arms were."""
AFTER_SUCCESS_STEPS = 100
"""An episode goes on for a second after the task is done."""
MARGIN_STEPS = 50
"""What an episode lasts beyond the task's length: commands take their time to the follower."""


class Reading(NamedTuple):
    """What an arm's joint_states say: its motors, then two fingers, in rad, m, rad/s, N m."""

    position: list[float]
    velocity: list[float]
    effort: list[float]


class Simulation:
    """A world with a robot's leaders and followers. Not thread-safe: who uses it from several threads holds a lock.

    Time never goes back: it is counted in steps over all episodes.
    """

    def __init__(
        self, task: str, seed: int, spec: RobotSpec, scripted: bool, lockstep: bool = False
    ) -> None:
        """Set up `task` with `seed`; `scripted` lets an operator move the leaders.

        Raises:
            SimulationError: unknown task, the scenes are missing, or not for this robot.
        """
        self.spec, self.task = spec, task
        self._scripted, self._lockstep = scripted, lockstep
        self.world = World(task, seed, spec)
        self.motors: dict[str, ArmMotors] = {}
        follower = follower_model(spec)
        for arm in spec.arms:
            self.motors[arm.leader] = ArmMotors(LEADER, spec.leader_gripper, spec, torque=False)
            self.motors[arm.follower] = ArmMotors(
                follower, spec.follower_gripper, spec, torque=True
            )
        self._followers = tuple(arm.follower for arm in spec.arms)
        self._leaders = tuple(arm.leader for arm in spec.arms)
        self._leader_velocity = np.zeros(spec.dof)
        self.count = 0
        self.episode = 0
        self.unstable: str | None = None
        self.reset(seed)
        self._settle = 0

    @property
    def stamp_ns(self) -> int:
        """Simulated time in nanoseconds since the start, over all episodes."""
        return self.count * round(STEP_S * 1e9)

    @property
    def length(self) -> int:
        """Control ticks that an episode of the task is given."""
        return STEPS[self.task]

    @property
    def step(self) -> int:
        """Control ticks since the episode began; it begins with the first command."""
        return self._steps // STEPS_PER_TICK

    @property
    def elapsed_s(self) -> float:
        """Seconds since the episode began."""
        return self._steps * STEP_S

    @property
    def seed(self) -> int:
        """Seed of the present episode."""
        return self.world.seed

    @property
    def ended(self) -> bool:
        """Whether the episode is over: a second after success, at its time limit, or diverged."""
        if self.unstable:
            return True
        limit = self.length * STEPS_PER_TICK + MARGIN_STEPS
        if self._scripted:  # demonstrations of a task are all of one length, as ACT's loader wants
            return self._steps >= limit
        return self._steps >= min(limit, self._done_at)

    @property
    def complete(self) -> bool:
        """Whether all followers have had arm and gripper commands since the last step."""
        return len(self._arrived) == 2 * len(self._followers)

    def reset(self, seed: int) -> None:
        """Begin another episode: arms in the start pose, objects where `seed` puts them."""
        self.world.reset(seed)
        for index, (leader, follower) in enumerate(
            zip(self._leaders, self._followers, strict=True)
        ):
            pose = self.spec.start[self.spec.arm_entries(index)]
            self.motors[leader].put(pose)
            self.motors[follower].put(pose)
        self._operator = Operator(self.task, seed, self.spec) if self._scripted else None
        self._steps, self._running = 0, False
        # Nothing that was seen before has the stamp of what is seen after; and a tick is left out,
        # by which a policy in lockstep knows that an episode begins.
        self.count += 2 * STEPS_PER_TICK
        self._done_at = sys.maxsize
        self._settle = 0 if self._lockstep else SETTLE_STEPS
        self._arrived: set[tuple[str, str]] = set()
        self.unstable = None
        self.episode += 1

    def command(self, arm: str, cmd_type: str, name: str, values: Sequence[float]) -> bool:
        """Command motors of an arm; returns whether it is followed (torque on, no reset just now).

        Raises:
            MotorError: unknown group or joint, wrong number of values, or not finite.
        """
        motors = self.motors[arm]
        if arm not in self._followers:
            return motors.command(cmd_type, name, values)
        motors.find(cmd_type, name)
        if self._settle:
            return False
        followed = motors.command(cmd_type, name, values)
        self._arrived.add((arm, cmd_type))
        self._running = True
        return followed

    def advance(self) -> None:
        """Let one step of 10 ms pass; if the physics diverges, `unstable` says how."""
        if self._steps % STEPS_PER_TICK == 0:
            self._move_leaders()
        for leader in self._leaders:
            self.motors[leader].advance(STEP_S)
        followers = [self.motors[name].advance(STEP_S) for name in self._followers]
        try:
            self.world.command(np.concatenate(followers))
            self.world.step(STEP_S)
        except UnstableSimulationError as error:
            self.unstable = str(error)
        self.count += 1
        self._settle = max(0, self._settle - 1)
        self._steps += self._running
        if self.world.success:
            self._done_at = min(self._done_at, self._steps + AFTER_SUCCESS_STEPS)

    def next_tick(self) -> None:
        """Forget which commands have arrived: those for the next tick are waited for."""
        self._arrived.clear()

    def _move_leaders(self) -> None:
        """Let the operator move the leaders without torque; he waits until they are followed."""
        self._leader_velocity[:] = 0.0
        if self._operator is None or not self._running:
            return
        target = self._operator.act(self.world)
        for index, leader in enumerate(self._leaders):
            motors, part = self.motors[leader], self.spec.arm_entries(index)
            free = ~motors.torque
            pose = np.where(free, target[part], motors.setpoint)
            self._leader_velocity[part] = (pose - motors.setpoint) / (STEP_S * STEPS_PER_TICK)
            motors.setpoint = pose

    def readings(self) -> dict[str, Reading]:
        """What every arm's joint_states say now."""
        result = {}
        qpos, qvel, effort = self.world.qpos, self.world.qvel, self.world.effort
        for index, (leader, follower) in enumerate(
            zip(self._leaders, self._followers, strict=True)
        ):
            part = self.spec.arm_entries(index)
            result[follower] = _reading(
                self.motors[follower], qpos[part], qvel[part], effort[part]
            )
            result[leader] = _reading(
                self.motors[leader],
                self.motors[leader].setpoint,
                self._leader_velocity[part],
                np.zeros(self.spec.arm_size),
            )
        return result


def _reading(motors: ArmMotors, position: Vector, velocity: Vector, effort: Vector) -> Reading:
    """The motors, the gripper in radians, then both fingers in metres."""
    scale, grip = motors.scale, float(position[-1])
    finger = scale.unit_to_finger(grip)
    turn = float(velocity[-1]) * (scale.joint_open - scale.joint_closed)
    return Reading(
        [*position[:-1].tolist(), scale.unit_to_joint(grip), finger, -finger],
        [*velocity[:-1].tolist(), turn, 0.0, 0.0],
        [*effort.tolist(), 0.0, 0.0],
    )
