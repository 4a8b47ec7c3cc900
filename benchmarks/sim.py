#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the simulator costs: ticks a second, a picture of each camera, and how near it stays to real time.

    source setup.bash
    benchmarks/sim.py
    benchmarks/sim.py --seconds 3

Ticks and pictures are those of the library, in one thread, with the scripted operator at work. Then the simulator's node
runs with one camera and with all four, as in `ros2 launch act_ros sim.launch.py`, and says its real-time factor itself.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

os.environ.setdefault('LP_NUM_THREADS', '1')

import numpy as np
import rclpy
import ros_domain
from act_msgs.msg import SimState
from findings import Findings, add_json
from lifeline import hold
from rclpy.qos import DurabilityPolicy, QoSProfile

from act_ros.nodes.process.launched import launched
from act_ros.robot.spec import RobotSpec
from act_ros.sim.cameras import CameraRig
from act_ros.sim.operator.operator import Operator
from act_ros.sim.world import STEPS, World

SIZE = 480, 640
START_S = 90.0
SLOWEST = 0.98
"""Of real time, what the simulator itself does not warn of."""


def ticks(task: str, seconds: float, found: Findings) -> None:
    """Ticks of physics, with what the operator needs told apart."""
    world = World(task)
    operator, acting, physics = Operator(task, 0, world.spec), [], []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if len(physics) % STEPS[task] == STEPS[task] - 1:
            world.reset(len(physics))
            operator = Operator(task, len(physics), world.spec)
        begin = time.perf_counter()
        action = operator.act(world)
        acted = time.perf_counter()
        world.command(action)
        world.step(1.0 / world.spec.rate_hz)
        acting.append(acted - begin)
        physics.append(time.perf_counter() - acted)
    found.figure(f'{task}: ticks without pictures', 1.0 / float(np.mean(physics)), 'a second')
    found.figure(f'{task}: the scripted operator, a tick', 1e3 * float(np.median(acting)), 'ms')


def pictures(seconds: float, found: Findings) -> None:
    """What a picture of each of the robot's cameras takes, of an arm that moves."""
    world = World('transfer_cube')
    operator = Operator('transfer_cube', 0, world.spec)
    cameras = {name: camera.sim for name, camera in world.spec.cameras.items()}
    took: dict[str, list[float]] = {name: [] for name in cameras}
    with CameraRig(world, *SIZE) as rig:
        for camera in cameras.values():
            rig.render(camera, *SIZE)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            world.command(operator.act(world))
            world.step(1.0 / world.spec.rate_hz)
            rig.update(world.state())
            for name, camera in cameras.items():
                begin = time.perf_counter()
                rig.render(camera, *SIZE)
                took[name].append(time.perf_counter() - begin)
    for name, times in took.items():
        median, late = (1e3 * float(np.percentile(times, share)) for share in (50, 99))
        found.figure(f'{name}, a picture of {SIZE[0]}x{SIZE[1]}, median', median, 'ms')
        found.figure(f'{name}, p99', late, 'ms')


def factors(cameras: tuple[str, ...], seconds: float) -> list[float]:
    """The real-time factors that the node says while it runs with these cameras."""
    states: list[SimState] = []
    node = rclpy.create_node('sim_benchmark')
    latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    node.create_subscription(SimState, '/act/sim_state', states.append, latched)
    try:
        with launched(
            'sim.launch.py', f'cameras:={",".join(cameras)}', 'operator:=scripted'
        ) as launch:
            begun = time.monotonic()
            while not any(np.isfinite(state.real_time_factor) for state in states):
                rclpy.spin_once(node, timeout_sec=0.2)
                if launch.poll() is not None or time.monotonic() > begun + START_S:
                    raise RuntimeError('the simulator does not say how fast it is')
            states.clear()
            end = time.monotonic() + seconds
            while time.monotonic() < end or not states:
                rclpy.spin_once(node, timeout_sec=0.2)
    finally:
        node.destroy_node()
    return [state.real_time_factor for state in states if np.isfinite(state.real_time_factor)]


def main() -> int:
    """Measure, print; 1 where the simulator falls behind real time."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--seconds', type=float, default=20.0, help='of each measurement')
    add_json(parser)
    args = parser.parse_args()
    hold()
    ros_domain.leave()
    found = Findings()
    for task in sorted(STEPS):
        ticks(task, args.seconds, found)
    pictures(args.seconds, found)
    rclpy.init()
    names = tuple(RobotSpec.load().cameras)
    for cameras in (names[:1], names):
        try:
            seen = factors(cameras, args.seconds)
        except RuntimeError as error:
            found.not_measured(f'real-time factor, {len(cameras)} cameras', str(error))
            continue
        what = f'real-time factor, {len(cameras)} cameras at 50 Hz'
        found.figure(f'{what}, median', float(np.median(seen)), at_least=SLOWEST)
        found.figure(f'{what}, lowest second', min(seen))
    rclpy.try_shutdown()
    return found.end(args.json)


if __name__ == '__main__':
    sys.exit(main())
