# SPDX-License-Identifier: Apache-2.0
"""One simulated Interbotix driver: the topics and services that `xs_sdk` offers for an arm."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand, JointTrajectoryCommand
from interbotix_xs_msgs.srv import (
    MotorGains,
    OperatingModes,
    Reboot,
    RegisterValues,
    RobotInfo,
    TorqueEnable,
)
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool

from act_ros.nodes.shared.base import BaseNode
from act_ros.sim.motors import FINGERS, POSITION_MODES, ArmMotors, MotorError
from act_ros.sim.simulation import Reading, Simulation

_JOINT_VELOCITY, _FINGER_VELOCITY = 3.14159, 1.0
_QUIET_S = 5.0


@dataclass(frozen=True)
class _Point:
    """A point of a trajectory: when it is due, in simulated nanoseconds, and its values."""

    due_ns: int
    values: list[float]


class SimDriver:
    """The driver node of one arm, `NAMESPACE/ARM/xs_sdk`.

    Requests with unknown names are logged and answered empty, as the real driver does.
    """

    def __init__(
        self,
        namespace: str,
        arm: str,
        simulation: Simulation,
        lock: threading.Condition,
        **options: Any,
    ) -> None:
        """Offer the interface of `arm`, in `namespace` (the arm's); `lock` guards the simulation.

        `options` are the node's, such as its context.
        """
        self.arm = arm
        # Arguments of the process (its namespace, its name) are the sim node's, not the drivers'.
        self.node = BaseNode(
            'xs_sdk',
            namespace=namespace,
            use_global_arguments=False,
            start_parameter_services=False,
            **options,
        )
        self._simulation, self._lock = simulation, lock
        self._motors: ArmMotors = simulation.motors[arm]
        self._log = self.node.get_logger()
        self._trajectory: tuple[str, str, list[_Point]] | None = None
        self._state = JointState(name=[*self._motors.names, *FINGERS])
        self._publisher = self.node.create_publisher(JointState, 'joint_states', 10)
        self._subscribe()
        self._serve()

    def _subscribe(self) -> None:
        node = self.node
        node.create_subscription(
            JointGroupCommand,
            'commands/joint_group',
            lambda msg: self._command('group', msg.name, msg.cmd),
            10,
        )
        node.create_subscription(
            JointSingleCommand,
            'commands/joint_single',
            lambda msg: self._command('single', msg.name, [msg.cmd]),
            10,
        )
        node.create_subscription(
            JointTrajectoryCommand, 'commands/joint_trajectory', self._play, 10
        )

    def _serve(self) -> None:
        motors = self._motors
        services: list[tuple[Any, str, Callable[[Any, Any], None]]] = [
            (
                TorqueEnable,
                'torque_enable',
                lambda q, r: motors.set_torque(q.cmd_type, q.name, q.enable),
            ),
            (
                Reboot,
                'reboot_motors',
                lambda q, r: motors.reboot(q.cmd_type, q.name, q.enable, q.smart_reboot),
            ),
            (RobotInfo, 'get_robot_info', self._info),
            (OperatingModes, 'set_operating_modes', self._set_mode),
            (MotorGains, 'set_motor_pid_gains', self._set_gains),
            (
                RegisterValues,
                'set_motor_registers',
                lambda q, r: motors.set_register(q.cmd_type, q.name, q.reg, q.value),
            ),
            (RegisterValues, 'get_motor_registers', self._get_register),
        ]
        for kind, name, answer in services:
            self.node.create_service(kind, name, self._guarded(name, answer))
        if self.arm in {arm.leader for arm in self._simulation.spec.arms}:
            self.node.create_service(SetBool, 'gravity_compensation_enable', self._compensate)

    def _guarded(self, name: str, answer: Callable[[Any, Any], None]) -> Callable[[Any, Any], Any]:
        """Answer under the lock; a wrong request is logged and answered empty."""

        def serve(request: Any, response: Any) -> Any:
            try:
                with self._lock:
                    answer(request, response)
            except MotorError as error:
                self._log.error(f'{name}: {error}')
            return response

        return serve

    def _command(self, cmd_type: str, name: str, values: Any) -> None:
        try:
            with self._lock:
                followed = self._simulation.command(self.arm, cmd_type, name, list(values))
                self._lock.notify_all()
        except MotorError as error:
            self._log.error(f'command refused: {error}', throttle_duration_sec=_QUIET_S)
            return
        if not followed:
            self._log.debug(f"command for '{name}' not followed: no torque, or a reset just now")

    def _play(self, msg: Any) -> None:
        """Take a trajectory: each of its points is commanded at its time, after the first."""
        points = msg.traj.points
        with self._lock:
            if self._trajectory is not None:
                self._log.warning('trajectory refused: the arm is still following another one')
                return
            if len(points) < 2:
                self._log.warning(f'trajectory refused: it has {len(points)} points, 2 are needed')
                return
            try:
                mode = self._motors.mode[self._motors.find(msg.cmd_type, msg.name)[0]]
            except MotorError as error:
                self._log.error(f'trajectory refused: {error}')
                return
            now = self._simulation.stamp_ns
            other = 'velocities' if mode == 'velocity' else 'effort'
            row = 'positions' if mode in POSITION_MODES else other
            plan = [
                _Point(
                    now + p.time_from_start.sec * 10**9 + p.time_from_start.nanosec,
                    list(getattr(p, row)),
                )
                for p in points[1:]
            ]
            self._trajectory = msg.cmd_type, msg.name, plan

    def follow(self) -> None:
        """Command the point of the trajectory that is due; for every step, under the lock."""
        if self._trajectory is None:
            return
        cmd_type, name, plan = self._trajectory
        try:
            while plan and plan[0].due_ns <= self._simulation.stamp_ns:
                self._simulation.command(self.arm, cmd_type, name, plan.pop(0).values)
        except MotorError as error:
            self._log.error(f'trajectory stopped: {error}')
            plan.clear()
        if not plan:
            self._trajectory = None

    def publish(self, stamp: Any, reading: Reading) -> None:
        """Publish joint_states."""
        msg = self._state
        msg.header.stamp = stamp
        # Arrays of doubles pass the message's type check as a whole, lists number by number.
        msg.position = array('d', reading.position)
        msg.velocity = array('d', reading.velocity)
        msg.effort = array('d', reading.effort)
        self._publisher.publish(msg)

    def _info(self, request: Any, response: Any) -> None:
        motors, model = self._motors, self._motors.model
        for motor in motors.find(request.cmd_type, request.name):
            name, index = motors.names[motor], motor
            lower, upper, speed = 0.0, 0.0, _JOINT_VELOCITY
            if motor == motors.gripper:
                # The driver names the finger in the place of its motor, and limits it in metres.
                name, index, speed = FINGERS[0], motor + 1, _FINGER_VELOCITY
                lower, upper = model.finger_limits
                sleep = motors.scale.unit_to_finger(motors.scale.joint_to_unit(0.0))
            else:
                lower, upper, sleep = model.lower[motor], model.upper[motor], model.sleep[motor]
            response.joint_names.append(name)
            response.joint_ids.append(model.ids[motor])
            response.joint_lower_limits.append(lower)
            response.joint_upper_limits.append(upper)
            response.joint_velocity_limits.append(speed)
            response.joint_sleep_positions.append(sleep)
            response.joint_state_indices.append(index)
        first = motors.find(request.cmd_type, request.name)[0]
        group = request.cmd_type == 'group'
        response.mode = motors.group_mode[request.name] if group else motors.mode[first]
        response.profile_type = motors.profile[first]
        response.num_joints = len(response.joint_names)
        response.name = list(motors.groups) if request.name == 'all' else [request.name]

    def _set_mode(self, q: Any, _: Any) -> None:
        self._motors.set_mode(
            q.cmd_type,
            q.name,
            q.mode,
            q.profile_type or 'velocity',
            q.profile_velocity,
            q.profile_acceleration,
        )

    def _set_gains(self, q: Any, _: Any) -> None:
        gains = (q.kp_pos, q.ki_pos, q.kd_pos, q.k1, q.k2, q.kp_vel, q.ki_vel)
        self._motors.set_gains(q.cmd_type, q.name, gains)

    def _get_register(self, q: Any, response: Any) -> None:
        response.values = self._motors.get_register(q.cmd_type, q.name, q.reg)

    def _compensate(self, request: Any, response: Any) -> Any:
        """Let the leader float, to be led by hand; without that it holds where it is.

        Modes and the gripper's torque are what Interbotix's gravity compensation leaves behind. It carries
        the arm by the motors' current; here an arm without torque stays where it is put.
        """
        modes = ('current', 'current') if request.data else ('position', 'current_based_position')
        with self._lock:
            self._motors.set_mode('group', 'arm', modes[0], 'velocity', 0, 0)
            self._motors.set_mode('single', 'gripper', modes[1], 'velocity', 0, 0)
            self._motors.set_torque('group', 'all', enable=not request.data)
        response.success = True
        response.message = f'gravity compensation {"on" if request.data else "off"}'
        return response
