# SPDX-License-Identifier: Apache-2.0
"""`ros2 run act_ros rest`: all arms slowly to the start and then to rest, from wherever they are.

For when nothing else leads them: after a session or a policy that has died while the drivers live.
"""

from __future__ import annotations

import sys
import time

from rclpy.node import Node

from act_ros.control.session.session import MOVE_S
from act_ros.control.session.types import SessionError
from act_ros.nodes.process.node_thread import node_thread
from act_ros.nodes.process.run import Stop, run
from act_ros.nodes.session.led_teleop import LedTeleop
from act_ros.nodes.session.robot import SessionRobot
from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.driver_client import DriverError
from act_ros.nodes.shared.gate_keeper import STOP_PARAMETERS
from act_ros.nodes.shared.parameters import Param, Parameters
from act_ros.robot.spec import RobotSpec, SpecError

PARAMETERS = (
    Param('torque_off', False, 'At rest, take the torque of all arms. Without: they hold there.'),
    *STOP_PARAMETERS,
)
HEAR_S, FOLLOWERS_S = 5.0, 15.0
"""Drivers that run are heard within this time; where the computer is too busy for that, followers are worth a wait:
they are what hangs in the air."""


class RestNode(BaseNode):
    """`rest`: does its work, and ends."""

    def __init__(self, stop: Stop) -> None:
        """Make this node and the one that moves the arms."""
        super().__init__('rest')
        self._values, self._stop = Parameters(self, PARAMETERS).values, stop
        self._spec = spec = RobotSpec.load()
        self._teleop_stop = Stop()
        self._teleop = LedTeleop(self._teleop_stop, led=True, owner=self)
        self._robot = SessionRobot(self, self._teleop, spec, simulated=False)
        self._thread = node_thread(self, self._stop, self._run, 'the way to rest stopped')

    @property
    def groups(self) -> list[list[Node]]:
        """Each has a thread of its own."""
        return [*self._teleop.groups, [self]]

    def start(self) -> None:
        """Begin."""
        self._teleop.start()
        self._thread.start()

    def close(self) -> None:
        """The arms hold where they are."""
        self._teleop_stop.set()
        self._teleop.close()
        self._thread.join(timeout=1.0)

    def _run(self) -> None:
        try:
            self._go()
        except (SessionError, DriverError) as error:
            self.get_logger().error(str(error))
            self._stop.fail()
        else:
            self._stop.set()

    def _go(self) -> None:
        say, robot = self.get_logger().info, self._robot
        self._hear()
        robot.leave_out(self._teleop.silence.unheard)
        if robot.left_out:
            self.get_logger().warning(robot.left_out)
        robot.check()
        say('the arms go slowly to the start, and then to rest')
        robot.rest()
        heard = time.monotonic()
        end = heard + 2 * MOVE_S
        while not robot.arrived():
            if self._stop.is_set():
                return
            if self._teleop.followers is not None:
                heard = time.monotonic()
            if time.monotonic() > heard + HEAR_S:
                hold = '; hold the arms' if robot.falls() else ''
                raise SessionError(
                    f'{", ".join(self._teleop.silence.arms)} fell silent on the way{hold}'
                )
            if time.monotonic() > end:
                hold = '; hold them before you switch them off' if robot.falls() else ''
                raise SessionError(f'the arms did not arrive at rest{hold}')
            time.sleep(0.05)
        if self._values['torque_off']:
            robot.release()
        say(
            f'the arms are at rest, {"without torque" if self._values["torque_off"] else "and hold there"}'
        )

    def _hear(self) -> None:
        """Return when all arms are heard, or as many as can be waited for."""
        begin, followers = time.monotonic(), {arm.follower for arm in self._spec.arms}
        while unheard := self._teleop.silence.unheard:
            patience = HEAR_S if followers.isdisjoint(unheard) else FOLLOWERS_S
            if time.monotonic() > begin + patience or self._stop.is_set():
                return
            time.sleep(0.05)


def main() -> int:
    """Bring the arms to rest."""
    return run(RestNode, errors=(ValueError, SpecError), real_time=True)


if __name__ == '__main__':
    sys.exit(main())
