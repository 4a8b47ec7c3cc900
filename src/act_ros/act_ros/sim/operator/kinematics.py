# SPDX-License-Identifier: Apache-2.0
"""Where a simulated hand is, and the joint angles that bring it elsewhere (damped least squares)."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

PINCH_M = 0.138
"""Distance from the gripper link to the point between the finger tips, along the gripper's x axis."""


@dataclass(frozen=True)
class Pose:
    """A hand in the world: the point between its finger tips and the way it points.

    Attributes:
        position: (3,) metres.
        angles: (3,) yaw, pitch (positive points down), roll of the gripper, radians.
    """

    position: Vector
    angles: Vector

    def rotation(self) -> NDArray[np.float64]:
        """Rotation matrix (3, 3), Rz(yaw) Ry(pitch) Rx(roll): its x axis is where the hand points."""
        (cy, cp, cr), (sy, sp, sr) = np.cos(self.angles), np.sin(self.angles)
        return np.array(
            [
                [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
                [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
                [-sp, cp * sr, cp * cr],
            ]
        )


class ArmKinematics:
    """Kinematics and gravity of one arm of a scene, on data of its own (the world is not touched)."""

    def __init__(self, model: mujoco.MjModel, side: str) -> None:
        """Use the arm `side` ('left' or 'right') of `model`."""
        self._model = model
        self._data = mujoco.MjData(model)
        joint = model.joint(f'vx300s_{side}/waist')
        self._qpos = slice(int(joint.qposadr[0]), int(joint.qposadr[0]) + 6)
        self._dofs = slice(int(joint.dofadr[0]), int(joint.dofadr[0]) + 6)
        self._body = model.body(f'vx300s_{side}/gripper_link').id
        limits = model.jnt_range[joint.id : joint.id + 6]
        self._lower, self._upper = limits[:, 0] + 0.01, limits[:, 1] - 0.01
        self._stiffness = model.actuator_gainprm[self._qpos, 0].copy()
        self._jacobian = np.zeros((6, model.nv))

    def forward(self, q: Vector) -> tuple[Vector, NDArray[np.float64]]:
        """Pinch point (3,) in metres and rotation (3, 3) of the hand at joint angles `q` (6,)."""
        self._data.qpos[self._qpos] = q
        mujoco.mj_kinematics(self._model, self._data)
        rotation = self._data.xmat[self._body].reshape(3, 3).copy()
        return self._data.xpos[self._body] + PINCH_M * rotation[:, 0], rotation

    def inverse(self, pose: Pose, q: Vector, iterations: int = 6, damping: float = 0.01) -> Vector:
        """Joint angles (6,) near `q` (6,) that bring the hand to `pose`, as close as the arm can.

        Damped least squares (Wampler 1986): dq = J^T (J J^T + d^2 I)^-1 e, with position and rotation
        error e, inside the joint limits.
        """
        wanted = pose.rotation()
        q = q.copy()
        for _ in range(iterations):
            point, rotation = self.forward(q)
            error = np.concatenate([pose.position - point, _rotation_error(rotation, wanted)])
            if np.abs(error).max() < 1e-6:
                break
            mujoco.mj_comPos(self._model, self._data)
            mujoco.mj_jac(
                self._model, self._data, self._jacobian[:3], self._jacobian[3:], point, self._body
            )
            j = self._jacobian[:, self._dofs]
            step = j.T @ np.linalg.solve(j @ j.T + damping**2 * np.eye(6), error)
            q = np.clip(q + np.clip(step, -0.2, 0.2), self._lower, self._upper)
        return q

    def sag(self, q: Vector) -> Vector:
        """How far (6,) the servos give way under the arm's weight at rest at `q` (6,), radians."""
        self._data.qpos[self._qpos] = q
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)
        mujoco.mj_comVel(self._model, self._data)
        force = np.zeros(self._model.nv)
        mujoco.mj_rne(self._model, self._data, 0, force)
        sag: Vector = force[self._dofs] / self._stiffness
        return sag


def _rotation_error(have: NDArray[np.float64], want: NDArray[np.float64]) -> Vector:
    """Rotation vector (3,) that turns `have` into `want`, exact to first order and signed beyond."""
    error: Vector = 0.5 * np.cross(have.T, want.T).sum(axis=0)
    return error
