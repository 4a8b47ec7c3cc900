# SPDX-License-Identifier: Apache-2.0
"""`guard`: when the node that leads the followers has ended, brings them to rest, before their drivers end.

The library below Interbotix's drivers takes the torque of all motors when it ends, and arms in the air drop.
So on a robot the launch of a policy or a replay has this node beside it, and drivers that outlast this node
(`act_ros.nodes.process.outlast`). What moves the arms is `rest`, in a process of its own: no Ctrl+C reaches it, and it
has never heard of a leading node that was killed, whose publishers stay in the graph for a while.
"""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial

import numpy as np
from interbotix_xs_msgs.msg import JointGroupCommand
from rclpy.node import Node

from act_ros.control.motion.pose_motion import SETTLED
from act_ros.nodes.process.outlast import POLL_S, alive
from act_ros.nodes.process.run import Stop, run
from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.parameters import Param, Parameters
from act_ros.nodes.shared.topics import SENSOR, robot_topic
from act_ros.python_process import python_command
from act_ros.robot.spec import RobotSpec, SpecError

PARAMETERS = (
    Param('after', '', 'Full name of the node that leads the arms; once it has ended they rest.'),
)
SAY_S = 2.0
"""A leading node that takes longer than this to end is named."""
HOLD_S = 15.0
"""For a person to take hold of arms that could not be brought to rest."""


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
        for index, arm in enumerate(spec.arms):
            topic = robot_topic(self, f'{arm.follower}/commands/joint_group')
            receive = partial(self._on_command, index)
            self.create_subscription(JointGroupCommand, topic, receive, SENSOR)

    @property
    def groups(self) -> list[list[Node]]:
        """This node, spun by one thread."""
        return [[self]]

    def start(self) -> None:
        """There is nothing to do before the end."""

    def close(self) -> None:
        """Wait for the end of the leading node, then bring the arms to rest if they were moved."""
        log = self.get_logger()
        self._outwait()
        if not self._commands:
            log.info('the arms were never commanded: they stay where they are')
        elif self._at_rest():
            log.info('the arms were led to rest already')
        else:
            log.warning('THE ARMS GO SLOWLY TO REST: hold on; till then they keep their torque')
            if not self._rest():
                self._stop.fail()
                log.fatal(
                    'the arms are NOT at rest (why is said above). TAKE HOLD OF THEM: '
                    f'in {HOLD_S:g} s their drivers end, and take the torque'
                )
                time.sleep(HOLD_S)

    def _on_command(self, index: int, msg: JointGroupCommand) -> None:
        if not self._commands:
            self.get_logger().info('the arms are commanded: at the end they will go to rest')
        self._commands[index] = list(msg.cmd)

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
        """Whether `rest` has brought the arms to rest."""
        sim_time = str(self.get_parameter('use_sim_time').value).lower()
        options = ['-r', f'__ns:={self.get_namespace()}', '-p', f'use_sim_time:={sim_time}']
        command = python_command('act_ros.nodes.rest', '--ros-args', *options)
        try:
            return subprocess.run(command, start_new_session=True).returncode == 0
        except OSError as error:
            self.get_logger().error(f'rest could not be started: {error}')
            return False


def main() -> int:
    """Guard the arms until the leading node has ended and they are at rest."""
    return run(GuardNode, errors=(ValueError, SpecError))


if __name__ == '__main__':
    sys.exit(main())
