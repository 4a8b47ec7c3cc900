# SPDX-License-Identifier: Apache-2.0
"""The four arms as a session knows them: teleoperation, which moves them, and the drivers' services."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from act_msgs.srv import ResetSim
from rclpy.node import Node

from act_ros.control.motion.pose_motion import ASTRAY, SETTLED, astray
from act_ros.control.plausible import doubt_of
from act_ros.control.session.types import SessionError
from act_ros.nodes.session.led_teleop import LedTeleop
from act_ros.nodes.session.motor_setup import MotorSetup
from act_ros.nodes.shared.driver_client import SIMULATED, DriverClient, DriverError
from act_ros.nodes.shared.hardware import GRIPPER
from act_ros.nodes.shared.refused import Refused
from act_ros.robot.spec import RobotSpec
from act_ros.robot.types import Floats

LEADER_GRIPPER = 0.5
"""Opening of the leaders' grippers at the start: half, so that squeezing them is seen."""
PUBLISH_S, SETTLE_S = 2.0, 0.6
"""Patience with a command that goes out, and what the simulator ignores commands for after a reset."""
GRIP_S = 5.0
"""A simulated gripper is there at once, and believed a second later."""


class SessionRobot:
    """Implements `control.session.types.Robot`; its methods are called by the session's thread."""

    def __init__(self, node: Node, teleop: LedTeleop, spec: RobotSpec, simulated: bool) -> None:
        """Use services through `node`; `simulated`: the scene is set up by a service, too."""
        self._teleop, self._spec = teleop, spec
        self._log = node.get_logger()
        self._motors = MotorSetup(DriverClient(node), spec, self._stay)
        self._start, self._rest = spec.start.astype(np.float32), spec.rest.astype(np.float32)
        self._locked = False
        self._goals: tuple[Floats, Floats | None] | None = None
        self._problem = ''
        self._absent: list[slice] = []
        self.left_out = ''
        """What is said of a follower that the others are led without."""
        hardware = teleop.output.hardware
        assert hardware is not None  # the keeper of its gate has made it
        self._hardware = hardware
        self._reset = node.create_client(ResetSim, 'sim/reset') if simulated else None

    def leave_out(self, unheard: Sequence[str]) -> None:
        """Go without the leaders, where none of them is there: a policy runs without; and without one follower.

        Raises:
            SessionError: another arm is missing.
        """
        leaders = [arm for arm in self._motors.leaders if arm not in unheard]
        followers = [arm for arm in self._motors.followers if arm not in unheard]
        if not followers or (leaders and leaders != self._motors.leaders):
            raise SessionError(
                f'{", ".join(unheard)} has not reported any joints; is the driver running, is the arm on?'
            )
        silent = [arm for arm in self._motors.followers if arm in unheard]
        self._motors.leaders, self._motors.followers = leaders, followers
        if silent:
            self._teleop.leave_out(silent)
            self._hardware.left_out = silent
            known = [arm.follower for arm in self._spec.arms]
            self._absent = [self._spec.arm_entries(known.index(arm)) for arm in silent]
            self.left_out = (
                f'{", ".join(silent)} is silent and was left out; it does NOT go to rest: hold it'
            )

    def release(self) -> None:
        """Take the torque of all arms."""
        self._hardware.heeded = ()  # an answer that is on its way may say that there is none
        try:
            self._motors.release()
        except DriverError as error:
            raise SessionError(str(error)) from error

    def check(self) -> None:
        """Find all drivers, set modes, currents and torque; nothing moves."""
        arms = (*self._motors.leaders, *self._motors.followers)
        if unheard := [arm for arm in self._teleop.silence.unheard if arm in arms]:
            raise SessionError(
                f'{", ".join(unheard)} has not reported any joints; is the driver running, is the arm on?'
            )
        self._hardware.heeded = ()  # a mode, or a limit of the current, is set without torque
        try:
            self._motors.check()
            if simulated := [arm for arm in arms if arm in self._motors.simulated]:
                self._log.warning(f'each of {", ".join(simulated)} {SIMULATED}')
                self._grip(simulated)
            self._motors.ready_followers()
            self._motors.lock_leaders()
        except DriverError as error:
            raise SessionError(str(error)) from error
        self._locked = True

    def _grip(self, simulated: list[str]) -> None:
        """Interbotix's simulated grippers begin at 0 rad, where no real one can be: nothing is led from there."""
        self._teleop.output.followers.grip(simulated, float(self._rest[self._spec.grippers[0]]))
        end = time.monotonic() + GRIP_S
        while time.monotonic() < end:
            here = self._teleop.followers
            if here is not None and not doubt_of(self._spec, here):
                return
            time.sleep(0.05)

    def falls(self) -> bool:
        """Whether an arm falls that loses its torque; a simulated one does not."""
        arms = {*self._motors.leaders, *self._motors.followers}
        return self._reset is None and not arms <= self._motors.simulated

    def home(self) -> None:
        """Begin to lead all arms to the start; the leaders' grippers half open.

        From now on the followers' motors are watched: `check` has set them up.
        """
        self._hardware.heeded = (*self._spec.joints, GRIPPER)
        try:
            self._motors.drive_grippers()
        except DriverError as error:
            raise SessionError(str(error)) from error
        self._go([self._start], [self._with_grippers(self._start, LEADER_GRIPPER)])

    def arrived(self) -> bool:
        """Whether the arms are where they were to go; raises SessionError where one is elsewhere."""
        if why := self._teleop.output.gate.why:
            raise SessionError(why)
        if not self._teleop.arrived:
            return False
        if problem := '; '.join(filter(None, (self.left_out, self._problem))):
            raise SessionError(problem)
        if self._goals:
            end = time.monotonic() + PUBLISH_S
            while time.monotonic() < end and self._astray(*self._goals, SETTLED):
                time.sleep(0.05)  # arms lag behind their last command
            if off := self._astray(*self._goals, ASTRAY):
                raise SessionError(
                    f'not where they were led: {off}; did an arm meet something, or lose its torque?'
                )
        return True

    def ready(self) -> None:
        """Let the leaders' grippers be squeezed."""
        try:
            self._motors.free_grippers()
        except DriverError as error:
            raise SessionError(str(error)) from error

    def follow(self) -> None:
        """Give the leaders to the operator, and let the followers follow."""
        self._locked = False  # from the first request on they may be free
        try:
            self._motors.free_leaders()
        except DriverError as error:
            raise SessionError(str(error)) from error
        try:
            self._teleop.follow()
        except Refused as error:
            raise SessionError(str(error)) from error

    def following(self) -> bool:
        """Whether the followers are where the leaders are."""
        return self._teleop.following

    def hold(self) -> None:
        """All arms hold where they are."""
        self._teleop.hold()
        if not self._locked:
            try:
                self._motors.lock_leaders()
            except DriverError as error:
                raise SessionError(str(error)) from error
            self._locked = True

    def new_scene(self) -> None:
        """In simulation: other objects, and all arms at the start."""
        if self._reset is None:
            return
        if not self._reset.wait_for_service(PUBLISH_S):
            raise SessionError('the simulator does not answer')
        self._reset.call_async(ResetSim.Request(seed=-1))
        time.sleep(SETTLE_S)

    def leaders(self) -> Floats | None:
        """The leaders' pose (dof,)."""
        return self._teleop.leaders

    def trouble(self) -> str:
        """Leaders that are silent, and arms that never said anything."""
        silent = ', '.join(
            dict.fromkeys([*self._teleop.silence.unheard, *self._teleop.silence.arms])
        )
        found = [self._teleop.output.gate.why, f'{silent} silent' if silent else '']
        return '; '.join(filter(None, found))

    def rest(self) -> None:
        """Begin to lead all arms to the start and then to rest; followers alone where leaders cannot be led.

        A gripper that has shut itself off, as they do, keeps no arm from coming to rest.
        """
        self._hardware.heeded = self._spec.joints
        leaders: list[Floats] | None = [
            self._with_grippers(pose, LEADER_GRIPPER) for pose in (self._start, self._rest)
        ]
        self._problem = ''
        try:
            self.hold()
            self._motors.drive_grippers()
        except SessionError as error:
            hold = ', hold them' if self.falls() else ''
            self._problem, leaders = f'the leaders are NOT at rest{hold}: {error}', None
        except DriverError as error:
            self._problem = f'the grippers of the leaders do not obey: {error}'
        if not self._motors.leaders:
            leaders = None
        self._go([self._start, self._rest], leaders)

    def _go(self, followers: list[Floats], leaders: list[Floats] | None) -> None:
        for pose in (followers := [pose.copy() for pose in followers]):
            for arm in self._absent:
                pose[arm] = self._rest[arm]  # where an arm that is left out counts as being
        self._goals = followers[-1], leaders[-1] if leaders else None
        try:
            self._teleop.go(followers, leaders)
        except Refused as error:
            raise SessionError(str(error)) from error

    def _astray(self, followers: Floats, leaders: Floats | None, tolerance: float) -> str:
        """What joints are not where they were led, as words; '' if all are."""
        spec, found = self._spec, []
        pairs = [('followers', self._teleop.followers, followers)]
        pairs += [] if leaders is None else [('leaders', self._teleop.leaders, leaders)]
        for kind, measured, goal in pairs:
            off = astray(measured, goal, spec.joint_names, spec.grippers, tolerance)
            found += [f'{kind}: {off}'] if off else []
        return '; '.join(found)

    def _with_grippers(self, pose: Floats, opening: float) -> Floats:
        changed = pose.copy()
        changed[list(self._spec.grippers)] = opening
        return changed

    def _stay(self) -> None:
        """Command the followers to where they are."""
        here = self._teleop.followers
        if here is None:
            silent = self._teleop.silence.names or 'a follower'
            raise DriverError(f'{silent} does not report its joints; look at its driver')
        try:
            self._teleop.go([here], None, with_torque=False)
        except Refused as error:
            raise DriverError(str(error)) from error
        end = time.monotonic() + PUBLISH_S
        while not self._teleop.arrived and time.monotonic() < end:
            time.sleep(0.02)
        self._teleop.hold()
