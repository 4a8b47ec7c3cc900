# SPDX-License-Identifier: Apache-2.0
"""``ros2 topic echo``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import yaml

from . import graph
from .messages import Style, interface, to_csv, to_yaml
from .qos import add_qos_arguments, matching_profile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of echo."""
    graph.add_node_arguments(parser)
    add_qos_arguments(parser, 'sensor_data')
    add = parser.add_argument
    add('topic_name', help="Name of the ROS topic to listen to (e.g. '/chatter')")
    add('message_type', nargs='?', help="Type of the ROS message (e.g. 'std_msgs/msg/String')")
    add('--csv', action='store_true', help='Output all recursive fields separated by commas')
    add(
        '--field',
        help="Echo a selected field of a message. Use '.' to select sub-fields, e.g. "
        "'ros2 topic echo /odom --field pose.pose.position'",
    )
    add(
        '-f',
        '--full-length',
        action='store_true',
        help='Output all elements for arrays, bytes, and string with a length > '
        "'--truncate-length'",
    )
    add(
        '-l',
        '--truncate-length',
        type=_not_negative,
        default=128,
        help='The length to truncate arrays, bytes, and string to (default: %(default)s)',
    )
    add('--no-arr', action='store_true', help="Don't print array fields of messages")
    add('--no-str', action='store_true', help="Don't print string fields of messages")
    add(
        '--flow-style',
        action='store_true',
        help='Print collections in the flow style (not available with csv format)',
    )
    add('--no-lost-messages', action='store_true', help="Don't report when a message is lost")
    add('--raw', action='store_true', help='Echo the raw binary representation')
    add(
        '--filter',
        help='Python expression to filter messages that are printed; knows m, the message',
    )
    add('--once', action='store_true', help='Print the first message received and then exit.')
    add('--timeout', metavar='N', type=float, help='Set a timeout in seconds for waiting')
    add(
        '-i',
        '--include-message-info',
        action='store_true',
        help='Shows the associated message info.',
    )


def _not_negative(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError('value must be non-negative integer')
    return value


def main(args: argparse.Namespace) -> None:
    """
    Print the messages of a topic until there was the one that is wanted, or the time is over.

    :raises RuntimeError: if the topic's type cannot be found out, or the field is none of it
    """
    import rclpy
    from rclpy.event_handler import SubscriptionEventCallbacks
    from rclpy.expand_topic_name import expand_topic_name
    from rclpy.task import Future

    done = Future()
    with graph.own_node(args) as node:
        topic = expand_topic_name(args.topic_name, node.get_name(), node.get_namespace())
        kind = message_class(node, topic, args.message_type)
        show = _shower(args)

        def on_message(message: Any, info: Any) -> None:
            if show(message, info) and args.once and not done.done():
                done.set_result(True)

        if args.timeout is not None:
            node.create_timer(args.timeout, lambda: done.set_result(True))
        node.create_subscription(
            kind,
            topic,
            on_message,
            matching_profile(node, topic, args),
            raw=args.raw,
            event_callbacks=None
            if args.no_lost_messages
            else SubscriptionEventCallbacks(message_lost=_print_lost),
        )
        rclpy.spin_until_future_complete(node, done)


def message_class(node: Any, topic: str, name: str | None) -> Any:
    """
    Return the class of a topic's messages.

    :param name: of the type; None is to wait for the topic and take its own
    :raises RuntimeError: if there is none, or more than one
    """
    if name is None:
        types = graph.find_types(node.get_topic_names_and_types, topic)
        if not types:
            print(f'WARNING: topic [{topic}] does not appear to be published yet')
            raise RuntimeError('Could not determine the type for the passed topic')
        if len(types) > 1:
            raise RuntimeError(
                f"Cannot echo topic '{topic}', as it contains more than one type: "
                f'[{", ".join(types)}]'
            )
        name = types[0]
        wrong = f"The message type '{name}' is invalid"
    else:
        wrong = 'The passed message type is invalid'
    try:
        return interface('msg', name)
    except ValueError:
        raise RuntimeError(wrong) from None


def _shower(args: argparse.Namespace) -> Callable[[Any, Any], bool]:
    """Return a function that prints a message, and says whether it was one to be printed."""
    fields = None if args.field is None else [part for part in args.field.split('.') if part]
    if fields == []:
        raise RuntimeError(f"Invalid field value '{args.field}'")
    keep = _filter(args.filter) if args.filter else None
    style = Style(
        truncate=None if args.full_length else args.truncate_length,
        no_arrays=args.no_arr,
        no_strings=args.no_str,
        flow=args.flow_style,
    )

    def show(message: Any, info: Any) -> bool:
        for field in fields or ():
            try:
                message = getattr(message, field)
            except AttributeError as error:
                raise RuntimeError(f"Invalid field '{'.'.join(fields or ())}': {error}") from None
        if keep is not None and not keep(message):
            return False
        _print(message, info if args.include_message_info else None, args.csv, style)
        return True

    return show


def _filter(expression: str) -> Callable[[Any], Any]:
    """Return a function that says whether a message is to be printed."""
    wrong = f"Invalid filter '{expression}'"
    try:
        code = compile(expression, '--filter', 'eval')
    except SyntaxError as error:
        raise RuntimeError(f'{wrong}: {error}') from None

    def keep(message: Any) -> Any:
        try:
            return eval(code, {'m': message})
        except Exception as error:
            raise RuntimeError(f'{wrong}: {error}') from None

    return keep


def _print(message: Any, info: Any, csv: bool, style: Style) -> None:
    if not hasattr(message, 'SLOT_TYPES'):
        if info is not None:
            print('---Got new message, message info:---', info, '---Message data:---', sep='\n')
        print(message, end='\n---\n')
    elif csv:
        first = [] if info is None else [str(value) for value in info.values()]
        print(','.join([*first, to_csv(message, style)]))
    else:
        if info is not None:
            print(yaml.dump(info), end='---\n')
        print(to_yaml(message, style), end='---\n')


def _print_lost(status: Any) -> None:
    print(
        f'A message was lost!!!\n\ttotal count change:{status.total_count_change}\n\t'
        f'total count: {status.total_count}',
        end='---\n',
    )
