# SPDX-License-Identifier: Apache-2.0
"""`ros2 lifecycle`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .. import graph
from ..cli import Verb


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
            graph.settle(args)
            seen = graph.node_names(node, args.include_hidden_nodes)
            services = dict(node.get_service_names_and_types())
            names = sorted({one.full for one in seen if f'{one.full}/get_state' in services})
        for name in names:
            state = graph.call(node, GetState, f'{name}/get_state', GetState.Request())
            where = '' if args.node_name else f'{name}: '
            print(f'{where}{state.current_state.label} [{state.current_state.id}]')


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
    'get': Verb('Show the state of managed nodes', _get_arguments, _get),
    'set': Verb('Change the state of a managed node', _set_arguments, _set),
}
