# SPDX-License-Identifier: Apache-2.0
"""`ros2 topic pub`: publish messages."""

from __future__ import annotations

import argparse
import time
from typing import Any

from . import graph, qos
from .messages import filled, interface


def _positive(text: str) -> float:
    if not float(text) > 0.0:
        raise argparse.ArgumentTypeError(f'{text} is not more than 0')
    return float(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of pub."""
    add = graph.add_arguments(parser)
    qos.add_arguments(parser, 'default')
    add('topic_name', help='Topic to publish on')
    add('message_type', help='Its type, such as std_msgs/msg/String')
    add('values', nargs='?', default='{}', help="YAML; a header can be 'auto', a time 'now'")
    add('-r', '--rate', metavar='HZ', type=_positive, default=1.0, help='Messages a second (1)')
    add('-1', '--once', action='store_const', const=1, dest='times', help='Publish one message')
    add('-t', '--times', metavar='N', type=int, default=0, help='Publish N messages')
    add(
        '-w', '--wait-matching-subscriptions', metavar='N', type=int, dest='listeners',
        help='Wait for N subscriptions; by default 1 where the messages are counted, else 0',
    )  # fmt: skip


def main(args: argparse.Namespace) -> None:
    """Publish until interrupted, or as often as the arguments say."""
    kind = interface('msg', args.message_type)
    message, stamps = filled(kind, args.values)
    wanted = (1 if args.times else 0) if args.listeners is None else args.listeners
    with graph.own_node(args) as node:
        publisher = node.create_publisher(kind, args.topic_name, qos.chosen(args)[0])
        patience = 0.5  # by then most are there, and there is nothing to say
        while not graph.wait_until(lambda: publisher.get_subscription_count() >= wanted, patience):
            print(f'Waiting for {wanted} subscription(s)...')
            patience = 1.0
        print('publisher: beginning loop')
        _publish(node, publisher, message, stamps, args)
        time.sleep(0.1)  # the last one may be on its way


def _publish(node: Any, publisher: Any, message: Any, stamps: list[Any], args: Any) -> None:
    count = 0

    def publish() -> None:
        nonlocal count
        if 0 < args.times <= count:
            return
        count += 1
        for stamp in stamps:
            stamp(node.get_clock().now().to_msg())
        print(f'publishing #{count}: {message!r}\n')
        publisher.publish(message)

    publish()
    timer = node.create_timer(1.0 / args.rate, publish)
    graph.spin(node, lambda: 0 < args.times <= count)
    node.destroy_timer(timer)
