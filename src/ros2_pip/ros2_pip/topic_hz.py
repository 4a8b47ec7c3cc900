# SPDX-License-Identifier: Apache-2.0
"""`ros2 topic hz`: how often messages come."""

from __future__ import annotations

import argparse
import collections
import statistics

from . import graph
from .topic_echo import message_class


def _window(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f'{text} is no whole number from 1 on')
    return int(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of hz."""
    add = graph.add_arguments(parser)
    add('topic_name', help='Topic to listen to')
    add(
        '-w', '--window', metavar='N', type=_window, default=10000, help='Count the last N (10000)'
    )
    add('--wall-time', action='store_true', help="Measure by this machine's clock")


class _Rate:
    """The times between the messages of late."""

    def __init__(self, window: int) -> None:
        self._periods_s: collections.deque[float] = collections.deque(maxlen=window)
        self._last_ns = 0
        self._told_ns = 0

    def arrived(self, now_ns: int) -> None:
        """Take the time of a message."""
        if 0 < self._last_ns <= now_ns:
            self._periods_s.append((now_ns - self._last_ns) * 1e-9)
        elif self._periods_s:  # simulated time begins anew
            print('time has reset, resetting counters')
            self._periods_s.clear()
        self._last_ns = now_ns

    def tell(self) -> None:
        """Print the rate, if there was a message since it was printed last."""
        if self._periods_s and self._last_ns != self._told_ns:
            periods = list(self._periods_s)
            mean = statistics.fmean(periods)
            print(
                f'average rate: {1.0 / mean if mean else 0.0:.3f}\n'
                f'\tmin: {min(periods):.3f}s max: {max(periods):.3f}s '
                f'std dev: {statistics.pstdev(periods):.5f}s window: {len(periods)}'
            )
        self._told_ns = self._last_ns


def main(args: argparse.Namespace) -> None:
    """Print the rate of a topic every second."""
    from rclpy.clock import Clock, ClockType
    from rclpy.expand_topic_name import expand_topic_name
    from rclpy.qos import qos_profile_sensor_data

    rate = _Rate(args.window)
    with graph.own_node(args) as node:
        topic = expand_topic_name(args.topic_name, node.get_name(), node.get_namespace())
        while not graph.find_types(node.get_topic_names_and_types, topic):
            print(f'WARNING: nobody publishes [{topic}] yet')
        clock = Clock(clock_type=ClockType.SYSTEM_TIME) if args.wall_time else node.get_clock()
        node.create_subscription(
            message_class(node, topic, None),
            topic,
            lambda message: rate.arrived(clock.now().nanoseconds),
            qos_profile_sensor_data,
        )
        # Where simulated time stands still, the report has to come all the same.
        node.create_timer(1.0, rate.tell, clock=Clock(clock_type=ClockType.STEADY_TIME))
        graph.spin(node)
