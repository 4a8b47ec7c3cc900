# SPDX-License-Identifier: Apache-2.0
"""A robot that only publishes, cheaply, and the recorder as a process: for the recorder's benchmarks.

Pictures are the simulator's with the noise of a sensor over them, made before and serialized: what is
measured is the recorder, not this.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

RATE_HZ, JOINT_HZ = 50.0, 100.0
CAMERAS = ('cam_high', 'cam_low', 'cam_left_wrist', 'cam_right_wrist')
PICTURES, NOISE = 16, 3.0
"""Pictures of each camera that take turns, and the standard deviation of their noise, of 255."""
ENV = {
    'OMP_NUM_THREADS': '1',
    'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
    'FASTRTPS_DEFAULT_PROFILES_FILE': str(
        Path(__file__).resolve().parent.parent / 'config' / 'fastdds.xml'
    ),
}


def pictures(cameras: Iterable[str], size: tuple[int, int]) -> dict[str, list[np.ndarray]]:
    """`PICTURES` of each camera: the scripted operator at work, rendered, with noise."""
    from act_ros.robot.spec import RobotSpec
    from act_ros.sim.cameras import CameraRig
    from act_ros.sim.operator.operator import Operator
    from act_ros.sim.world import World

    spec, random = RobotSpec.load(), np.random.default_rng(0)
    world, operator = World('transfer_cube', 0), Operator('transfer_cube', 0)
    made: dict[str, list[np.ndarray]] = {name: [] for name in cameras}
    with CameraRig(world, *size) as rig:
        for _ in range(PICTURES):
            for _ in range(15):
                world.command(operator.act(world))
                world.step(0.02)
            rig.update(world.state())
            for name, list_ in made.items():
                clean = rig.render(spec.cameras[name].sim, *size)
                noisy = clean + random.normal(0, NOISE, clean.shape)
                list_.append(np.clip(noisy, 0, 255).astype(np.uint8))
    return made


def publish(link: Connection, cameras: tuple[str, ...], frames: dict[str, list[Any]]) -> None:
    """Body of the publishing process: until it is told to end; then its CPU time and its worst delay."""
    from array import array

    import rclpy
    from act_msgs.msg import Command
    from rclpy.serialization import serialize_message
    from sensor_msgs.msg import Image, JointState

    from act_ros.robot.spec import RobotSpec

    rclpy.init()
    node, spec = rclpy.create_node('recorder_benchmark_robot'), RobotSpec.load()
    images, topics = {}, {}
    for name in cameras:
        topics[name] = node.create_publisher(Image, f'/{spec.cameras[name].topic}', 10)
        height, width = frames[name][0].shape[:2]
        made = [
            Image(height=height, width=width, encoding='rgb8', step=3 * width)
            for _ in frames[name]
        ]
        for message, frame in zip(made, frames[name], strict=True):
            message.data = array('B', frame.tobytes())
        images[name] = [bytearray(serialize_message(message)) for message in made]
    names = [*spec.joints, 'gripper', 'left_finger', 'right_finger']
    arms = [
        node.create_publisher(JointState, f'/{arm.follower}/joint_states', 10) for arm in spec.arms
    ]
    joints = JointState(name=names, position=[0.05] * 9, velocity=[0.0] * 9, effort=[0.0] * 9)
    command, message = node.create_publisher(Command, '/act/command', 10), Command()
    link.send('ready')
    start, late, count, cpu = time.time(), 0.0, 0, time.process_time()
    first = int(start * JOINT_HZ) + 1
    while not link.poll():
        due = (first + count) / JOINT_HZ
        time.sleep(max(0.0, due - time.time()))
        now = time.time()
        late = max(late, now - due)
        seconds, nanoseconds = divmod(time.time_ns(), 10**9)
        joints.header.stamp.sec, joints.header.stamp.nanosec = seconds, nanoseconds
        for arm in arms:
            arm.publish(joints)
        if count % 2 == 0:
            message.tick = int(now * RATE_HZ + 1e-6)
            message.header.stamp = joints.header.stamp
            message.action = array('f', [float(np.sin(now))] * spec.dof)
            command.publish(message)
            stamp = seconds.to_bytes(4, 'little') + nanoseconds.to_bytes(4, 'little')
            for name in cameras:
                data = images[name][count // 2 % len(images[name])]
                data[4:12] = stamp  # behind the four bytes that say the encoding
                topics[name].publish(bytes(data))
        count += 1
    link.send((time.process_time() - cpu, time.time() - start, late))


class Robot:
    """The publishing process."""

    def __init__(
        self, cameras: tuple[str, ...] = CAMERAS, size: tuple[int, int] = (480, 640)
    ) -> None:
        """Make the pictures, and begin to publish."""
        context = multiprocessing.get_context('spawn')
        self._link, theirs = context.Pipe()
        frames = pictures(cameras, size)
        self.process = context.Process(target=publish, args=(theirs, cameras, frames), daemon=True)
        self.process.start()
        self._link.recv()

    def close(self) -> tuple[float, float]:
        """End it; its share of a processor, and by how much it was late at worst, in seconds."""
        self._link.send('end')
        cpu, wall, late = self._link.recv()
        self.process.join()
        return cpu / wall, late


class Recorder:
    """The recorder node as a process, in a process group of its own."""

    def __init__(
        self, dataset: Path, log: Path, cameras: tuple[str, ...] = CAMERAS, **more: Any
    ) -> None:
        """Start it."""
        parameters = {'dataset': dataset, 'cameras': list(cameras), **more}
        options = [part for key, value in parameters.items() for part in ('-p', f'{key}:={value}')]
        command = [
            sys.executable,
            '-m',
            'act_ros.nodes.recorder.node',
            '--ros-args',
            '-r',
            '__ns:=/act',
        ]
        self.log = log
        with log.open('wb') as out:
            self.process = subprocess.Popen(
                [*command, *options], stdout=out, stderr=out, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """Of the node."""
        return self.process.pid

    def kill(self) -> None:
        """As `kill -9`."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """As Ctrl+C."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(120)


@dataclass
class Usage:
    """What processes took, sampled: seconds since the start, MB resident, CPU and MB written in total."""

    times: list[float] = field(default_factory=list)
    resident_mb: list[float] = field(default_factory=list)
    helper_mb: list[float] = field(default_factory=list)
    cpu_s: float = 0.0
    helper_cpu_s: float = 0.0
    written_mb: float = 0.0

    @property
    def seconds(self) -> float:
        """Length."""
        return self.times[-1] if self.times else 0.0


class Sampler:
    """Watches a process, and the children it starts, twice a second."""

    def __init__(self, pid: int) -> None:
        """Begin."""
        self.usage = Usage()
        self._pid, self._stop = pid, threading.Event()
        self._before = _cpu(pid), _written(pid)
        self._helpers: dict[int, tuple[float, float]] = {}
        self._start = time.monotonic()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        usage = self.usage
        while not self._stop.wait(0.5):
            helpers = children(self._pid)
            for pid in helpers:
                self._helpers[pid] = _cpu(pid), _written(pid)
            usage.times.append(time.monotonic() - self._start)
            usage.resident_mb.append(_resident(self._pid))
            usage.helper_mb.append(sum(map(_resident, helpers)))
            usage.cpu_s = _cpu(self._pid) - self._before[0]
            usage.helper_cpu_s = sum(cpu for cpu, _ in self._helpers.values())
            usage.written_mb = _written(self._pid) - self._before[1]
            usage.written_mb += sum(written for _, written in self._helpers.values())

    def end(self) -> Usage:
        """Stop watching."""
        self._stop.set()
        self._thread.join()
        return self.usage


def _stat(pid: int, name: str) -> str:
    try:
        return Path(f'/proc/{pid}/{name}').read_text()
    except OSError:
        return ''


def _cpu(pid: int) -> float:
    fields = _stat(pid, 'stat').rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK') if fields else 0.0


def _field(pid: int, name: str, key: str) -> int:
    lines = (line.split() for line in _stat(pid, name).splitlines() if line.startswith(key))
    return next((int(words[1]) for words in lines), 0)


def _resident(pid: int) -> float:
    return _field(pid, 'status', 'VmRSS') / 1024


def _written(pid: int) -> float:
    return _field(pid, 'io', 'write_bytes') / 1e6


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [
        int(child)
        for task in Path(f'/proc/{pid}/task').glob('*/children')
        for child in _stat(pid, f'task/{task.parent.name}/children').split()
    ]
