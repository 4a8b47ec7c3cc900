# SPDX-License-Identifier: Apache-2.0
"""``ros2 topic``: what topics there are; echo, pub and the rates have modules of their own."""

from __future__ import annotations

import argparse
from typing import Any

from .. import graph, topic_echo, topic_pub, topic_rates
from ..cli import Verb


def _hidden_argument(parser: argparse.ArgumentParser) -> None:
    graph.add_node_arguments(parser)
    parser.add_argument(
        '--include-hidden-topics', action='store_true', help='Consider hidden topics as well'
    )


def _count_argument(parser: argparse.ArgumentParser) -> None:
    _hidden_argument(parser)
    parser.add_argument(
        '-c',
        '--count-topics',
        action='store_true',
        help='Only display the number of topics discovered',
    )


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    _count_argument(parser)
    parser.add_argument(
        '-t', '--show-types', action='store_true', help='Additionally show the topic type'
    )
    parser.add_argument(
        '-v', '--verbose', action='store_true', help='List full details about each topic'
    )


def _list(args: argparse.Namespace) -> None:
    with graph.own_node(args) as node:
        graph.settle(args.spin_time)
        pairs = graph.visible(node.get_topic_names_and_types(), args.include_hidden_topics)
        if args.verbose and not args.count_topics:
            for title, word, count in (
                ('Published', 'publisher', node.count_publishers),
                ('Subscribed', 'subscriber', node.count_subscribers),
            ):
                print(f'{title} topics:')
                for name, types in pairs:
                    _print_ends(name, types, count(name), word)
                print()
            return
    graph.print_names(pairs, args.show_types, args.count_topics)


def _print_ends(name: str, types: list[str], count: int, word: str) -> None:
    if count:
        plural = 's' if count > 1 else ''
        print(f' * {name} [{", ".join(types)}] {count} {word}{plural}')


def _find_arguments(parser: argparse.ArgumentParser) -> None:
    _count_argument(parser)
    parser.add_argument('topic_type', help="Type to filter for (e.g. 'std_msgs/msg/String')")


def _find(args: argparse.Namespace) -> None:
    with graph.own_node(args) as node:
        graph.settle(args.spin_time)
        pairs = graph.visible(node.get_topic_names_and_types(), args.include_hidden_topics)
    graph.print_names(
        [pair for pair in pairs if args.topic_type in pair[1]], False, args.count_topics
    )


def _name_arguments(parser: argparse.ArgumentParser) -> None:
    graph.add_node_arguments(parser)
    parser.add_argument('topic_name', help="Name of the ROS topic (e.g. '/chatter')")


def _type(args: argparse.Namespace) -> int:
    with graph.own_node(args) as node:
        types = graph.find_types(node.get_topic_names_and_types, args.topic_name)
    for name in types:
        print(name)
    return 0 if types else 1


def _info_arguments(parser: argparse.ArgumentParser) -> None:
    _name_arguments(parser)
    parser.add_argument(
        '-v',
        '--verbose',
        action='store_true',
        help='Prints detailed information like the node name, node namespace, topic type, topic '
        'type hash, GUID, and QoS Profile of the publishers and subscribers to this topic',
    )


def _info(args: argparse.Namespace) -> Any:
    name = args.topic_name
    end = '\n\n' if args.verbose else '\n'
    with graph.own_node(args) as node:
        types = graph.find_types(node.get_topic_names_and_types, name)
        if not types:
            return f"Unknown topic '{name}'"
        graph.settle(args.spin_time)
        print('Type:', types[0] if len(types) == 1 else types, end=end)
        for word, count, infos in (
            ('Publisher', node.count_publishers, node.get_publishers_info_by_topic),
            ('Subscription', node.count_subscribers, node.get_subscriptions_info_by_topic),
        ):
            print(f'{word} count: {count(name)}', end=end)
            for info in infos(name) if args.verbose else ():
                print(info, end=end)
    return 0


VERBS = {
    'bw': Verb('Display bandwidth used by topic', topic_rates.add_arguments, topic_rates.bw),
    'delay': Verb(
        'Display delay of topic from timestamp in header',
        topic_rates.add_arguments,
        topic_rates.delay,
    ),
    'echo': Verb('Output messages from a topic', topic_echo.add_arguments, topic_echo.main),
    'find': Verb('Output a list of available topics of a given type', _find_arguments, _find),
    'hz': Verb(
        'Print the average receiving rate to screen', topic_rates.add_hz_arguments, topic_rates.hz
    ),
    'info': Verb('Print information about a topic', _info_arguments, _info),
    'list': Verb('Output a list of available topics', _list_arguments, _list),
    'pub': Verb('Publish a message to a topic', topic_pub.add_arguments, topic_pub.main),
    'type': Verb("Print a topic's type", _name_arguments, _type),
}
