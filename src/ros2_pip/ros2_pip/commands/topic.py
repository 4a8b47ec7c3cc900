# SPDX-License-Identifier: Apache-2.0
"""`ros2 topic`."""

from __future__ import annotations

import argparse
from typing import Any

from .. import graph, topic_echo, topic_hz, topic_pub
from ..cli import Verb


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    add = graph.add_arguments(parser)
    add('-t', '--show-types', action='store_true', help='Show their types, too')
    add('--include-hidden-topics', action='store_true', help='List hidden ones, too')


def _list(args: argparse.Namespace) -> None:
    with graph.own_node(args) as node:
        graph.settle(args)
        pairs = graph.visible(node.get_topic_names_and_types(), args.include_hidden_topics)
    graph.print_names(pairs, args.show_types)


def _info_arguments(parser: argparse.ArgumentParser) -> None:
    add = graph.add_arguments(parser)
    add('topic_name', help='The topic')
    add('-v', '--verbose', action='store_true', help='Show each publisher and each subscription')


def _info(args: argparse.Namespace) -> Any:
    name = args.topic_name
    end = '\n\n' if args.verbose else '\n'
    with graph.own_node(args) as node:
        types = graph.find_types(node.get_topic_names_and_types, name)
        if not types:
            return f"Unknown topic '{name}'"
        graph.settle(args)
        print('Type:', types if types[1:] else types[0], end=end)
        for what, infos in (
            ('Publisher', node.get_publishers_info_by_topic(name)),
            ('Subscription', node.get_subscriptions_info_by_topic(name)),
        ):
            print(f'{what} count:', len(infos), end=end)
            for info in infos if args.verbose else []:
                print(info, end=end)
    return 0


VERBS = {
    'echo': Verb('Show the messages of a topic', topic_echo.add_arguments, topic_echo.main),
    'hz': Verb('Show how often messages come', topic_hz.add_arguments, topic_hz.main),
    'info': Verb('Show who publishes and who listens', _info_arguments, _info),
    'list': Verb('List topics', _list_arguments, _list),
    'pub': Verb('Publish messages', topic_pub.add_arguments, topic_pub.main),
}
