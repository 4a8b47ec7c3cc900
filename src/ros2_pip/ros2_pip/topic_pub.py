# SPDX-License-Identifier: Apache-2.0
"""``ros2 topic pub``."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import yaml

from . import graph
from .messages import fill, interface
from .qos import add_qos_arguments, chosen_profile


def _positive(text: str) -> float:
    value = float(text)
    if value <= 0.0:
        raise argparse.ArgumentTypeError('Value must be positive')
    return value


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of pub."""
    graph.add_node_arguments(parser)
    add_qos_arguments(parser, 'default')
    add = parser.add_argument
    add('topic_name', help="Name of the ROS topic to publish to (e.g. '/chatter')")
    add('message_type', help="Type of the ROS message (e.g. 'std_msgs/String')")
    values = parser.add_mutually_exclusive_group()
    values.add_argument(
        'values',
        nargs='?',
        default='{}',
        help='Values to fill the message with in YAML format '
        "(e.g. 'data: Hello World'); 'auto' for a header and 'now' for a time are the moment",
    )
    values.add_argument('--stdin', action='store_true', help='Read values from standard input')
    add(
        '-r',
        '--rate',
        metavar='N',
        type=_positive,
        default=1.0,
        help='Publishing rate in Hz (default: 1)',
    )
    add(
        '-p',
        '--print',
        metavar='N',
        type=int,
        default=1,
        help='Only print every N-th published message (default: 1)',
    )
    times = parser.add_mutually_exclusive_group()
    times.add_argument('-1', '--once', action='store_true', help='Publish one message and exit')
    times.add_argument(
        '-t', '--times', type=int, default=0, help='Publish this number of times and then exit'
    )
    add(
        '-w',
        '--wait-matching-subscriptions',
        type=int,
        default=None,
        help='Wait until finding the specified number of matching subscriptions. Defaults to 1 '
        'when using "-1"/"--once"/"--times", otherwise defaults to 0.',
    )
    add(
        '--max-wait-time-secs',
        type=_positive,
        default=None,
        help='Maximum wait time in seconds for matching subscriptions; endless without it',
    )
    add(
        '--keep-alive',
        metavar='N',
        type=_positive,
        default=0.1,
        help='Keep publishing node alive for N seconds after the last msg (default: 0.1)',
    )
    add('-n', '--node-name', help='Name of the created publishing node')


def main(args: argparse.Namespace) -> Any:
    """Publish a message, as often as is wanted."""
    try:
        kind = interface('msg', args.message_type)
    except ValueError:
        raise RuntimeError('The passed message type is invalid') from None
    values = yaml.safe_load(sys.stdin.read() if args.stdin else args.values)
    if not isinstance(values, dict):
        return 'The passed value needs to be a dictionary in YAML format'
    times = 1 if args.once else args.times
    wanted = args.wait_matching_subscriptions
    if wanted is None:
        wanted = int(times != 0)
    if wanted == 0 and args.max_wait_time_secs is not None:
        return (
            '--max-wait-time-secs option is only effective with '
            '--wait-matching-subscriptions, --once or --times'
        )
    message = kind()
    try:
        stamps = fill(message, values, stamps=True)
    except Exception as error:
        return f'Failed to populate field: {error}'
    with graph.own_node(args, args.node_name) as node:
        publisher = node.create_publisher(kind, args.topic_name, chosen_profile(args)[0])
        trouble = _wait_for_subscriptions(publisher, wanted, args.max_wait_time_secs)
        if trouble is not None:
            return trouble
        print('publisher: beginning loop')
        _publish(node, publisher, message, stamps, times, args)
        time.sleep(args.keep_alive)  # the message may still be on its way
    return 0


def _wait_for_subscriptions(publisher: Any, wanted: int, timeout_s: float | None) -> str | None:
    """Wait for enough subscriptions; return what to say if they do not come."""

    def enough() -> bool:
        return bool(publisher.get_subscription_count() >= wanted)

    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    wait_s = 0.5  # most are there by then, and nobody needs to be told
    while not graph.wait_until(enough, wait_s):
        print(f'Waiting for at least {wanted} matching subscription(s)...')
        wait_s = 1.0 if deadline is None else min(1.0, deadline - time.monotonic())
        if wait_s <= 0.0:
            return (
                f'Timed out waiting for subscribers: Expected {wanted} subcribers but only '
                f'got {publisher.get_subscription_count()} subscribers'
            )
    return None


def _publish(
    node: Any,
    publisher: Any,
    message: Any,
    stamps: list[Any],
    times: int,
    args: argparse.Namespace,
) -> None:
    import rclpy

    count = 0

    def publish() -> None:
        nonlocal count
        if count == times > 0:
            return
        for stamp in stamps:
            stamp(node.get_clock().now().to_msg())
        count += 1
        if args.print and count % args.print == 0:
            print(f'publishing #{count}: {message!r}\n')
        publisher.publish(message)

    publish()
    timer = node.create_timer(1.0 / args.rate, publish)
    while times == 0 or count < times:
        rclpy.spin_once(node)
    node.destroy_timer(timer)
