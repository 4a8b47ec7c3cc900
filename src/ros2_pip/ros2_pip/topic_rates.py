# SPDX-License-Identifier: Apache-2.0
"""``ros2 topic hz``, ``bw`` and ``delay``: what can be measured of the messages that come."""

from __future__ import annotations

import argparse
import collections
import statistics
import sys
from collections.abc import Callable
from typing import Any

from . import graph
from .messages import interface

_WINDOWS = {'hz': 10000, 'delay': 10000, 'bw': 100}


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError('value must be a positive integer')
    return int(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of bw and delay."""
    graph.add_node_arguments(parser)
    parser.add_argument('topic_name', help="Name of the ROS topic to listen to (e.g. '/chatter')")
    parser.add_argument(
        '-w',
        '--window',
        type=_positive,
        metavar='WINDOW',
        help=f'window size, in # of messages (default: {_WINDOWS["hz"]}, for bw {_WINDOWS["bw"]})',
    )


def add_hz_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of hz."""
    add_arguments(parser)
    parser.add_argument(
        '--filter',
        metavar='EXPR',
        help='only measure messages matching the specified Python expression of m, the message',
    )
    parser.add_argument(
        '--wall-time',
        action='store_true',
        help='calculates rate using wall time which can be '
        'helpful when clock is not published during simulation',
    )


def _subscribed(
    args: argparse.Namespace,
    measure: Callable[[Any], Callable[[Any], None]],
    report: Callable[[], None],
    raw: bool = False,
) -> None:
    """Measure every message and report every second, for ever; waits for the topic for ever."""
    import rclpy
    from rclpy.clock import Clock, ClockType
    from rclpy.expand_topic_name import expand_topic_name
    from rclpy.qos import qos_profile_sensor_data

    with graph.own_node(args) as node:
        topic = expand_topic_name(args.topic_name, node.get_name(), node.get_namespace())
        types = graph.find_types(node.get_topic_names_and_types, topic)
        if not types:
            print(f'WARNING: topic [{topic}] does not appear to be published yet')
        while not types:
            types = graph.find_types(node.get_topic_names_and_types, topic)
        node.create_subscription(
            interface('msg', types[0]), topic, measure(node), qos_profile_sensor_data, raw=raw
        )
        # Simulated time may stand still: the report is due all the same.
        node.create_timer(1.0, report, clock=Clock(clock_type=ClockType.STEADY_TIME))
        rclpy.spin(node)


def _spread(values_ns: list[int]) -> str:
    """Return the line with the extremes and the deviation of some times."""
    return (
        f'\tmin: {min(values_ns) * 1e-9:.3f}s max: {max(values_ns) * 1e-9:.3f}s '
        f'std dev: {statistics.pstdev(values_ns) * 1e-9:.5f}s window: {len(values_ns)}'
    )


def hz(args: argparse.Namespace) -> None:
    """Print the rate of a topic once a second."""
    periods: collections.deque[int] = collections.deque(maxlen=args.window or _WINDOWS['hz'])
    keep = compile(args.filter, '--filter', 'eval') if args.filter else None
    last = printed = 0

    def measure(node: Any) -> Callable[[Any], None]:
        from rclpy.clock import Clock, ClockType

        clock = Clock(clock_type=ClockType.SYSTEM_TIME) if args.wall_time else node.get_clock()

        def on_message(message: Any) -> None:
            nonlocal last
            if keep is not None and not eval(keep, {'m': message}):
                return
            now = clock.now().nanoseconds
            if now < last or now == 0:
                if periods:
                    print('time has reset, resetting counters')
                periods.clear()
            elif last:
                periods.append(now - last)
            last = now

        return on_message

    def report() -> None:
        nonlocal printed
        if periods and last != printed:
            mean = sum(periods) / len(periods)
            print(f'average rate: {1e9 / mean if mean else 0.0:.3f}\n{_spread(list(periods))}')
        printed = last

    _subscribed(args, measure, report)


def delay(args: argparse.Namespace) -> None:
    """Print how old the messages of a topic are by their headers, once a second."""
    delays: collections.deque[int] = collections.deque(maxlen=args.window or _WINDOWS['delay'])
    fresh = False

    def measure(node: Any) -> Callable[[Any], None]:
        from rclpy.time import Time

        def on_message(message: Any) -> None:
            nonlocal fresh
            if not hasattr(message, 'header'):
                raise RuntimeError('msg does not have header')
            now = node.get_clock().now()
            delays.append((now - Time.from_msg(message.header.stamp)).nanoseconds)
            fresh = True

        return on_message

    def report() -> None:
        nonlocal fresh
        if delays:
            mean = sum(delays) / len(delays)
            print(
                f'average delay: {mean * 1e-9:.3f}\n{_spread(list(delays))}'
                if fresh
                else 'no new messages'
            )
        fresh = False

    _subscribed(args, measure, report)


def bw(args: argparse.Namespace) -> None:
    """Print the bytes per second of a topic, once a second."""
    sizes: collections.deque[tuple[int, int]] = collections.deque(
        maxlen=args.window or _WINDOWS['bw']
    )
    now_ns: Callable[[], int] = lambda: 0

    def measure(node: Any) -> Callable[[Any], None]:
        nonlocal now_ns
        now_ns = lambda: int(node.get_clock().now().nanoseconds)  # noqa: E731
        print(f'Subscribed to [{args.topic_name}]')
        return lambda message: sizes.append((now_ns(), len(message)))

    def report() -> None:
        if len(sizes) < 2:
            return
        span = now_ns() - sizes[0][0]
        if span <= 0:
            print('WARNING: time is reset!', file=sys.stderr)
            sizes.clear()
            return
        lengths = [size for _, size in sizes]
        rate = sum(lengths) / (span * 1e-9)
        shown = [
            _bytes(value, rate)
            for value in (rate, sum(lengths) / len(lengths), min(lengths), max(lengths))
        ]
        print(
            f'{shown[0]}/s from {len(lengths)} messages\n\tMessage size mean: {shown[1]} '
            f'min: {shown[2]} max: {shown[3]}'
        )

    _subscribed(args, measure, report, raw=True)


def _bytes(value: float, like: float) -> str:
    """Return a number of bytes in the unit that suits ``like``."""
    if like < 1e3:
        return f'{value:.0f} B'
    return f'{value / 1e3:.2f} KB' if like < 1e6 else f'{value / 1e6:.2f} MB'
