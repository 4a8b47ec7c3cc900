# SPDX-License-Identifier: Apache-2.0
"""A real policy node at work on a robot that can lie, watched from outside."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from act_msgs.msg import Command, PolicyState
from lying_robot import LyingRobot
from rclpy.executors import SingleThreadedExecutor

from act_ros.policy.inference.process import BUSY

START_S = 90.0
CAMERA = 'cam_high'
NAMES = {
    getattr(PolicyState, name): name for name in ('IDLE', 'WAITING', 'RUNNING', 'HOLDING', 'FAULT')
}


class Scene:
    """A policy node at work on a robot that can lie."""

    def __init__(self, policy: str, log: Path) -> None:
        """Start both, and wait until the arms are moved."""
        self.node = rclpy.create_node('faults')
        self.robot = LyingRobot(self.node, CAMERA)
        self.states: list[tuple[float, PolicyState]] = []
        self.commands: list[tuple[int, np.ndarray]] = []
        self.answer = ''
        """Why the node refused to be enabled; ''."""
        latched = rclpy.qos.QoSProfile(
            depth=10, durability=rclpy.qos.DurabilityPolicy.TRANSIENT_LOCAL
        )
        self.node.create_subscription(PolicyState, '/act/policy_state', self._on_state, latched)
        self.node.create_subscription(Command, '/act/command', self._on_command, 100)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._closing = False
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()
        self.log = log
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'act_ros.nodes.policy.node', '--ros-args', '-r', '__ns:=/act',
             '-p', f'checkpoint:={policy}', '-p', 'enable:=true', '-p', 'threads:=1'],
            stdout=log.open('wb'), stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self.until(lambda: self.state == 'RUNNING', START_S, 'RUNNING')

    def _on_state(self, msg: PolicyState) -> None:
        self.states.append((time.monotonic(), msg))

    def _on_command(self, msg: Command) -> None:
        self.commands.append((msg.tick, np.array(msg.action, np.float64)))

    def _spin(self) -> None:
        while not self._closing:
            self._executor.spin_once(timeout_sec=0.05)

    @property
    def state(self) -> str:
        """The node's state by name; '' before the first, 'ENDED' when it has gone."""
        if self.process.poll() is not None:
            return 'ENDED'
        return NAMES[self.states[-1][1].state] if self.states else ''

    @property
    def reason(self) -> str:
        """Why it is not RUNNING."""
        if self.process.poll() is not None:
            said = self.log.read_text(errors='replace').strip().splitlines()
            return f'ended with {self.process.returncode}: {said[-1] if said else ""}'
        return self.states[-1][1].reason

    def until(self, condition: Callable[[], object], seconds: float, what: str = '') -> bool:
        """Wait until something holds; False where it does not in time, an error where `what` names it."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                if what:
                    raise RuntimeError(
                        f'no {what} within {seconds:g} s: {self.log.read_text()[-2000:]}'
                    )
                return False
            time.sleep(0.005)
        return True

    def call(self, kind: Any, name: str, request: Any) -> Any:
        """The answer of a service of the node; None where there is none."""
        client = self.node.create_client(kind, name)
        if not client.wait_for_service(5.0):
            return None
        future = client.call_async(request)
        self.until(future.done, 10.0)
        return future.result()

    def worker(self) -> int:
        """The inference process."""
        for entry in Path('/proc').iterdir():
            with contextlib.suppress(OSError, ValueError):
                name = (entry / 'comm').read_text().strip()
                parent = int((entry / 'stat').read_text().rpartition(')')[2].split()[1])
                if name == BUSY and parent == self.process.pid:
                    return int(entry.name)
        raise RuntimeError('there is no inference process')

    def close(self) -> None:
        """End everything."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.robot.close()
        self._closing = True
        self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
