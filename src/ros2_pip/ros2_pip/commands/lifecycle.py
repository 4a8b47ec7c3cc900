# SPDX-License-Identifier: Apache-2.0
"""`ros2 lifecycle`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .. import graph
from ..cli import Verb


def _managed(node: Any, args: argparse.Namespace) -> list[str]:
    """The managed nodes that are seen, by their full names."""
    graph.settle(args)
    seen = graph.node_names(node, args.include_hidden_nodes)
    services = dict(node.get_service_names_and_types())
    return sorted({one.full for one in seen if f'{one.full}/get_state' in services})


def _nodes_arguments(parser: argparse.ArgumentParser) -> None:
    add = graph.add_arguments(parser)
    add('-a', '--all', dest='include_hidden_nodes', action='store_true', help='Hidden ones, too')
    add('-c', '--count-nodes', action='store_true', help='Show how many there are')


def _nodes(args: argparse.Namespace) -> None:
    with graph.own_node(args) as node:
        names = _managed(node, args)
    print(*([len(names)] if args.count_nodes else names), sep='\n', end='\n' if names else '')


def _get_arguments(parser: argparse.ArgumentParser) -> None:
    add = graph.add_arguments(parser)
    add('node_name', nargs='?', help='The node; without it, all managed nodes')
    add('--include-hidden-nodes', action='store_true', help='Hidden ones, too')


def _get(args: argparse.Namespace) -> None:
    from lifecycle_msgs.srv import GetState

    with graph.own_node(args) as node:
        if args.node_name is not None:
            names = [graph.existing_node(node, args)]
        else:
            names = _managed(node, args)
        for name in names:
            state = graph.call(node, GetState, f'{name}/get_state', GetState.Request())
            where = '' if args.node_name else f'{name}: '
            print(f'{where}{state.current_state.label} [{state.current_state.id}]')


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    add = graph.add_arguments(parser)
    add('node_name', help='The node')
    add('-a', '--all', action='store_true', help='All that there are, not only those of now')
    add('--include-hidden-nodes', action='store_true', help='It may be a hidden one')


def _list(args: argparse.Namespace) -> None:
    from lifecycle_msgs.srv import GetAvailableTransitions

    with graph.own_node(args) as node:
        name = graph.existing_node(node, args)
        service = f'{name}/get_{"transition_graph" if args.all else "available_transitions"}'
        asked = GetAvailableTransitions.Request()
        answer = graph.call(node, GetAvailableTransitions, service, asked)
    for one in answer.available_transitions:
        print(f'- {one.transition.label} [{one.transition.id}]')
        print(f'\tStart: {one.start_state.label}\n\tGoal: {one.goal_state.label}')


def _set_arguments(parser: argparse.ArgumentParser) -> None:
    add = graph.add_arguments(parser)
    add('node_name', help='The node')
    add('transition', help='What it is to do, by name or number, such as configure')
    add('--include-hidden-nodes', action='store_true', help='It may be a hidden one')


def _set(args: argparse.Namespace) -> Any:
    from lifecycle_msgs.srv import ChangeState, GetAvailableTransitions

    with graph.own_node(args) as node:
        name = graph.existing_node(node, args)
        answer = graph.call(
            node, GetAvailableTransitions, f'{name}/get_available_transitions',
            GetAvailableTransitions.Request(),
        )  # fmt: skip
        offered = {one.transition.label: one.transition for one in answer.available_transitions}
        by_number = {str(one.id): one for one in offered.values()}
        wanted = offered.get(args.transition, by_number.get(args.transition))
        if wanted is None:
            there = ''.join(f'\n- {one.label} [{one.id}]' for one in offered.values())
            return f"{name} cannot do '{args.transition}' now, only:{there or ' nothing'}"
        request = ChangeState.Request(transition=wanted)
        done = graph.call(node, ChangeState, f'{name}/change_state', request).success
    if done:
        print('Transitioning successful')
    else:
        print('Transitioning failed', file=sys.stderr)
    return 0


VERBS = {
    'nodes': Verb('Show which nodes are managed', _nodes_arguments, _nodes),
    'list': Verb('Show what a managed node can do', _list_arguments, _list),
    'get': Verb('Show the state of managed nodes', _get_arguments, _get),
    'set': Verb('Change the state of a managed node', _set_arguments, _set),
}
