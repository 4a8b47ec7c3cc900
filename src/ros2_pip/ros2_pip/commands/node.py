# SPDX-License-Identifier: Apache-2.0
"""``ros2 node``: what nodes there are, and what each one has."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .. import graph
from ..cli import Verb


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    graph.add_node_arguments(parser)
    parser.add_argument(
        '-a', '--all', action='store_true', help='Display all nodes even hidden ones'
    )
    parser.add_argument(
        '-c',
        '--count-nodes',
        action='store_true',
        help='Only display the number of nodes discovered',
    )


def _list(args: argparse.Namespace) -> None:
    with graph.own_node(args) as node:
        graph.settle(args.spin_time)
        names = sorted(name.full for name in graph.node_names(node, args.all))
    if args.count_nodes:
        print(len(names))
        return
    if len(set(names)) < len(names):
        print(
            'WARNING: Be aware that there are nodes in the graph that share an exact name, '
            'which can have unintended side effects.',
            file=sys.stderr,
        )
    for name in names:
        print(name)


def _info_arguments(parser: argparse.ArgumentParser) -> None:
    graph.add_node_arguments(parser)
    parser.add_argument('node_name', help='Node name to request information')
    parser.add_argument(
        '--include-hidden',
        action='store_true',
        help='Display hidden topics, services, and actions as well',
    )


def _info(args: argparse.Namespace) -> Any:
    with graph.own_node(args) as node:
        name = graph.find_node(node, args.node_name, args.include_hidden)
        if name is None:
            return f"Unable to find node '{args.node_name}'"
        graph.settle(args.spin_time)
        count = graph.node_names(node, args.include_hidden).count(name)
        if count > 1:
            print(
                f'There are {count} nodes in the graph with the exact name "{name.full}". You '
                'are seeing information about only one of them.',
                file=sys.stderr,
            )
        print(name.full)
        for title, pairs in _sections(node, name):
            print(f'  {title}:')
            lines = [
                f'    {what}: {", ".join(types)}'
                for what, types in graph.visible(pairs, args.include_hidden)
            ]
            print('\n'.join(lines))
    return 0


def _sections(node: Any, name: graph.NodeName) -> list[tuple[str, Any]]:
    from rclpy import action

    return [
        ('Subscribers', node.get_subscriber_names_and_types_by_node(*name)),
        ('Publishers', node.get_publisher_names_and_types_by_node(*name)),
        ('Service Servers', node.get_service_names_and_types_by_node(*name)),
        ('Service Clients', node.get_client_names_and_types_by_node(*name)),
        ('Action Servers', action.get_action_server_names_and_types_by_node(node, *name)),
        ('Action Clients', action.get_action_client_names_and_types_by_node(node, *name)),
    ]


VERBS = {
    'info': Verb('Output information about a node', _info_arguments, _info),
    'list': Verb('Output a list of available nodes', _list_arguments, _list),
}
