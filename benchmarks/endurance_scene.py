# SPDX-License-Identifier: Apache-2.0
"""A launch of the whole suite as a user starts it, watched from outside: what it says, takes, and records."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rclpy
from act_msgs.msg import Command, PolicyState, RecorderState
from fault_scene import NAMES
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import SetBool

from act_ros.policy.inference.process import BUSY

START_S, END_S, SAMPLE_S = 600.0, 60.0, 5.0
ROLES = {'policy': 'act_ros/policy', 'inference': 'worker_process', 'sim': 'act_ros/sim',
         'recorder': 'act_ros/recorder'}  # fmt: skip
"""By what is in their command lines."""
COLOUR = re.compile(r'\x1b\[[0-9;]*m')


@dataclass(frozen=True)
class Sample:
    """What a process takes at a moment: main memory in MiB, and open files."""

    at: float
    role: str
    pid: int
    age_s: float
    memory: float
    files: int


class Launched:
    """`ros2 launch act_ros aloha.launch.py robot:=sim record:=…`, started again when it has ended."""

    def __init__(self, dataset: Path, log: Path, temporary: Path, arguments: list[str]) -> None:
        """Watch, and start it; its temporary files go into a folder of their own."""
        self.dataset, self.log, self._arguments = dataset, log, arguments
        self._env = {**os.environ, 'TMPDIR': str(temporary)}
        self.samples: list[Sample] = []
        self.rates: list[tuple[float, float]] = []
        """Of calm seconds: commands a second, and commands a tick."""
        self.must: dict[int, bool] = {}
        """By number of an episode that has to be marked: also where the task was done before it was cut off."""
        self.may: set[int] = set()
        """Numbers of episodes that were open in the time of a blow."""
        self.calm = False
        self.states: list[PolicyState] = []
        self.recorder = RecorderState()
        self._commands = self._tick = 0
        self._born: dict[int, float] = {}
        self.node = rclpy.create_node('endurance')
        latched = rclpy.qos.QoSProfile(
            depth=1, durability=rclpy.qos.DurabilityPolicy.TRANSIENT_LOCAL
        )
        self.node.create_subscription(PolicyState, '/act/policy_state', self._on_state, latched)
        self.node.create_subscription(
            RecorderState, '/act/recorder_state', self._on_recorder, latched
        )
        self.node.create_subscription(Command, '/act/command', self._on_command, 100)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._closing = threading.Event()
        self._threads = [threading.Thread(target=run) for run in (self._spin, self._watch)]
        self.process = self.start()
        for thread in self._threads:
            thread.start()

    def start(self) -> subprocess.Popen[bytes]:
        """Start the launch."""
        command = ['ros2', 'launch', 'act_ros', 'aloha.launch.py', f'record:={self.dataset}']
        self.states.clear()
        self._born.clear()
        self.process = subprocess.Popen(
            [*command, *self._arguments], stdout=self.log.open('ab'), stderr=subprocess.STDOUT,
            start_new_session=True, env=self._env,
        )  # fmt: skip
        return self.process

    def _on_state(self, msg: PolicyState) -> None:
        self.states[:] = [msg]

    def _on_recorder(self, msg: RecorderState) -> None:
        self.recorder = msg
        if msg.open and not self.calm:
            self.may.add(msg.episode)

    def _on_command(self, msg: Command) -> None:
        self._commands, self._tick = self._commands + 1, msg.tick

    @property
    def state(self) -> str:
        """Of the policy by name; 'ENDED' when the launch has gone."""
        if self.process.poll() is not None:
            return 'ENDED'
        return NAMES[self.states[0].state] if self.states else ''

    def pids(self) -> dict[str, int]:
        """The processes by their roles; of inference the youngest, and not the one that waits for the next policy."""
        found: dict[str, int] = {}
        for entry in sorted(Path('/proc').iterdir(), key=lambda path: path.name.zfill(9)):
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / 'cmdline').read_text(errors='replace')
                busy = (entry / 'comm').read_text().strip() == BUSY
                session = int((entry / 'stat').read_text().rpartition(')')[2].split()[3])
            except OSError:
                continue
            for role, mark in ROLES.items():
                if mark in words and session == self.process.pid and busy == (role == 'inference'):
                    found[role] = int(entry.name)
        return found

    def said(self, since: int) -> list[str]:
        """The lines of the launch from an offset in its log on."""
        text = self.log.read_bytes()[since:].decode(errors='replace')
        return [COLOUR.sub('', line) for line in text.splitlines()]

    def until(self, condition: Callable[[], object], seconds: float) -> bool:
        """Wait until something holds; whether it did in time."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    def call(self, kind: Any, name: str, request: Any) -> Any:
        """The answer of a service; None where there is none."""
        client = self.node.create_client(kind, name)
        try:
            if not client.wait_for_service(5.0):
                return None
            future = client.call_async(request)
            self.until(future.done, 10.0)
            return future.result() if future.done() else None
        finally:
            self.node.destroy_client(client)

    def enable(self) -> None:
        """What a person does who has seen to a fault."""
        self.call(SetBool, '/act/policy/enable', SetBool.Request(data=True))

    def _spin(self) -> None:
        while not self._closing.is_set():
            self._executor.spin_once(timeout_sec=0.05)

    def _watch(self) -> None:
        """Once a second the rate of commands, where nothing is wrong; now and then what processes take."""
        count = 0
        while not self._closing.is_set():
            before, tick = self._commands, self._tick
            well, at = self.calm, time.monotonic()
            self._closing.wait(1.0)
            seconds = time.monotonic() - at
            if well and self.calm and self.state == 'RUNNING':
                sent, ticks = self._commands - before, self._tick - tick
                self.rates.append((sent / seconds, sent / ticks if ticks > 0 else 0.0))
            count += 1
            if count % round(SAMPLE_S) == 0 and self.state == 'RUNNING':  # all have loaded then
                self._sample()

    def _sample(self) -> None:
        now = time.monotonic()
        for role, pid in self.pids().items():
            try:
                status = Path(f'/proc/{pid}/status').read_text()
                files = sum(1 for _ in Path(f'/proc/{pid}/fd').iterdir())
            except OSError:
                continue
            if 'VmRSS:' in status:
                memory = int(status.partition('VmRSS:')[2].split()[0]) / 1024
                born = self._born.setdefault(pid, now)
                self.samples.append(Sample(now, role, pid, now - born, memory, files))

    def end(self) -> int | None:
        """Ctrl+C; the exit status, None where it had to be killed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            return None

    def close(self) -> None:
        """Stop watching."""
        self._closing.set()
        for thread in self._threads:
            thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
