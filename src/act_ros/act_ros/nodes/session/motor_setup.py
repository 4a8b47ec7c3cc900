# SPDX-License-Identifier: Apache-2.0
"""Modes, currents and torque of the four arms: before they are moved, when leaders are led by hand, at the end.

All of it goes through the drivers' services. What the drivers and Interbotix's gravity compensation do
when a mode changes: they take the torque of one joint after the other for some hundredths of a second, so
modes are changed only where they are others, and leaders only while the operator has them in his hands.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from std_srvs.srv import SetBool

from act_ros.nodes.shared.driver_client import ERRORS, MODE, DriverClient, DriverError
from act_ros.robot.spec import RobotSpec

POSITION, CURRENT_BASED_POSITION = 3, 5
"""Values of the motors' register Operating_Mode."""
REBOOT_S = 5.0
_POLL_S = 0.2


class MotorSetup:
    """What has to be done to the arms' motors. Every method raises DriverError, and then has moved nothing."""

    def __init__(self, drivers: DriverClient, spec: RobotSpec, hold: Callable[[], None]) -> None:
        """Talk to `drivers`; `hold` commands the followers to where they are."""
        self._drivers, self._hold = drivers, hold
        self._joints = spec.joints
        self._current = spec.gripper_current
        self.leaders = [arm.leader for arm in spec.arms]
        self.followers = [arm.follower for arm in spec.arms]
        self.simulated = set[str]()
        """Arms that `check` has found to have Interbotix's simulated driver."""

    def check(self) -> None:
        """Find every driver, and no motor in an error that needs a person."""
        drivers = self._drivers
        for arm in (*self.followers, *self.leaders):
            if drivers.simulated(arm):
                self.simulated.add(arm)
                continue
            status = drivers.read(arm, 'arm', ERRORS, len(self._joints))
            bad = [joint for joint, value in zip(self._joints, status, strict=True) if value]
            if bad:
                raise DriverError(
                    f'{arm}: {", ".join(bad)} reports a hardware error (register Hardware_Error_Status '
                    f'{", ".join(map(str, filter(None, status)))}; overload, heat or voltage). Hold the arm, it will '
                    f'drop, and call /{arm}/reboot_motors with cmd_type group, name arm, enable and smart_reboot true'
                )

    def ready_followers(self) -> None:
        """Followers in position mode, their grippers limited by the current, all with torque."""
        for arm in self.followers:
            self._ready_gripper(arm)
            self._drivers.mode(arm, 'arm', 'position', POSITION, len(self._joints))
        # A motor that gets torque goes to its last goal: that shall be where it is.
        self._hold()
        for arm in self.followers:
            self._drivers.torque(arm, 'arm', True, len(self._joints))
            self._drivers.torque(arm, 'gripper', True, 1)

    def _ready_gripper(self, arm: str) -> None:
        drivers, mode = self._drivers, 'current_based_position'
        if arm in self.simulated:  # has the mode, and nothing of the rest
            drivers.mode(arm, 'gripper', mode, CURRENT_BASED_POSITION, 1)
            return
        if drivers.read(arm, 'gripper', ERRORS, 1) != [0]:
            drivers.reboot(arm, 'gripper')
            self._rebooted(arm)
        if drivers.read(arm, 'gripper', 'Current_Limit', 1) != [self._current]:
            drivers.torque(arm, 'gripper', False, 1)  # a motor takes this one only without torque
            drivers.write(arm, 'gripper', 'Current_Limit', self._current)
        drivers.mode(arm, 'gripper', mode, CURRENT_BASED_POSITION, 1)
        # What the gripper squeezes with; it stays below the limit that was there before.
        if drivers.read(arm, 'gripper', 'Goal_Current', 1) != [self._current]:
            drivers.write(arm, 'gripper', 'Goal_Current', self._current)

    def _rebooted(self, arm: str) -> None:
        """Wait until a gripper's motor answers again, without an error."""
        end = time.monotonic() + REBOOT_S
        while True:
            try:
                if self._drivers.read(arm, 'gripper', ERRORS, 1) == [0]:
                    return
                why = 'is still in error'
            except DriverError as error:
                why = str(error)
            if time.monotonic() > end:
                raise DriverError(f"{arm}: the gripper's motor was rebooted and {why}")
            time.sleep(_POLL_S)

    def lock_leaders(self) -> None:
        """Leaders hold where they are: position mode, torque on all joints, no gravity compensation."""
        count, problems = len(self._joints), []
        for arm in self.leaders:  # each is tried: one that fails must not let the other float
            try:
                self._lock(arm, count)
            except DriverError as error:
                problems.append(str(error))
        if problems:
            raise DriverError('; '.join(problems))

    def _lock(self, arm: str, count: int) -> None:
        drivers = self._drivers
        if arm in self.simulated or (drivers.read(arm, 'arm', MODE, count) != [POSITION] * count):
            if drivers.there(arm, 'gravity_compensation_enable', SetBool):
                drivers.gravity_compensation(arm, on=False)
            drivers.mode(arm, 'arm', 'position', POSITION, count)
        drivers.torque(arm, 'arm', True, count)

    def release(self) -> None:
        """Take the torque of all arms: they must be at rest."""
        for arm in (*self.followers, *self.leaders):
            self._drivers.torque(arm, 'arm', False, len(self._joints))
            self._drivers.torque(arm, 'gripper', False, 1)

    def drive_grippers(self) -> None:
        """The leaders' grippers obey commands."""
        for arm in self.leaders:
            drivers = self._drivers
            drivers.mode(arm, 'gripper', 'current_based_position', CURRENT_BASED_POSITION, 1)
            drivers.torque(arm, 'gripper', True, 1)

    def free_grippers(self) -> None:
        """The leaders' grippers can be squeezed by hand; the arms hold."""
        for arm in self.leaders:
            self._drivers.torque(arm, 'gripper', False, 1)

    def free_leaders(self) -> None:
        """The operator, who has them in his hands, leads them; their weight is carried."""
        for arm in self.leaders:
            self._drivers.gravity_compensation(arm, on=True)
