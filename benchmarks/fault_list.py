# SPDX-License-Identifier: Apache-2.0
"""What goes wrong in `faults.py`, and how it is undone."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from fault_scene import Scene
from interbotix_xs_msgs.msg import JointGroupCommand
from lying_robot import Lies, Rival
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool, Trigger

NOTICE_S = 3.0
Do = Callable[[Scene], object]


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        begin, heal: do it, and undo it; `heal` None: it cannot be undone.
        lasts_s: between the two.
        noticed: whether the node's state must change.
        stays: whether it must not be RUNNING again before the fault is undone.
        says: what a person must read.
        yields: whether the command goes to where the arm is, at once: that moves nothing.
    """

    name: str
    begin: Do
    heal: Do | None
    lasts_s: float = 3.0
    noticed: bool = True
    stays: bool = True
    says: str = ''
    yields: bool = False


def lie(**lies: Any) -> Do:
    """Let the robot lie so."""

    def begin(scene: Scene) -> None:
        for name, value in lies.items():
            setattr(scene.robot.lies, name, value)

    return begin


def truth(scene: Scene) -> None:
    """Let the robot tell the truth."""
    scene.robot.lies = Lies()


def zeros_after_silence(scene: Scene) -> None:
    """1.2 s without joint states, then one sample of zeros, then the truth."""
    scene.robot.lies.silent = True
    time.sleep(1.2)
    scene.robot.lies.off = {i: -float(v) for i, v in enumerate(scene.robot.pose)}
    scene.robot.lies.silent = False
    time.sleep(0.012)
    scene.robot.lies.off = {}


def glitch_in_reset(scene: Scene) -> None:
    """`~/reset` while a waist is told to be at 50 rad, for 0.2 s."""
    scene.robot.lies.off = {0: 50.0}
    scene.call(Trigger, '/act/policy/reset', Trigger.Request())
    time.sleep(0.2)
    scene.robot.lies.off = {}


def lie_after_silence(scene: Scene) -> None:
    """1.2 s without joint states, then both arms 0.9 rad elsewhere within their limits for 0.5 s, then the truth."""
    spec = scene.robot.spec
    scene.robot.lies.silent = True
    time.sleep(1.2)
    room = np.where(scene.robot.pose + 0.9 < spec.upper, 0.9, -0.9)
    scene.robot.lies.off = {i: room[i] for i in range(spec.dof) if i not in spec.grippers}
    scene.robot.lies.silent = False
    time.sleep(0.5)
    scene.robot.lies.off = {}


def enabled_so(**lies: Any) -> Do:
    """Disable, lie, and ask to enable: what is answered counts as what the node says."""

    def begin(scene: Scene) -> None:
        scene.call(SetBool, '/act/policy/enable', SetBool.Request(data=False))
        scene.until(lambda: scene.state == 'IDLE', NOTICE_S)
        lie(**lies)(scene)
        answer = scene.call(SetBool, '/act/policy/enable', SetBool.Request(data=True))
        scene.answer = '' if answer is None or answer.success else f'not enabled: {answer.message}'

    return begin


def _rival_command(scene: Scene) -> JointGroupCommand:
    spec = scene.robot.spec
    return JointGroupCommand(name='arm', cmd=(spec.start[:6] + 0.3).tolist())


def _rival_joints(scene: Scene) -> JointState:
    return scene.robot.joint_state(np.zeros(scene.robot.spec.arm_size))


def _send(number: signal.Signals, worker: bool = True) -> Do:
    return lambda scene: os.kill(scene.worker() if worker else scene.process.pid, number)


def faults() -> list[Fault]:
    """All of them."""
    arm = '/follower_left'
    commands = Rival(JointGroupCommand, f'{arm}/commands/joint_group', _rival_command)
    joints = Rival(JointState, f'{arm}/joint_states', _rival_joints)
    return [
        Fault('joint states stop', lie(silent=True), truth),
        Fault('a joint is not a number', lie(off={0: float('nan')}), truth),
        Fault('a waist says 50 rad', lie(off={0: 50.0}), truth),
        Fault('a waist says 1e30 rad', lie(off={0: 1e30}), truth),
        Fault('joint stamps 5 s in the future', lie(stamp_off_s=5.0), truth),
        Fault('joint stamps 5 s old', lie(stamp_off_s=-5.0), truth),
        Fault('zeros once after 1.2 s of silence', zeros_after_silence, truth, stays=False),
        Fault('50 rad for 0.2 s in ~/reset', glitch_in_reset, truth, noticed=False),
        Fault(
            'within the limits 0.5 s of a wrong pose after 1.2 s of silence',
            lie_after_silence,
            truth,
            stays=False,
        ),
        Fault('the camera stops', lie(no_pictures=True), truth),
        Fault('the camera repeats a picture', lie(frozen=True), truth),
        Fault('pictures 5 s old', lie(picture_off_s=-5.0), truth),
        Fault('a second node commands', commands.begin, commands.end, says='publishes commands'),
        Fault('a second node publishes joint states', joints.begin, joints.end),
        Fault(
            'the arms have no torque and sink',
            lie(deaf=True, sinking=0.5),
            truth,
            6.0,
            says='follow',
            yields=True,
        ),
        *motor_faults(),
        Fault(
            'inference is killed',
            _send(signal.SIGKILL),
            lambda _: None,
            stays=False,
            says='inference',
        ),
        Fault(
            'inference is frozen',
            _send(signal.SIGSTOP),
            lambda _: None,
            8.0,
            stays=False,
            says='inference',
        ),
        Fault(
            'the terminal is closed (SIGHUP)',
            _send(signal.SIGHUP, worker=False),
            None,
            says='ended with 0',
        ),
    ]


def motor_faults() -> list[Fault]:
    """What only the motors' registers tell; the third motor is the elbow of the left arm, the last the right gripper."""
    limp, overload = {'limp': (2,)}, {'errors': {13: 32}}
    return [
        Fault('a motor loses its torque', lie(**limp), truth, says='has no torque', yields=True),
        Fault('a motor reports a hardware error', lie(**overload), truth, says='hardware error'),
        Fault(
            'enabled with a motor without torque', enabled_so(**limp), truth, says='has no torque'
        ),
        Fault(
            'enabled with a hardware error', enabled_so(**overload), truth, says='hardware error'
        ),
    ]
