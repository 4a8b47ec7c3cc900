# SPDX-License-Identifier: Apache-2.0
"""`ros2 node`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .. import graph
from ..cli import Verb


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    add = graph.add_arguments(parser)
    add('-a', '--all', action='store_true', help='List hidden ones, too')
    add('-c', '--count-nodes', action='store_true', help='Show how many there are')


def _list(args: argparse.Namespace) -> None:
    with graph.own_node(args) as node:
        graph.settle(args)
        names = sorted(name.full for name in graph.node_names(node, args.all))
    _warn_of_twins(names)
    print(*([len(names)] if args.count_nodes else names), sep='\n', end='\n' if names else '')


def _warn_of_twins(names: list[str]) -> None:
    twins = {name for name in names if names.count(name) > 1}
    if twins:
        print('WARNING: several nodes are called', ', '.join(sorted(twins)), file=sys.stderr)


def _info_arguments(parser: argparse.ArgumentParser) -> None:
    add = graph.add_arguments(parser)
    add('node_name', help='The node')
    add('--include-hidden', action='store_true', help='Show what is hidden, too')


def _info(args: argparse.Namespace) -> Any:
    hidden = args.include_hidden
    with graph.own_node(args) as node:
        name = graph.find_node(node, args.node_name, hidden)
        if name is None:
            return f"Unable to find node '{args.node_name}'"
        graph.settle(args)
        _warn_of_twins([one.full for one in graph.node_names(node, hidden) if one == name])
        print(name.full)
        for title, pairs in _parts(node, name).items():
            print(f'  {title}:')
            for what, types in graph.visible(pairs, hidden):
                print(f'    {what}: {", ".join(types)}')
    return 0


def _parts(node: Any, name: graph.NodeName) -> dict[str, Any]:
    from rclpy import action

    return {
        'Subscribers': node.get_subscriber_names_and_types_by_node(*name),
        'Publishers': node.get_publisher_names_and_types_by_node(*name),
        'Service Servers': node.get_service_names_and_types_by_node(*name),
        'Service Clients': node.get_client_names_and_types_by_node(*name),
        'Action Servers': action.get_action_server_names_and_types_by_node(node, *name),
        'Action Clients': action.get_action_client_names_and_types_by_node(node, *name),
    }


VERBS = {
    'info': Verb('Show what a node has', _info_arguments, _info),
    'list': Verb('List nodes', _list_arguments, _list),
}
