# SPDX-License-Identifier: Apache-2.0
"""``ros2 lifecycle``: the states of managed nodes."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from .. import graph
from ..cli import Verb

if TYPE_CHECKING:
    from rclpy.node import Node

_GET_STATE = 'lifecycle_msgs/srv/GetState'


def _managed(node: Node, hidden: bool) -> list[str]:
    """Return the full names of the managed nodes there are now."""
    services = dict(node.get_service_names_and_types())
    return sorted(
        {
            name.full
            for name in graph.node_names(node, hidden)
            if _GET_STATE in services.get(f'{name.full}/get_state', ())
        }
    )


def _found(node: Node, args: argparse.Namespace) -> str:
    name = graph.absolute(args.node_name)
    if not graph.wait_until(lambda: name in _managed(node, args.include_hidden_nodes)):
        raise RuntimeError('Node not found')
    return name


def _call(node: Node, name: str, service: str, kind: Any, request: Any) -> Any:
    client = node.create_client(kind, f'{name}/{service}')
    if not client.wait_for_service(timeout_sec=graph.SERVICE_S):
        raise RuntimeError(f"Timed out waiting for the service '{name}/{service}'")
    return graph.result_of(node, client.call_async(request), f"'{name}'")


def _nodes_arguments(parser: argparse.ArgumentParser) -> None:
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


def _nodes(args: argparse.Namespace) -> None:
    with graph.own_node(args) as node:
        graph.settle(args.spin_time)
        names = _managed(node, args.all)
    if args.count_nodes:
        print(len(names))
        return
    for name in names:
        print(name)


def _hidden_argument(parser: argparse.ArgumentParser) -> None:
    graph.add_node_arguments(parser)
    parser.add_argument(
        '--include-hidden-nodes', action='store_true', help='Consider hidden nodes as well'
    )


def _get_arguments(parser: argparse.ArgumentParser) -> None:
    _hidden_argument(parser)
    parser.add_argument(
        'node_name', nargs='?', help='Name of the ROS node; the states of all without one'
    )


def _get(args: argparse.Namespace) -> None:
    from lifecycle_msgs.srv import GetState

    with graph.own_node(args) as node:
        if args.node_name:
            names = [_found(node, args)]
        else:
            graph.settle(args.spin_time)
            names = _managed(node, args.include_hidden_nodes)
        for name in names:
            state = _call(node, name, 'get_state', GetState, GetState.Request()).current_state
            prefix = '' if args.node_name else f'{name}: '
            print(f'{prefix}{state.label} [{state.id}]')


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    _hidden_argument(parser)
    parser.add_argument('node_name', help='Name of the ROS node')
    parser.add_argument(
        '-a', '--all', action='store_true', help='Display all existing transitions'
    )


def _transitions(node: Node, name: str, service: str = 'get_available_transitions') -> list[Any]:
    from lifecycle_msgs.srv import GetAvailableTransitions as Kind

    return list(_call(node, name, service, Kind, Kind.Request()).available_transitions)


def _list(args: argparse.Namespace) -> None:
    service = 'get_transition_graph' if args.all else 'get_available_transitions'
    with graph.own_node(args) as node:
        for found in _transitions(node, _found(node, args), service):
            print(
                f'- {found.transition.label} [{found.transition.id}]\n'
                f'\tStart: {found.start_state.label}\n\tGoal: {found.goal_state.label}'
            )


def _set_arguments(parser: argparse.ArgumentParser) -> None:
    _hidden_argument(parser)
    parser.add_argument('node_name', help='Name of the ROS node')
    parser.add_argument('transition', help='The lifecycle transition: its label or its number')


def _set(args: argparse.Namespace) -> Any:
    from lifecycle_msgs.srv import ChangeState

    with graph.own_node(args) as node:
        name = _found(node, args)
        offered = [found.transition for found in _transitions(node, name)]
        wanted = [one for one in offered if one.label == args.transition] or [
            one for one in offered if str(one.id) == args.transition
        ]
        if not wanted:
            return 'Unknown transition requested, available ones are:' + ''.join(
                f'\n- {one.label} [{one.id}]' for one in offered
            )
        request = ChangeState.Request(transition=wanted[0])
        success = _call(node, name, 'change_state', ChangeState, request).success
    print(
        'Transitioning successful' if success else 'Transitioning failed',
        file=sys.stdout if success else sys.stderr,
    )
    return 0


VERBS = {
    'get': Verb('Get lifecycle state for one or more nodes', _get_arguments, _get),
    'list': Verb('Output a list of available transitions', _list_arguments, _list),
    'nodes': Verb('Output a list of nodes with lifecycle', _nodes_arguments, _nodes),
    'set': Verb('Trigger lifecycle state transition', _set_arguments, _set),
}
