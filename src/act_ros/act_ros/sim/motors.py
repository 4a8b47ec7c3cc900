# SPDX-License-Identifier: Apache-2.0
"""The motors of one simulated arm, as the users of its driver see them (no ROS).

What a Dynamixel does with a command depends on its operating mode, its profile and its torque; the
driver adds groups, and a gripper that also answers in metres. The gripper is the last motor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from act_ros.robot.spec import GripperScale, RobotSpec
from act_ros.text import PrintableError

Vector = NDArray[np.float64]

POSITION_MODES = ('position', 'ext_position', 'current_based_position', 'linear_position')
MODES = {
    'position': 3, 'linear_position': 3, 'ext_position': 4, 'current_based_position': 5,
    'velocity': 1, 'pwm': 16, 'current': 0,
}  # fmt: skip
"""The driver's operating modes, and what the motor's register Operating_Mode says in each."""
FINGERS = ('left_finger', 'right_finger')

_EFFORT_TO_SPEED = 1.0 / 500.0
"""Speed (rad/s) of a motor per unit of effort (PWM or mA): the 350 of Interbotix's gripper
move it at 0.7 rad/s."""
_VELOCITY_UNIT = 0.229 * 2 * np.pi / 60
"""rad/s per unit of the register Profile_Velocity (0.229 rev/min, Dynamixel X series)."""

REGISTERS = {
    'Return_Delay_Time': 0, 'Drive_Mode': 0, 'Operating_Mode': 3, 'Temperature_Limit': 80,
    'Current_Limit': 200, 'PWM_Limit': 885, 'Velocity_Limit': 131, 'Min_Position_Limit': 0,
    'Max_Position_Limit': 4095, 'Torque_Enable': 0, 'Hardware_Error_Status': 0,
    'Velocity_I_Gain': 1920, 'Velocity_P_Gain': 100, 'Position_D_Gain': 0, 'Position_I_Gain': 0,
    'Position_P_Gain': 800, 'Feedforward_1st_Gain': 0, 'Feedforward_2nd_Gain': 0,
    'Goal_PWM': 885, 'Goal_Current': 200, 'Goal_Velocity': 0, 'Profile_Acceleration': 0,
    'Profile_Velocity': 0, 'Goal_Position': 2048, 'Present_PWM': 0, 'Present_Current': 0,
    'Present_Velocity': 0, 'Present_Position': 2048, 'Present_Input_Voltage': 120,
    'Present_Temperature': 35,
}  # fmt: skip
"""The registers that are kept, by their names in the motors' control table, and first values."""

_EEPROM = (
    'Return_Delay_Time', 'Drive_Mode', 'Temperature_Limit', 'Current_Limit', 'PWM_Limit', 'Velocity_Limit',
    'Min_Position_Limit', 'Max_Position_Limit',
)  # fmt: skip
"""Registers that a motor takes only without torque."""
_READ_ONLY = ('Hardware_Error_Status', 'Torque_Enable', 'Operating_Mode')
_GAINS = (
    'Position_P_Gain', 'Position_I_Gain', 'Position_D_Gain', 'Feedforward_1st_Gain',
    'Feedforward_2nd_Gain', 'Velocity_P_Gain', 'Velocity_I_Gain',
)  # fmt: skip


class MotorError(PrintableError, ValueError):
    """A request that names no motor, mode or register of this arm; nothing was changed."""


@dataclass(frozen=True)
class ArmModel:
    """What the driver says of a kind of arm: limits of its robot description, and its sleep pose.

    `lower`, `upper`, `sleep`: the joints without the gripper, radians; `finger_limits`: metres; `ids`: of the
    motors, that of the gripper last.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    sleep: tuple[float, ...]
    finger_limits: tuple[float, float]
    # Shoulder and elbow have a second motor, which has the next id.
    ids: tuple[int, ...] = (1, 2, 4, 6, 7, 8, 9)


_TURN = 3.14158
LEADER = ArmModel(
    lower=(-_TURN, -1.88496, -2.14675, -_TURN, -1.74533, -_TURN),
    upper=(_TURN, 1.98968, 1.60570, _TURN, 2.14675, _TURN),
    sleep=(0.0, -1.88, 1.6, 0.0, -1.6, 0.0),
    finger_limits=(0.015, 0.037),
)
"""aloha_wx250s. Its limits are wider than what a leader is ever told, which are the followers'."""


def follower_model(spec: RobotSpec) -> ArmModel:
    """aloha_vx300s: its limits are the robot's. Its sleep pose lies outside them: so it is on the real one."""
    joints = spec.arm_slice(0)
    return ArmModel(
        lower=tuple(spec.lower[joints].tolist()),
        upper=tuple(spec.upper[joints].tolist()),
        sleep=(0.0, -2.05, 1.7, 0.0, -2.0, 0.0),
        finger_limits=(0.021, 0.057),
    )


class ArmMotors:
    """State of an arm's motors. `setpoint` (motors,): where they are told to be, radians and 0..1."""

    def __init__(
        self, model: ArmModel, scale: GripperScale, spec: RobotSpec, torque: bool
    ) -> None:
        """Describe the arm; `torque` says whether its motors are on at first."""
        self.model, self.scale = model, scale
        self.names = (*spec.joints, 'gripper')
        self.groups = {'all': self.names, 'arm': tuple(spec.joints)}
        count = len(self.names)
        self.gripper = count - 1
        self.torque = np.full(count, torque)
        self.mode = ['position'] * count
        self.group_mode = dict.fromkeys(self.groups, 'position')
        self.profile = ['velocity'] * count
        self.registers = [{**REGISTERS, 'Torque_Enable': int(torque)} for _ in self.names]
        # A closed gripper may be told to close further, to hold what it has.
        self._lower = np.append(np.minimum(model.lower, model.sleep), -0.5)
        self._upper = np.append(np.maximum(model.upper, model.sleep), 1.5)
        self.setpoint = np.zeros(count)
        self._goal = np.zeros(count)
        self._speed = np.full(count, np.inf)
        self._drive = np.zeros(count)
        self._drive_modes = np.zeros(count, dtype=bool)

    def put(self, pose: Vector) -> None:
        """Be at `pose` (motors,), radians and 0..1, with nothing left to do."""
        self.setpoint, self._goal = pose.copy(), pose.copy()
        self._drive[:] = 0.0

    def find(self, cmd_type: str, name: str) -> list[int]:
        """Motors of a request, by index.

        Raises:
            MotorError: no such group or joint, or `cmd_type` is neither 'group' nor 'single'.
        """
        if cmd_type == 'group' and name in self.groups:
            return [self.names.index(joint) for joint in self.groups[name]]
        if cmd_type == 'single' and name in self.names:
            return [self.names.index(name)]
        if cmd_type not in ('group', 'single'):
            raise MotorError(f"cmd_type is '{cmd_type}'; expected 'group' or 'single'")
        known = self.groups if cmd_type == 'group' else self.names
        what = 'group' if cmd_type == 'group' else 'joint'
        raise MotorError(f"there is no {what} '{name}'; there are {', '.join(known)}")

    def command(self, cmd_type: str, name: str, values: Sequence[float]) -> bool:
        """Command some motors; what a value means depends on the motor's mode.

        Returns:
            Whether all of them have torque: those without it don't move.

        Raises:
            MotorError: unknown name, wrong number of values, or one that isn't finite.
        """
        motors = self.find(cmd_type, name)
        if len(values) != len(motors):
            raise MotorError(f"{len(values)} values for '{name}', which has {len(motors)} motors")
        if not np.isfinite(values).all():
            raise MotorError(f"values for '{name}' are not finite: {list(values)}")
        for motor, value in zip(motors, values, strict=True):
            if self.torque[motor]:
                self._command(motor, float(value))
        return bool(self.torque[motors].all())

    def _command(self, motor: int, value: float) -> None:
        mode = self.mode[motor]
        self._drive_modes[motor] = mode not in POSITION_MODES
        if mode == 'velocity':
            self._drive[motor] = self._scaled(motor, value)
        elif mode in ('pwm', 'current'):
            self._drive[motor] = self._scaled(motor, value * _EFFORT_TO_SPEED)
        else:
            if mode == 'linear_position' and motor == self.gripper:
                goal = self.scale.finger_to_unit(
                    value / 2
                )  # the command is the gap of the fingers
            else:
                goal = self.scale.joint_to_unit(value) if motor == self.gripper else value
            self._goal[motor] = np.clip(goal, self._lower[motor], self._upper[motor])
            self._speed[motor] = self._profile_speed(motor)

    def _scaled(self, motor: int, rate: float) -> float:
        """A speed in rad/s in the motor's own unit per second."""
        travel = self.scale.joint_open - self.scale.joint_closed
        return rate / travel if motor == self.gripper else rate

    def _profile_speed(self, motor: int) -> float:
        """Speed at which the goal is approached, per second; profile 0 is at once."""
        value = self.registers[motor]['Profile_Velocity']
        if value <= 0:
            return float(np.inf)
        if self.profile[motor] == 'time':
            return float(abs(self._goal[motor] - self.setpoint[motor]) / (value / 1000.0))
        return abs(self._scaled(motor, value * _VELOCITY_UNIT))

    def advance(self, dt: float) -> Vector:
        """Let `dt` seconds pass; returns the setpoint (motors,), radians and 0..1."""
        step = np.clip(self._goal - self.setpoint, -self._speed * dt, self._speed * dt)
        driven = self.setpoint + np.where(self._drive_modes, self._drive * dt, step)
        moved = np.clip(driven, self._lower, self._upper)
        self.setpoint = np.where(self.torque, moved, self.setpoint)
        return self.setpoint

    def set_torque(self, cmd_type: str, name: str, enable: bool) -> None:
        """Switch motors on or off. One that comes on holds where it is."""
        for motor in self.find(cmd_type, name):
            self.torque[motor] = enable
            self.registers[motor]['Torque_Enable'] = int(enable)
            self._goal[motor], self._drive[motor] = self.setpoint[motor], 0.0

    def reboot(self, cmd_type: str, name: str, enable: bool, smart: bool) -> None:
        """Reboot motors: then their torque is as `enable` says. `smart`: only those in error."""
        motors = self.find(cmd_type, name)
        for motor in motors:
            if not smart or self.registers[motor]['Hardware_Error_Status']:
                self.registers[motor]['Hardware_Error_Status'] = 0
                self.set_torque('single', self.names[motor], enable)

    def set_mode(
        self, cmd_type: str, name: str, mode: str, profile: str, velocity: int, acceleration: int
    ) -> None:
        """Set operating mode and profile of motors; they hold where they are, with torque (the real ones, too).

        Raises:
            MotorError: unknown name, mode or profile.
        """
        motors = self.find(cmd_type, name)
        if mode not in MODES:
            raise MotorError(
                f"operating mode '{mode}' is not known; use one of {', '.join(MODES)}"
            )
        if profile not in ('velocity', 'time'):
            raise MotorError(f"profile_type is '{profile}'; expected 'velocity' or 'time'")
        for motor in motors:
            self.mode[motor], self.profile[motor] = mode, profile
            self._goal[motor], self._drive[motor] = self.setpoint[motor], 0.0
            self._drive_modes[motor] = mode not in POSITION_MODES
            kept = self.registers[motor]
            self.torque[motor], kept['Torque_Enable'] = True, 1
            kept['Operating_Mode'] = MODES[mode]
            kept['Profile_Velocity'], kept['Profile_Acceleration'] = velocity, acceleration
        if cmd_type == 'group':
            self.group_mode[name] = mode

    def set_gains(self, cmd_type: str, name: str, gains: Sequence[int]) -> None:
        """Keep the seven gains of motors; the simulated servos don't use them."""
        for motor in self.find(cmd_type, name):
            self.registers[motor].update(zip(_GAINS, gains, strict=True))

    def set_register(self, cmd_type: str, name: str, register: str, value: int) -> None:
        """Write a register of motors; the profile's have an effect, the others are kept.

        Raises:
            MotorError: unknown name, or no such register (names are case sensitive), or read-only.
        """
        motors = self.find(cmd_type, name)
        self._check(register)
        if register in _READ_ONLY or register.startswith('Present_'):
            raise MotorError(f"register '{register}' is not written this way")
        if register in _EEPROM and self.torque[motors].any():
            raise MotorError(
                f"register '{register}' is written only while the motor has no torque"
            )
        for motor in motors:
            self.registers[motor][register] = value

    def get_register(self, cmd_type: str, name: str, register: str) -> list[int]:
        """Read a register of motors.

        Raises:
            MotorError: unknown name, or no such register (names are case sensitive).
        """
        motors = self.find(cmd_type, name)
        self._check(register)
        if register == 'Present_Position':
            angles = [self.angle(motor) for motor in motors]
            return [round(2048 + angle * 2048 / np.pi) for angle in angles]
        return [self.registers[motor][register] for motor in motors]

    def angle(self, motor: int) -> float:
        """Where a motor is told to be, in radians."""
        value = float(self.setpoint[motor])
        return self.scale.unit_to_joint(value) if motor == self.gripper else value

    def _check(self, register: str) -> None:
        if register in REGISTERS:
            return
        alike = [known for known in REGISTERS if known.lower() == register.lower()]
        hint = f"; did you mean '{alike[0]}'?" if alike else ''
        raise MotorError(f"the motors have no register '{register}'{hint}")
