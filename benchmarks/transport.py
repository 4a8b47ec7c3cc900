#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many camera frames arrive: with the Fast DDS profile of this repository, and without it.

    source setup.bash
    python3 benchmarks/transport.py --seconds 60

One process publishes the images of all cameras, another receives them as sensor data, as the camera nodes do.
Every frame has a number; what is missing at the end was lost. Latency is from just before `publish` to the
callback, both on this machine's steady clock.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from array import array
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import rclpy
import ros_domain
from findings import Findings, add_json
from lifeline import hold
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image

from act_ros.nodes.shared.topics import COMMAND

PROFILE = Path(__file__).resolve().parent.parent / 'config' / 'fastdds.xml'
WAIT_S = 20.0


@dataclass(frozen=True)
class Load:
    """What is sent: `cameras` streams of (height, width, 3) bytes at `rate_hz` for `seconds`.

    With `jpeg` each frame is one, of the simulator's picture with a sensor's noise, as CompressedImage; with `reliable`
    they go as commands do: what is lost is sent again, unless there is a newer one.
    """

    cameras: int
    height: int
    width: int
    rate_hz: float
    seconds: float
    jpeg: bool = False
    reliable: bool = False

    @property
    def frames(self) -> int:
        """Frames of one camera."""
        return round(self.rate_hz * self.seconds)

    @property
    def message(self) -> type[Image] | type[CompressedImage]:
        """What carries them."""
        return CompressedImage if self.jpeg else Image


@dataclass
class Received:
    """What the subscriber saw: frames of each camera, latencies in seconds, CPU time in seconds.

    `found_s` is from the start of ROS until all cameras had arrived once.
    """

    frames: list[int]
    found_s: float = 0.0
    disorder: int = 0
    latencies: list[float] = field(default_factory=list)
    cpu_s: float = 0.0


def _node(name: str) -> Node:
    rclpy.init()
    return rclpy.create_node(name)


def _frame(load: Load) -> array[int]:
    """The bytes of a frame: noise, or a JPEG of the quality that the recorder has."""
    if not load.jpeg:
        return array('B', os.urandom(load.height * load.width * 3))
    import cv2
    from recording import CAMERAS, pictures

    picture = pictures(CAMERAS[:1], (load.height, load.width))[CAMERAS[0]][0]
    return array('B', cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes())


def _send(topics: list[Publisher], load: Load, pixels: array[int], number: int) -> None:
    """Publish frame `number` of every camera; its stamp is taken just before."""
    for topic in topics:
        if load.jpeg:
            message = CompressedImage(format='jpeg')
        else:
            size = {'height': load.height, 'width': load.width, 'step': 3 * load.width}
            message = Image(encoding='rgb8', **size)
        message.data = pixels
        message.header.frame_id = str(number)
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(time.monotonic_ns(), 10**9)
        topic.publish(message)


def publish(load: Load, link: Connection) -> None:
    """Body of the publishing process: frames -1 until it is told that all cameras arrive, then the load."""
    node, qos = _node('transport_publisher'), COMMAND if load.reliable else QoSProfile(depth=10)
    topics = [node.create_publisher(load.message, f'camera_{i}', qos) for i in range(load.cameras)]
    pixels = _frame(load)
    while not link.poll(0.1):
        _send(topics, load, pixels, -1)
    link.recv()
    cpu, late, start = time.process_time(), 0.0, time.monotonic()
    for number in range(load.frames):
        due = start + number / load.rate_hz
        time.sleep(max(0.0, due - time.monotonic()))
        late = max(late, time.monotonic() - due)
        _send(topics, load, pixels, number)
    link.send((time.process_time() - cpu, time.monotonic() - start, late))
    link.recv()


def subscribe(load: Load, link: Connection) -> None:
    """Body of the receiving process: counts until it is told that all was sent, and half a second more."""
    begun = time.monotonic()
    node = _node('transport_subscriber')
    received = Received([0] * load.cameras)
    last: list[int | None] = [None] * load.cameras

    def arrived(camera: int, message: Image | CompressedImage) -> None:
        now, stamp, number = (
            time.monotonic_ns(),
            message.header.stamp,
            int(message.header.frame_id),
        )
        before, last[camera] = last[camera], number
        if number < 0:
            return
        received.latencies.append((now - stamp.sec * 10**9 - stamp.nanosec) * 1e-9)
        received.frames[camera] += 1
        received.disorder += before is not None and number <= before

    qos = COMMAND if load.reliable else qos_profile_sensor_data
    for camera in range(load.cameras):
        node.create_subscription(load.message, f'camera_{camera}', partial(arrived, camera), qos)
    ready, cpu, end = False, time.process_time(), float('inf')
    while time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=0.1)
        if not ready and None not in last:
            ready, cpu = True, time.process_time()
            received.found_s = time.monotonic() - begun
            link.send('ready')
        if link.poll():
            link.recv()
            end = time.monotonic() + 0.5
    received.cpu_s = time.process_time() - cpu
    link.send(received)


def measure(load: Load, profile: Path | None) -> tuple[Received, float, float, float]:
    """Send the load through Fast DDS with this profile.

    Returns:
        What arrived, CPU time of the sender, duration, and the worst delay of the sender, in seconds.

    Raises:
        RuntimeError: publisher and subscriber did not find each other.
    """
    os.environ.pop('FASTRTPS_DEFAULT_PROFILES_FILE', None)
    if profile:
        os.environ['FASTRTPS_DEFAULT_PROFILES_FILE'] = str(profile)
    context = multiprocessing.get_context('spawn')
    ends = [context.Pipe() for _ in range(2)]
    processes = [
        context.Process(target=target, args=(load, end[1]), daemon=True)
        for target, end in zip((publish, subscribe), ends, strict=True)
    ]
    for process in processes:
        process.start()
    sender, receiver = ends[0][0], ends[1][0]
    try:
        return exchange(sender, receiver)
    finally:
        for process in processes:
            process.join(5.0)
            process.kill()


def exchange(sender: Connection, receiver: Connection) -> tuple[Received, float, float, float]:
    """Lead the two processes through a measurement, as `measure` describes it.

    Raises:
        RuntimeError: they did not find each other, or one of them ended.
    """
    try:
        if not receiver.poll(WAIT_S):
            raise RuntimeError(f'after {WAIT_S:g} s not all cameras had arrived once')
        receiver.recv()
        sender.send('go')
        cpu_s, took_s, late_s = sender.recv()
        receiver.send('sent')
        received = receiver.recv()
        sender.send('end')
    except (EOFError, BrokenPipeError) as error:
        raise RuntimeError('one of the two processes ended before the other') from error
    return received, cpu_s, took_s, late_s


def row(name: str, load: Load, result: tuple[Received, float, float, float]) -> str:
    """One line of the table."""
    received, cpu_s, took_s, late_s = result
    sent, arrived = load.frames * load.cameras, sum(received.frames)
    ordered = sorted(received.latencies) or [float('nan')]
    p50, p99 = (1e3 * ordered[min(len(ordered) - 1, int(len(ordered) * q))] for q in (0.5, 0.99))
    return (
        f'| {name:22} | {arrived:6} of {sent:6} | {sent - arrived:6} ({100 * (1 - arrived / sent):4.1f} %) '
        f'| {p50:5.1f} / {p99:6.1f} | {cpu_s / took_s:4.2f} / {received.cpu_s / took_s:4.2f} | {1e3 * late_s:6.1f} |'
    )


def main() -> int:
    """Measure both and print a table; 1 if a frame was lost with the profile."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('--seconds', type=float, default=60.0, help='length of each measurement')
    parser.add_argument('--cameras', type=int, default=4, help='streams')
    parser.add_argument('--height', type=int, default=480, help='pixels')
    parser.add_argument('--width', type=int, default=640, help='pixels')
    parser.add_argument('--rate', type=float, default=50.0, help='frames a second of each camera')
    add_json(parser)
    args = parser.parse_args()
    hold()
    ros_domain.leave()
    load = Load(args.cameras, args.height, args.width, args.rate, args.seconds)
    print(
        f'{load.cameras} cameras x {load.height}x{load.width} x {load.rate_hz:g} Hz, {load.seconds:g} s each, '
        f'{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}'
    )
    print(
        '| Fast DDS               | frames that arrive | lost             | latency p50 / p99 (ms) '
        '| CPU sender / receiver (cores) | sender late at worst (ms) |'
    )
    print('|---|---|---|---|---|---|')
    found = Findings()
    for name, profile in (('config/fastdds.xml', PROFILE), ('its default', None)):
        result = measure(load, profile)
        print(row(name, load, result), flush=True)
        sent, arrived = load.frames * load.cameras, sum(result[0].frames)
        if profile:
            found.count(f'frames that arrive with {name}', arrived, sent)
        else:
            found.figure(f'frames that arrive with {name}', arrived, f'of {sent}')
    return found.end(args.json)


if __name__ == '__main__':
    sys.exit(main())
