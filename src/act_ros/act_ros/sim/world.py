# SPDX-License-Identifier: Apache-2.0
"""The simulated ALOHA: gym-aloha's scenes and rewards on MuJoCo, commanded by joint positions.

Scenes, start pose, distribution of the objects, stages of the reward and the gripper's scale are those of
gym-aloha, which took them from the simulation of the ACT paper (Zhao et al. 2023).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray

from act_ros.robot.spec import GripperScale, RobotSpec
from act_ros.sim.reward import reward_of
from act_ros.text import PrintableError

Vector = NDArray[np.float64]

SIDES, ARM_JOINTS = ('left', 'right'), 6
"""The arms of gym-aloha's scenes, in the scenes' order, and the joints of one without its fingers."""
_SCENE_ARM = ARM_JOINTS + 2

SIM_GRIPPER = GripperScale(
    joint_open=1.4910, joint_closed=-0.6213, finger_open=0.05800, finger_closed=0.01844
)
"""The simulated gripper (gym-aloha's PUPPET_GRIPPER_*): radians of the motor, metres of the finger."""

STEPS = {'transfer_cube': 400, 'insertion': 500}
"""Longest episode of each task, in ticks of 20 ms."""
RATE_HZ = 50.0
"""Ticks in a second: lengths of episodes, the scripted operator and lockstep count in them."""

STAGES: dict[str, tuple[str, str, str, str]] = {
    'transfer_cube': ('touched', 'lifted', 'handed over', 'held by the left arm'),
    'insertion': ('grasped', 'lifted', 'in contact', 'inserted'),
}
"""What a reward of 1 to 4 means in each task, in words."""

_OBJECTS = {
    # lower and upper corner of the positions that gym-aloha draws, in metres
    'transfer_cube': {'red_box_joint': ((0.0, 0.4, 0.05), (0.2, 0.6, 0.05))},
    'insertion': {
        'red_peg_joint': ((0.1, 0.4, 0.05), (0.2, 0.6, 0.05)),
        'blue_socket_joint': ((-0.2, 0.4, 0.05), (-0.1, 0.6, 0.05)),
    },
}
_STATE = mujoco.mjtState.mjSTATE_INTEGRATION
_UNSTABLE = {
    'positions': mujoco.mjtWarning.mjWARN_BADQPOS,
    'velocities': mujoco.mjtWarning.mjWARN_BADQVEL,
    'accelerations': mujoco.mjtWarning.mjWARN_BADQACC,
    'controls': mujoco.mjtWarning.mjWARN_BADCTRL,
}


# MuJoCo would write its warnings to the standard output and into a file in the working directory.
# That the physics diverged is read from the world's data.
mujoco.set_mju_user_warning(logging.getLogger('mujoco').warning)


class SimulationError(PrintableError, RuntimeError):
    """The simulation cannot go on; the message says what happened and what to do."""


class UnstableSimulationError(SimulationError):
    """The physics diverged (NaN or huge values); the world must be reset."""


@dataclass(frozen=True)
class WorldState:
    """A snapshot of a world, to be rendered elsewhere.

    Attributes:
        physics: MuJoCo's integration state (time, positions, velocities, controls, warm start).
        max_reward: highest reward since the reset.
        seed: seed of the episode.
    """

    physics: Vector
    max_reward: int
    seed: int


def scene_path(task: str) -> Path:
    """Path of gym-aloha's scene file for `task`; its package is found, not imported.

    Raises:
        SimulationError: unknown task, or gym-aloha isn't installed.
    """
    if task not in STEPS:
        raise SimulationError(f"task '{task}' is not known; use one of {', '.join(STEPS)}")
    package = find_spec('gym_aloha')
    if package is None or not package.submodule_search_locations:
        raise SimulationError('the simulator needs the scenes of gym-aloha: pip install gym-aloha')
    return Path(package.submodule_search_locations[0]) / 'assets' / f'bimanual_viperx_{task}.xml'


class World:
    """A MuJoCo world of one task: two ViperX 300 arms, a table, and the task's objects.

    Deterministic: the same seed and the same commands give the same state, bit for bit.
    Vectors are (dof,), in the robot's order: radians, grippers 0..1. Where the robot has one arm, the scene's
    other arm stays folded.
    """

    def __init__(self, task: str, seed: int = 0, spec: RobotSpec | None = None) -> None:
        """Load the scene of `task` ('transfer_cube' or 'insertion') and reset it with `seed`.

        Raises:
            SimulationError: unknown task, a robot whose arms the scene hasn't, or gym-aloha isn't installed.
        """
        self.task = task
        self.spec = spec if spec is not None else RobotSpec.load()
        self.model = mujoco.MjModel.from_xml_path(str(scene_path(task)))
        self.data = mujoco.MjData(self.model)
        places = _places(self.spec)
        self._index = np.concatenate(
            [_SCENE_ARM * place + np.arange(self.spec.arm_size) for place in places]
        )
        self._grippers = list(self.spec.grippers)
        self._arms = [(place, self.spec.arm_entries(i)) for i, place in enumerate(places)]
        folded = _scene_arm(self.spec.rest[self.spec.arm_entries(0)])
        self._control = np.tile(folded, (len(SIDES), 1))
        self._names = [self.model.geom(i).name for i in range(self.model.ngeom)]
        self.seed = seed
        self.max_reward = 0
        self.reset(seed)

    def reset(self, seed: int) -> None:
        """Put the arms into the start pose and the objects where `seed` draws them."""
        rng = np.random.default_rng(seed)
        mujoco.mj_resetData(self.model, self.data)
        start = self._to_control(self.spec.start)
        self.data.qpos[: start.size] = start
        self.data.ctrl[:] = start
        for joint, (lower, upper) in _OBJECTS[self.task].items():
            pose = np.concatenate([rng.uniform(lower, upper), [1.0, 0.0, 0.0, 0.0]])
            self.data.joint(joint).qpos[:] = pose
        mujoco.mj_forward(self.model, self.data)
        self.seed = seed
        self.max_reward = 0

    def command(self, action: NDArray[np.floating]) -> None:
        """Set the joint positions (dof,) that the servos go to from the next step on.

        Raises:
            ValueError: another shape, or values that aren't finite.
        """
        wanted: Vector = np.asarray(action, dtype=np.float64)
        if wanted.shape != (self.spec.dof,) or not np.isfinite(wanted).all():
            raise ValueError(
                f'command must be {self.spec.dof} finite numbers, got shape {wanted.shape}: {wanted}'
            )
        self.data.ctrl[:] = self._to_control(wanted)

    def step(self, dt: float = 0.01) -> None:
        """Advance the physics by `dt` seconds, a multiple of the scene's time step of 2 ms.

        Raises:
            ValueError: `dt` is not a positive multiple of the time step.
            UnstableSimulationError: the physics diverged.
        """
        timestep = self.model.opt.timestep
        count = round(dt / timestep)
        if count < 1 or abs(count * timestep - dt) > 1e-9:
            raise ValueError(f'dt must be a positive multiple of {timestep} s, got {dt}')
        # The order of dm_control, which gym-aloha runs on: contacts belong to the positions after it.
        mujoco.mj_step2(self.model, self.data)
        if count > 1:
            mujoco.mj_step(self.model, self.data, nstep=count - 1)
        mujoco.mj_step1(self.model, self.data)
        self._check_stable()
        self.max_reward = max(self.max_reward, self.reward)

    @property
    def time_s(self) -> float:
        """Simulated time since the reset, in seconds."""
        return float(self.data.time)

    @property
    def qpos(self) -> Vector:
        """Positions (dof,): radians; grippers from the left finger's position, 0..1."""
        q: Vector = self.data.qpos[self._index].copy()
        q[self._grippers] = (q[self._grippers] - SIM_GRIPPER.finger_closed) / _FINGER_TRAVEL
        return q

    @property
    def qvel(self) -> Vector:
        """Velocities (dof,): rad/s; grippers in units of opening per second."""
        v: Vector = self.data.qvel[self._index].copy()
        v[self._grippers] /= _FINGER_TRAVEL
        return v

    @property
    def effort(self) -> Vector:
        """Forces of the servos (dof,): N m; grippers N, of the left finger."""
        force: Vector = self.data.actuator_force[self._index].copy()
        return force

    @property
    def reward(self) -> int:
        """Stage of the task reached at this moment, 0..4, as gym-aloha counts it."""
        return reward_of(self.task, self.contacts())

    @property
    def success(self) -> bool:
        """Whether stage 4 was reached at any step since the reset."""
        return self.max_reward == 4

    def contacts(self) -> set[tuple[str, str]]:
        """Names of the geoms that touch, in MuJoCo's order within each pair."""
        return {(self._names[a], self._names[b]) for a, b in self.data.contact.geom.tolist()}

    def object_pose(self, joint: str) -> tuple[Vector, Vector]:
        """Position (3,) in metres and quaternion (4,) wxyz of the object on free joint `joint`."""
        pose = self.data.joint(joint).qpos
        return pose[:3].copy(), pose[3:].copy()

    def state(self) -> WorldState:
        """Take a snapshot of the world."""
        physics = np.empty(mujoco.mj_stateSize(self.model, _STATE))
        mujoco.mj_getState(self.model, self.data, physics, _STATE)
        return WorldState(physics, self.max_reward, self.seed)

    def _to_control(self, action: Vector) -> Vector:
        """The controls (16,) of all servos of the scene at an action (dof,)."""
        for place, entries in self._arms:
            self._control[place] = _scene_arm(action[entries])
        return self._control.ravel()

    def _check_stable(self) -> None:
        bad = [name for name, kind in _UNSTABLE.items() if self.data.warning[kind].number]
        if bad or not np.isfinite(self.data.qpos).all():
            raise UnstableSimulationError(
                f"the physics of '{self.task}' (seed {self.seed}) diverged at {self.time_s:.3f} s: "
                f'bad {", ".join(bad) or "positions"}; reset the world'
            )


def _places(spec: RobotSpec) -> list[int]:
    """Which arm of the scene each arm of a robot is.

    Raises:
        SimulationError: the scene has no such arm.
    """
    if spec.rate_hz != RATE_HZ:
        raise SimulationError(
            f'the simulator counts in ticks of {1000 / RATE_HZ:g} ms, this robot is commanded {spec.rate_hz:g} times a '
            f'second: set rate_hz to {RATE_HZ:g} in its description, or run without the simulator'
        )
    sides = [arm.side for arm in spec.arms]
    if not set(sides) <= set(SIDES) or len(spec.joints) != ARM_JOINTS:
        raise SimulationError(
            f'the simulated scenes have the arms {" and ".join(SIDES)}, of {ARM_JOINTS} joints and a gripper; this '
            f'robot has {" and ".join(sides)}, of {len(spec.joints)}: give arms one of these sides, or run without '
            'the simulator'
        )
    return [SIDES.index(side) for side in sides]


def _scene_arm(arm: Vector) -> Vector:
    """The controls (8,) of one arm (7,): its gripper moves two fingers, mirrored."""
    finger = SIM_GRIPPER.unit_to_finger(float(arm[-1]))
    return np.append(arm[:-1], [finger, -finger])


_FINGER_TRAVEL = SIM_GRIPPER.finger_open - SIM_GRIPPER.finger_closed
