# SPDX-License-Identifier: Apache-2.0
"""`ros2 topic echo`: show the messages of a topic."""

from __future__ import annotations

import argparse
import time
from typing import Any

from . import graph, qos
from .messages import Style, interface, to_yaml


def _length(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f'{text} is no whole number from 0 on')
    return int(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of echo."""
    add = graph.add_arguments(parser)
    qos.add_arguments(parser, 'sensor_data')
    add('topic_name', help='Topic to listen to')
    add('message_type', nargs='?', help='Its type; without it, the type that the topic has')
    add('--once', action='store_true', help='End with the first message')
    add('--timeout', metavar='S', type=float, help='End after so many seconds')
    add('--field', metavar='A.B', help='Show this part of each message only')
    add('-l', '--truncate-length', type=_length, default=128, help='Longest text or list (128)')
    add('-f', '--full-length', action='store_true', help='Show all of each text and list')
    add('--no-arr', action='store_true', help='Show the lengths of lists only')
    add('--no-str', action='store_true', help='Show the lengths of texts only')


def main(args: argparse.Namespace) -> None:
    """Show messages until interrupted, or as long as the arguments say."""
    from rclpy.expand_topic_name import expand_topic_name

    longest = None if args.full_length else args.truncate_length
    style = Style(longest=longest, arrays=not args.no_arr, strings=not args.no_str)
    seen = 0
    with graph.own_node(args) as node:
        topic = expand_topic_name(args.topic_name, node.get_name(), node.get_namespace())
        kind = message_class(node, topic, args.message_type)

        def show(message: Any) -> None:
            nonlocal seen
            seen += 1
            part = _part(message, args.field)
            is_message = hasattr(part, 'SLOT_TYPES')
            print(to_yaml(part, style) if is_message else f'{part}\n', end='---\n')

        node.create_subscription(kind, topic, show, qos.matching(node, topic, args))
        end = time.monotonic() + (float('inf') if args.timeout is None else args.timeout)
        graph.spin(node, lambda: (args.once and seen > 0) or time.monotonic() > end)


def message_class(node: Any, topic: str, name: str | None) -> Any:
    """Return the class of a topic's messages; RuntimeError if that cannot be told."""
    if name is None:
        types = graph.find_types(node.get_topic_names_and_types, topic)
        if len(types) != 1:
            told = (
                f'has several types, name one: {", ".join(types)}' if types else 'is not there yet'
            )
            raise RuntimeError(f'topic {topic} {told}')
        (name,) = types
    return interface('msg', name)


def _part(message: Any, path: str | None) -> Any:
    for name in (path or '').split('.'):
        if name and not hasattr(message, name):
            raise RuntimeError(f"Invalid field '{path}': {type(message).__name__} has no '{name}'")
        message = getattr(message, name) if name else message
    return message
