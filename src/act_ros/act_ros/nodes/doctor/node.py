# SPDX-License-Identifier: Apache-2.0
"""What is well and what is not, before the arms are moved: a table with a verdict and the next step for each.

`ros2 run act_ros doctor [--robot sim|aloha] [--dataset FOLDER] [--json]` looks at this machine, listens to the
topics of the robot, and asks the drivers. It moves nothing and sets nothing. The exit status is 3 where it would be
unsafe to move the arms, 1 where there is another problem, 0 where all is well or only warned of.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from act_ros.nodes.doctor.drivers import drivers
from act_ros.nodes.doctor.findings import Finding, as_json, status, table
from act_ros.nodes.doctor.machine import machine
from act_ros.nodes.doctor.topics import Ears
from act_ros.nodes.process.node_thread import node_thread
from act_ros.nodes.process.run import Stop, run
from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.parameters import Param, Parameters
from act_ros.robot.spec import RobotSpec, SpecError

PARAMETERS = (
    Param(
        'robot', 'sim', 'Which robot is meant: what to start says so.', choices=('sim', 'aloha')
    ),
    Param('dataset', 'data', 'Folder of the episodes, for the room on its disk.'),
    Param('models_dir', '', "Folder of the policies; empty: ./models, then the suite's own."),
    Param(
        'wait_s',
        0.0,
        'Seconds to wait for the followers, whose drivers may just start.',
        0.0,
        600.0,
    ),
    Param('json', False, 'Print a list of objects instead of a table.'),
)


class DoctorNode(BaseNode):
    """`act/doctor`: looks once, prints, and ends."""

    def __init__(self, stop: Stop) -> None:
        """Listen to the robot.

        Raises:
            ValueError: a parameter or the robot's description cannot be used.
        """
        super().__init__('doctor')
        self._values, self._stop = Parameters(self, PARAMETERS).values, stop
        self._spec = RobotSpec.load()
        self._ears = Ears(self, self._spec, self._values['robot'] == 'sim')
        self._thread = node_thread(self, self._stop, self._run, 'the doctor stopped')

    @property
    def groups(self) -> list[list[BaseNode]]:
        """This node."""
        return [[self]]

    def start(self) -> None:
        """Look."""
        self._thread.start()

    def close(self) -> None:
        """Wait for the end of what was begun."""
        self._thread.join(timeout=1.0)

    def _run(self) -> None:
        findings = self._look()
        sys.stdout.write((as_json if self._values['json'] else table)(findings) + '\n')
        sys.stdout.flush()
        if code := status(findings):
            self._stop.fail(code)
        self._stop.set()

    def _look(self) -> list[Finding]:
        values, spec, ears = self._values, self._spec, self._ears
        found = list(machine(spec, values['dataset'], values['models_dir']))
        ears.wait(self._stop.is_set, values['wait_s'])
        found += ears.findings()
        arms = [name for arm in spec.arms for name in (arm.follower, arm.leader)]
        return found + list(drivers(self, spec, [arm for arm in arms if ears.there(arm)]))


def as_parameters(words: Sequence[str]) -> list[str]:
    """A command line with its `--robot`, `--dataset` and `--json` written as the parameters that they are."""
    own, given = list(words), []
    if '--ros-args' in own:
        start = own.index('--ros-args')
        own, given = own[:start], own[start:]
    rest: list[str] = []
    while own:
        word, _, value = own.pop(0).partition('=')
        if word == '--json' and not value:
            given += ['--ros-args', '-p', 'json:=true']
        elif word in ('--robot', '--dataset') and (value or own):
            given += ['--ros-args', '-p', f'{word[2:]}:="{value or own.pop(0)}"']
        else:
            rest.append(f'{word}={value}' if value else word)
    return rest + given


def main() -> int:
    """Look once; returns 1 where there is a problem."""
    sys.argv[1:] = as_parameters(sys.argv[1:])
    return run(DoctorNode, errors=(ValueError, SpecError))


if __name__ == '__main__':
    sys.exit(main())
