# SPDX-License-Identifier: Apache-2.0
"""A robot for the recorder's fault tests: publishes followers, a camera and commands until told otherwise."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from array import array
from pathlib import Path
from typing import Any

import numpy as np
from act_msgs.msg import Command, RecorderState
from act_msgs.srv import StartEpisode, StopEpisode
from builtin_interfaces.msg import Time
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState

from act_ros.nodes.shared.topics import LATCHED
from act_ros.robot.spec import RobotSpec

SPEC = RobotSpec.load()
NAMES = [*SPEC.joints, 'gripper', 'left_finger', 'right_finger']
HALTED = 'or this process was halted'
_CAP_DAC_OVERRIDE, _PR_CAPBSET_DROP = 1, 24


class Sources:
    """Publishes at 50 Hz, stamped by `now`.

    `camera`: 'on', 'off', 'frozen' or 'old'; `joints`: 'on', 'off', 'bare' of effort, 'torn': at every
    fifth the waist reads a radian off, or 'torn once': at one, then 'on'; `command`: 'on', or 'nan': at
    every third of a joint.
    """

    def __init__(self, node: Any, clock: bool = False, space: str = '') -> None:
        """Begin; `clock`: publish `/clock`, too, which begins at 100 s."""
        self.joints = self.camera = self.command = 'on'
        self.offset_s = 100.0 - time.monotonic() if clock else 0.0
        self._clock = node.create_publisher(Clock, '/clock', 10) if clock else None
        self._random = np.random.default_rng(0)
        self._arms = [
            node.create_publisher(JointState, f'{space}/{arm.follower}/joint_states', 10)
            for arm in SPEC.arms
        ]
        self._image = node.create_publisher(Image, f'{space}/{SPEC.cameras["cam_high"].topic}', 10)
        self._command = node.create_publisher(Command, f'{space}/act/command', 10)
        self._last = self._picture(0.0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def now(self) -> float:
        return self.offset_s + time.monotonic() if self._clock else time.time()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        count = 0
        while not self._stop.wait(0.02):
            now = self.now
            if self._clock:
                self._clock.publish(Clock(clock=stamp(now)))
            if self.joints != 'off':
                count += 1
                once = self.joints == 'torn once'
                torn = once or (self.joints == 'torn' and count % 5 == 0)
                for arm in self._arms:
                    message = JointState(name=NAMES, position=[0.05] * 9)
                    message.position[0] += torn
                    message.velocity = [0.0] * 9
                    message.effort = [] if self.joints == 'bare' else [0.0] * 9
                    message.header.stamp = stamp(now)
                    arm.publish(message)
                if once:
                    self.joints = 'on'
            if self.camera == 'on':
                self._last = self._picture(now)
            if self.camera == 'frozen':
                self._last.header.stamp = stamp(now)
            if self.camera != 'off':
                self._image.publish(self._last)
            action = [0.0] * SPEC.dof
            tick = int(now * 50 + 1e-6)
            action[1] = float('nan') if self.command == 'nan' and tick % 3 == 0 else 0.0
            self._command.publish(Command(tick=tick, action=action))

    def rival(self, node: Any, kind: str) -> Any:
        """A second publisher of the left follower's 'joints', or of the camera's 'images'."""
        known = self._arms[0] if kind == 'joints' else self._image
        return node.create_publisher(type(known.msg_type()), known.topic_name, 10)

    def _picture(self, now: float) -> Image:
        message = Image(height=96, width=128, encoding='rgb8', step=384)
        message.header.stamp = stamp(now)
        message.data = array('B', self._random.integers(0, 255, 96 * 384, np.uint8).tobytes())
        return message


def stamp(seconds: float) -> Time:
    whole = int(seconds)
    return Time(sec=whole, nanosec=int((seconds - whole) * 1e9))


class Recorder:
    """The recorder as a process, without root's right to write everywhere, and what it says."""

    def __init__(self, ros: Any, dataset: Path, log: Path, space: str = '', **more: Any) -> None:
        """Start it in namespace `space`/act, and wait for its first state."""
        self.space, self.ros, self.node, self.dataset, self.log = (
            space,
            ros,
            ros.node('operator'),
            dataset,
            log,
        )
        self.states: list[RecorderState] = []
        self.node.create_subscription(
            RecorderState, f'{space}/act/recorder_state', self.states.append, LATCHED
        )
        self.process = launch(dataset, log, space, **more)
        ros.wait_until(lambda: self.said('recording into'), what='the recorder')

    @property
    def state(self) -> RecorderState:
        return self.states[-1]

    @property
    def output(self) -> str:
        return self.log.read_text()

    def said(self, text: str) -> bool:
        return text in self.output

    def begin(self, rows: int = 10) -> int:
        """Start an episode and wait for some rows; its number. One that a halt of the recorder has ended is begun again."""
        request = StartEpisode.Request(task='fold', seed=-1)
        name, halts = f'{self.space}/act/recorder/start', self.output.count(HALTED)
        answer = self.ros.call(self.node, StartEpisode, name, request)
        assert answer.success, answer.message
        number = int(answer.episode)
        if not rows:
            return number

        def halted() -> bool:
            return self.output.count(HALTED) > halts

        self.wait(lambda state: (state.episode == number and state.rows >= rows) or halted())
        return self.begin(rows) if halted() else number

    def end(self) -> Any:
        """Stop the episode and wait for its file; the answer."""
        request = StopEpisode.Request(keep=True, success=True)
        name = f'{self.space}/act/recorder/stop'
        return self.ros.call(self.node, StopEpisode, name, request, timeout=90)

    def wait(self, condition: Any) -> RecorderState:
        """Wait for a state that has still to come."""
        del self.states[:-1]
        self.ros.wait_until(
            lambda: any(map(condition, self.states)), what='a state of the recorder'
        )
        return next(state for state in self.states if condition(state))

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(90)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def children(self) -> list[int]:
        folder = Path(f'/proc/{self.process.pid}/task')
        return [int(pid) for f in folder.glob('*/children') for pid in f.read_text().split()]


def launch(
    dataset: Path, log: Path, space: str = '', before: str = '', **parameters: Any
) -> subprocess.Popen[bytes]:
    """Start the recorder; `before`: Python that its process runs first."""
    given = {'dataset': dataset, 'cameras': ['cam_high'], 'min_free_mb': 1, **parameters}
    options = [part for key, value in given.items() for part in ('-p', f'{key}:={value}')]
    code = f'{before}\nfrom act_ros.nodes.recorder.node import main\nraise SystemExit(main())'
    command = [sys.executable, '-c', code, '--ros-args', '-r', f'__ns:={space}/act']
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path), 'OMP_NUM_THREADS': '1'}
    with log.open('wb') as out:
        return subprocess.Popen(
            [*command, *options],
            stdout=out,
            stderr=out,
            env=env,
            preexec_fn=_humble,
            start_new_session=True,
        )


def _humble() -> None:
    """Let permissions hold for this process, also where root runs the tests."""
    ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0)
