# SPDX-License-Identifier: Apache-2.0
"""What happens to the processes of a launch in `endurance.py`: kills, freezes, lies; and what has to come of each."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from interbotix_xs_msgs.msg import JointGroupCommand
from interbotix_xs_msgs.srv import TorqueEnable
from lying_robot import Rival
from sensor_msgs.msg import Image, JointState

from act_ros.robot.spec import RobotSpec

if TYPE_CHECKING:
    from endurance_scene import Launched

SPEC = RobotSpec.load()
ARM = SPEC.arms[0].follower
Do = Callable[['Launched'], object]


@dataclass(frozen=True)
class Blow:
    """One thing that goes wrong.

    Attributes:
        begin, heal: do it, and undo it after `lasts_s`.
        says: what a line has to hold that a person reads; '' where nothing need be said.
        ends: whether the launch ends by it, and is to be started anew.
        marks: whether an episode that was being recorded has to be marked.
        often: how often it is drawn, beside the others.
    """

    name: str
    begin: Do
    heal: Do = lambda scene: None
    lasts_s: float = 0.0
    says: str = ''
    ends: bool = False
    marks: bool = False
    often: int = 2


def send(role: str, number: signal.Signals) -> Do:
    """A signal to the process of a role."""

    def do(scene: Launched) -> None:
        pid = scene.pids().get(role)
        if pid is None:
            raise RuntimeError(f'there is no process of {role}')
        os.kill(pid, number)

    return do


def frozen(role: str, seconds: float, **more: Any) -> Blow:
    """A process that stands still for a while."""
    stopped: list[int] = []

    def stop(scene: Launched) -> None:
        stopped[:] = [scene.pids()[role]]
        os.kill(stopped[0], signal.SIGSTOP)

    def go_on(_: Launched) -> None:
        with contextlib.suppress(ProcessLookupError):  # it may have been replaced
            os.kill(stopped[0], signal.SIGCONT)

    return Blow(f'{role} frozen for {seconds:g} s', stop, go_on, seconds, **more)


def torque(on: bool) -> Do:
    """Torque of one motor, by its driver's service."""
    request = TorqueEnable.Request(cmd_type='single', name='elbow', enable=on)
    return lambda scene: scene.call(TorqueEnable, f'/{ARM}/torque_enable', request)


def _joints(_: Any) -> JointState:
    names = [*SPEC.joints, 'gripper', 'left_finger', 'right_finger']
    msg = JointState(name=names, position=[0.0] * 7 + [0.03, -0.03])
    msg.velocity = msg.effort = [0.0] * len(names)
    whole, fraction = divmod(time.time(), 1.0)
    msg.header.stamp.sec, msg.header.stamp.nanosec = int(whole), int(fraction * 1e9)
    return msg


def _picture(_: Any) -> Image:
    noise = np.random.default_rng().integers(0, 255, (60, 80, 3), np.uint8)
    return Image(height=60, width=80, encoding='rgb8', step=240, data=noise.tobytes())


def _command(_: Any) -> JointGroupCommand:
    return JointGroupCommand(name='arm', cmd=(SPEC.start[:6] + 0.3).tolist())


def rival(name: str, kind: Any, topic: str, message: Any, says: str, marks: bool) -> Blow:
    """A second node that publishes what only one may."""
    other = Rival(kind, topic, message)
    return Blow(name, other.begin, other.end, 2.0, says, marks=marks)


def blows(camera: str) -> list[Blow]:
    """All of them; `camera` is one that is recorded."""
    topic = f'/{SPEC.cameras[camera].topic}'
    killed = signal.SIGKILL
    return [
        Blow('inference killed', send('inference', killed), says='inference process', often=4),
        frozen('inference', 8.0, says='inference process'),
        frozen('policy', 0.5),
        frozen('recorder', 2.0),
        frozen('sim', 2.0),
        rival('a second node commands', JointGroupCommand, f'/{ARM}/commands/joint_group', _command,
              'publishes commands', marks=False),
        rival('a second node sends joint states', JointState, f'/{ARM}/joint_states', _joints,
              'publishers', marks=True),
        rival('a second node sends pictures', Image, topic, _picture, 'publishers', marks=True),
        Blow('a motor loses its torque', torque(False), torque(True), 3.0, 'has no torque'),
        *(
            Blow(f'{role} killed', send(role, killed), says=f'{role} ended with exit code -9',
                 ends=True, marks=True, often=1)
            for role in ('policy', 'recorder', 'sim')
        ),
    ]  # fmt: skip
