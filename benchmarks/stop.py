#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a stop takes: from just before it is asked for until the last command has gone out.

    source setup.bash
    python3 benchmarks/stop.py --stops 1000

One process commands two followers 50 times a second, with the gate, the keeper and the priority that all nodes have;
its own executor is kept busy all the time. This process asks for stops, in turns by the service and on the topic, at any
moment of a tick, and hears the commands. Both take the times from this machine's steady clock.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event

import numpy as np
import rclpy
import ros_domain
from findings import Findings, add_json
from interbotix_xs_msgs.msg import JointGroupCommand
from lifeline import hold
from rclpy.node import Node
from std_msgs.msg import Empty
from std_srvs.srv import Trigger

from act_ros.control.ticker import SystemTime, Ticker
from act_ros.nodes.process.real_time import take_real_time
from act_ros.nodes.process.run import Spin, Stop
from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.commands import CommandOutput
from act_ros.nodes.shared.gate_keeper import STOP_PARAMETERS, GateKeeper
from act_ros.nodes.shared.parameters import Parameters
from act_ros.nodes.shared.topics import COMMAND, robot_topic
from act_ros.robot.spec import RobotSpec

SPACE = '/stop_benchmark/act'
"""No robot hears of these stops."""
TICK_S, QUIET_S, PATIENCE_S = 0.02, 0.1, 20.0


def command(end: Event, sent_at: Synchronized[float]) -> None:
    """The process that commands: until `end`, whenever its gate is open; `sent_at` is when the last one went out."""
    take_real_time()
    rclpy.init()
    spec, stop = RobotSpec.load(), Stop()
    node = BaseNode('commander', namespace=SPACE)
    Parameters(node, STOP_PARAMETERS)
    output = CommandOutput(node, spec)
    node.create_timer(0.01, lambda: time.sleep(1.0))  # what is served here waits its turn
    keeper = GateKeeper(node, output, lambda: True)
    spins = [Spin([node], stop), Spin([keeper], stop)]
    ticker = Ticker(spec.rate_hz, SystemTime())
    pose = spec.start.astype(np.float32)
    while not end.is_set():
        if beat := ticker.wait():
            pose[0] = 0.3 * np.sin(beat.now_s)
            output.command(beat.tick, beat.now_s, pose)
            sent_at.value = output.gate.passed_at
    for spin in spins:
        spin.close()
    rclpy.try_shutdown()


class Arms:
    """Hears the commands of both followers."""

    def __init__(self, node: Node) -> None:
        """Listen through `node`."""
        self.count = 0
        for arm in RobotSpec.load().arms:
            topic = robot_topic(node, f'{arm.follower}/commands/joint_group')
            node.create_subscription(JointGroupCommand, topic, self._hear, COMMAND)

    def _hear(self, _: JointGroupCommand) -> None:
        self.count += 1


class Asker:
    """Stops the robot, and takes that back."""

    def __init__(self, node: Node) -> None:
        """Ask through `node`, which another thread spins."""
        self._stop = node.create_client(Trigger, 'commander/stop')
        self._reset = node.create_client(Trigger, 'commander/stop_reset')
        self._topic = node.create_publisher(Empty, 'stop', COMMAND)

    def by_service(self) -> None:
        """Call the service; its answer is waited for."""
        call(self._stop)

    def by_topic(self) -> None:
        """Publish, as the key does."""
        self._topic.publish(Empty())

    def reset(self) -> None:
        """Let commands go out again."""
        call(self._reset)


def call(client: object) -> None:
    """Call a service, and wait for the answer."""
    answered = threading.Event()
    client.call_async(Trigger.Request()).add_done_callback(lambda _: answered.set())  # type: ignore[attr-defined]
    if not answered.wait(PATIENCE_S):
        raise TimeoutError('a service gave no answer')


def wait(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.001)


def measure(
    stops: int, arms: Arms, asker: Asker, sent_at: Synchronized[float]
) -> dict[str, list[float]]:
    """Seconds from asking to the last command, by how it was asked; below 0: none came after it."""
    took: dict[str, list[float]] = {'service': [], 'topic': []}
    for number in range(stops):
        before = arms.count
        wait(lambda before=before: arms.count > before + 6, 'no commands come')  # type: ignore[misc]
        time.sleep(random.uniform(0.0, TICK_S))
        by_service = number % 2 == 0
        asked = time.monotonic()
        (asker.by_service if by_service else asker.by_topic)()
        time.sleep(QUIET_S)
        seen = arms.count
        took['service' if by_service else 'topic'].append(sent_at.value - asked)
        time.sleep(2.0 * TICK_S)
        if arms.count != seen:
            raise RuntimeError(f'stop {number}: commands came {QUIET_S:g} s after it')
        asker.reset()
    return took


def report(took: dict[str, list[float]]) -> Findings:
    """Print the figures; all stops should act within a tick."""
    found = Findings()
    for how, seconds in took.items():
        ms = 1e3 * np.array(seconds)
        late = int((ms > 1e3 * TICK_S).sum())
        found.figure(f'last command after a stop by {how}, worst', ms.max(), 'ms')
        found.count(f'stops by {how} within a tick', len(ms) - late, len(ms))
        print(
            f'{how:8} {len(ms)} stops: last command {np.median(ms):6.2f} ms after asking (median), '
            f'p99 {np.percentile(ms, 99):.2f}, worst {ms.max():.2f}; {late} later than a tick of {1e3 * TICK_S:g} ms'
        )
    return found


def main() -> int:
    """Measure, print, and end with 1 where a stop took longer than a tick."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0] if __doc__ else '')
    parser.add_argument('--stops', type=int, default=1000, help='how many (default: %(default)s)')
    add_json(parser)
    arguments = parser.parse_args()
    hold()
    ros_domain.leave()
    context = multiprocessing.get_context('spawn')
    end, sent_at = context.Event(), context.Value('d', 0.0)
    commander = context.Process(target=command, args=(end, sent_at), daemon=True)
    commander.start()
    take_real_time()  # else what is measured is when this process had its turn
    rclpy.init()
    node = rclpy.create_node('asker', namespace=SPACE)
    arms, asker = Arms(node), Asker(node)
    spin = Spin([node], Stop())
    try:
        wait(lambda: arms.count > 100, 'the commander does not command')
        return report(measure(arguments.stops, arms, asker, sent_at)).end(arguments.json)
    finally:
        end.set()
        commander.join(PATIENCE_S)
        spin.close()
        rclpy.try_shutdown()


if __name__ == '__main__':
    sys.exit(main())
