# SPDX-License-Identifier: Apache-2.0
"""`guard`: when the node that leads the followers has ended, brings them to rest, before their drivers end.

The library below Interbotix's drivers takes the torque of all motors when it ends, and arms in the air drop.
So on a robot the launch of a policy or a replay has this node beside it, and drivers that outlast this node
(`act_ros.nodes.process.outlast`). What moves the arms is `rest`, in a process of its own: no Ctrl+C reaches it, and it
has never heard of a leading node that was killed, whose publishers stay in the graph for a while.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from functools import partial
from typing import Any

import numpy as np
from interbotix_xs_msgs.msg import JointGroupCommand
from interbotix_xs_msgs.srv import RegisterValues
from rclpy.node import Node
from std_srvs.srv import Trigger

from act_ros.control.gate import Gate
from act_ros.control.motion.pose_motion import SETTLED
from act_ros.nodes.process.node_lock import alive, answers
from act_ros.nodes.process.outlast import POLL_S
from act_ros.nodes.process.run import Stop, run
from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.driver_client import SIMULATED, DriverClient, DriverError
from act_ros.nodes.shared.parameters import Param, Parameters
from act_ros.nodes.shared.stop_line import StopLine
from act_ros.nodes.shared.topics import SENSOR, robot_topic
from act_ros.python_process import python_command
from act_ros.robot.spec import RobotSpec, SpecError

PARAMETERS = (
    Param('after', '', 'Full name of the node that leads the arms; once it has ended they rest.'),
)
LOOK_S, PATIENCE_S = 1.0, 2.0
"""How often the leading node is looked at, and how long it may take to answer."""
LATE_S = 0.5
"""What the leading node sent last may be heard so late: that one goes before others, and this one does not."""
SAY_S = 2.0
"""A leading node that takes longer than this to end is named."""
ASK_S = 30.0
"""How often a person is asked to take hold of arms that could not be brought to rest."""


class GuardNode(BaseNode):
    """`act/guard`: watches what is commanded to the followers, and acts when it ends."""

    def __init__(self, stop: Stop) -> None:
        """Listen to the followers' commands.

        Raises:
            ValueError: no leading node is named.
        """
        super().__init__('guard')
        self._after, self._stop = Parameters(self, PARAMETERS).values['after'], stop
        if not self._after:
            raise ValueError('after is empty; name the node that leads the arms, as /act/policy')
        self._spec = spec = RobotSpec.load()
        self._commands: dict[int, list[float]] = {}
        # It commands nothing by itself: the gate is its memory of a stop, which `rest` learns from it.
        self._gate, self._name = Gate(), self.get_fully_qualified_name()
        StopLine(self, self._gate).serve(self._name)
        self._told, self._asking, self._let_go = threading.Event(), False, False
        self.create_service(Trigger, '~/let_go', self._on_let_go)
        self.create_service(Trigger, '~/rest', self._on_rest)
        # Whether arms would fall is not known before their drivers are asked; simulated ones do not.
        self._drivers, self._falls, self._asked_drivers = DriverClient(self), True, False
        self._watch = threading.Thread(target=self._look, name='watch', daemon=True)
        for index, arm in enumerate(spec.arms):
            topic = robot_topic(self, f'{arm.follower}/commands/joint_group')
            receive = partial(self._on_command, index)
            self.create_subscription(JointGroupCommand, topic, receive, SENSOR)

    @property
    def groups(self) -> list[list[Node]]:
        """This node, spun by one thread."""
        return [[self]]

    def start(self) -> None:
        """Begin to watch the leading node."""
        self._watch.start()

    def close(self) -> None:
        """Wait for the end of the leading node, then bring the arms to rest if they were moved."""
        log = self.get_logger()
        self._outwait()
        time.sleep(LATE_S)
        if not self._commands:
            log.info('the arms were never commanded: they stay where they are')
        elif self._at_rest():
            log.info('the arms were led to rest already')
        else:
            while not (self._let_go or self._rest()):
                self._stop.fail()
                self._ask()

    def _on_command(self, index: int, msg: JointGroupCommand) -> None:
        if not self._commands:
            self.get_logger().info('the arms are commanded: at the end they will go to rest')
        self._commands[index] = list(msg.cmd)

    def _ask(self) -> None:
        """Return when a person says what becomes of arms that are not at rest; till then they have torque."""
        if not self._falls:
            self.get_logger().error(
                'the arms are not at rest (why is said above). Their drivers are simulated: nothing falls'
            )
            self._let_go = True
            return
        self._told.clear()
        self._asking, say = True, 0.0
        while not self._told.wait(POLL_S):
            if time.monotonic() > say:
                say = time.monotonic() + ASK_S
                self.get_logger().fatal(
                    'the arms are NOT at rest (why is said above). They keep their torque until you let them go: '
                    f'TAKE HOLD OF THEM, then l twice in keys, or ros2 service call {self._name}/let_go '
                    f'std_srvs/srv/Trigger. To try again: ros2 service call {self._name}/rest std_srvs/srv/Trigger'
                )
        self._asking = False

    def _on_let_go(self, _: Any, response: Any) -> Any:
        """A person holds the arms: their drivers may end."""
        return self._answer(response, True, 'the drivers end, and the arms lose their torque')

    def _on_rest(self, _: Any, response: Any) -> Any:
        """Try again to bring the arms to rest."""
        return self._answer(response, False, 'the arms go to rest again')

    def _answer(self, response: Any, let_go: bool, what: str) -> Any:
        response.success = self._asking
        response.message = what if response.success else 'not now: nobody has asked for it'
        if response.success:
            self._let_go = let_go
            self._told.set()
        return response

    def _look(self) -> None:
        """While the leading node runs: say it when its whole process hangs; within it nobody could."""
        while not self._stop.wait(LOOK_S):
            self._recognize()
            if alive(self._after) and not answers(self._after, PATIENCE_S) and alive(self._after):
                self.get_logger().error(
                    f'{self._after} HANGS: its process has not answered for {PATIENCE_S:g} s. The arms hold. Ctrl+C '
                    'ends it, and then they go to rest'
                )

    def _recognize(self) -> None:
        """Once, when arms are commanded: whether their drivers are simulated; where that is not known they fall."""
        if self._asked_drivers or not self._commands:
            return
        self._asked_drivers = True
        arms = [arm.follower for arm in self._spec.arms]
        with contextlib.suppress(DriverError):
            self._falls = not all(
                self._drivers.there(arm, 'get_motor_registers', RegisterValues)
                and self._drivers.simulated(arm)
                for arm in arms
            )
        if not self._falls:
            self.get_logger().info(f'each of {", ".join(arms)} {SIMULATED}')

    def _outwait(self) -> None:
        """Return when the leading node's process is gone; this one's lock keeps the drivers."""
        say = time.monotonic() + SAY_S
        while alive(self._after):
            if time.monotonic() > say:
                self.get_logger().info(f'waiting for {self._after} to end; the arms hold')
                say += 5 * SAY_S
            time.sleep(POLL_S)

    def _at_rest(self) -> bool:
        """Whether every arm that was commanded was led to rest, as a replay does by itself.

        Nearly there is there: of a process that ends the last commands may not come.
        """
        rest = {index: self._spec.rest[self._spec.arm_slice(index)] for index in self._commands}
        return all(
            len(command) == len(rest[index])
            and bool((np.abs(np.asarray(command) - rest[index]) <= SETTLED).all())
            for index, command in self._commands.items()
        )

    def _rest(self) -> bool:
        """Whether `rest` has brought the arms to rest; a robot that was stopped is not moved."""
        log = self.get_logger()
        if self._gate.stopped_by:
            log.error(
                f'the robot was stopped by {self._gate.stopped_by}: the arms are not moved. To bring them to rest, '
                f'reset it (ros2 service call {self._name}/stop_reset std_srvs/srv/Trigger, or u twice in keys)'
            )
            return False
        log.warning('THE ARMS GO SLOWLY TO REST: hold on; till then they keep their torque')
        sim_time = str(self.get_parameter('use_sim_time').value).lower()
        options = ['-r', f'__ns:={self.get_namespace()}', '-p', f'use_sim_time:={sim_time}']
        options += ['--enclave', f'{self._name.rpartition("/")[0]}/rest']
        command = python_command('act_ros.nodes.rest', '--ros-args', *options)
        try:
            return subprocess.run(command, start_new_session=True).returncode == 0
        except OSError as error:
            log.error(f'rest could not be started: {error}')
            return False


def main() -> int:
    """Guard the arms until the leading node has ended and they are at rest."""
    return run(GuardNode, errors=(ValueError, SpecError))


if __name__ == '__main__':
    sys.exit(main())
