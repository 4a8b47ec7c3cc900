# SPDX-License-Identifier: Apache-2.0
"""``ros2 action``: what actions there are, and goals for them."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import yaml

from .. import graph
from ..cli import Verb

# By action_msgs/msg/GoalStatus.
_STATUS = ('UNKNOWN', 'ACCEPTED', 'EXECUTING', 'CANCELING', 'SUCCEEDED', 'CANCELED', 'ABORTED')


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    graph.add_node_arguments(parser)
    parser.add_argument(
        '-t', '--show-types', action='store_true', help='Additionally show the action type'
    )
    parser.add_argument(
        '-c',
        '--count-actions',
        action='store_true',
        help='Only display the number of actions discovered',
    )


def _list(args: argparse.Namespace) -> None:
    from rclpy.action import get_action_names_and_types

    with graph.own_node(args) as node:
        graph.settle(args.spin_time)
        graph.print_names(get_action_names_and_types(node), args.show_types, args.count_actions)


def _name_arguments(parser: argparse.ArgumentParser) -> None:
    graph.add_node_arguments(parser)
    parser.add_argument('action_name', help="Name of the ROS action (e.g. '/fibonacci')")


def _type(args: argparse.Namespace) -> int:
    from rclpy.action import get_action_names_and_types

    with graph.own_node(args) as node:
        types = graph.find_types(lambda: get_action_names_and_types(node), args.action_name)
    for name in types:
        print(name)
    return 0 if types else 1


def _info_arguments(parser: argparse.ArgumentParser) -> None:
    _name_arguments(parser)
    parser.add_argument(
        '-t', '--show-types', action='store_true', help='Additionally show the action type'
    )
    parser.add_argument(
        '-c',
        '--count',
        action='store_true',
        help='Only display the number of action clients and action servers',
    )


def _info(args: argparse.Namespace) -> None:
    from rclpy import action
    from rclpy.expand_topic_name import expand_topic_name

    print('Action:', args.action_name)
    with graph.own_node(args) as node:
        name = expand_topic_name(args.action_name, node.get_name(), node.get_namespace())
        graph.find_types(lambda: action.get_action_names_and_types(node), name)
        graph.settle(args.spin_time)
        for title, of_node in (
            ('clients', action.get_action_client_names_and_types_by_node),
            ('servers', action.get_action_server_names_and_types_by_node),
        ):
            ends = [
                (other.full, types)
                for other in graph.node_names(node, hidden=True)
                for found, types in of_node(node, *other)
                if found == name
            ]
            print(f'Action {title}: {len(ends)}')
            for full_name, types in [] if args.count else ends:
                kinds = f' [{", ".join(types)}]' if args.show_types else ''
                print(f'    {full_name}{kinds}')


def _send_goal_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('action_name', help="Name of the ROS action (e.g. '/fibonacci')")
    parser.add_argument(
        'action_type', help="Type of the ROS action (e.g. 'example_interfaces/action/Fibonacci')"
    )
    values = parser.add_mutually_exclusive_group()
    values.add_argument(
        'goal',
        nargs='?',
        default='{}',
        help="Goal request values in YAML format (e.g. '{order: 10}')",
    )
    values.add_argument('--stdin', action='store_true', help='Read goal from standard input')
    parser.add_argument(
        '-f', '--feedback', action='store_true', help='Echo feedback messages for the goal'
    )


def _send_goal(args: argparse.Namespace) -> Any:
    from rclpy.action import ActionClient

    from ..messages import fill, interface, to_yaml

    try:
        kind = interface('action', args.action_type)
    except ValueError:
        raise RuntimeError('The passed action type is invalid') from None
    goal = kind.Goal()
    try:
        fill(goal, yaml.safe_load(sys.stdin.read() if args.stdin else args.goal))
    except Exception as error:
        return f'Failed to populate message fields: {error!r}'

    def on_feedback(message: Any) -> None:
        print(f'Feedback:\n    {to_yaml(message.feedback)}')

    with graph.own_node(args) as node:
        client = ActionClient(node, kind, args.action_name)
        try:
            print('Waiting for an action server to become available...')
            client.wait_for_server()
            print(f'Sending goal:\n     {to_yaml(goal)}')
            future = client.send_goal_async(goal, on_feedback if args.feedback else None)
            _follow(node, _awaited(node, future, 'sending goal'))
        finally:
            client.destroy()
    return 0


def _awaited(node: Any, future: Any, what: str) -> Any:
    import rclpy

    rclpy.spin_until_future_complete(node, future)
    if future.result() is None:
        raise RuntimeError(f'Exception while {what}: {future.exception()!r}')
    return future.result()


def _follow(node: Any, handle: Any) -> None:
    """Wait for the result of a goal; an interruption cancels the goal."""
    from ..messages import to_yaml

    if not handle.accepted:
        print('Goal was rejected.')
        return
    print(f'Goal accepted with ID: {bytes(handle.goal_id.uuid).hex()}\n')
    try:
        result = _awaited(node, handle.get_result_async(), 'getting result')
    except KeyboardInterrupt:
        _cancel(node, handle)
        raise
    print(f'Result:\n    {to_yaml(result.result)}')
    status = _STATUS[result.status] if result.status < len(_STATUS) else _STATUS[0]
    print(f'Goal finished with status: {status}')


def _cancel(node: Any, handle: Any) -> None:
    import rclpy

    print('Canceling goal...')
    if not rclpy.ok():
        raise RuntimeError('Failed to cancel goal: the connection has ended with the interruption')
    if not _awaited(node, handle.cancel_goal_async(), 'canceling goal').goals_canceling:
        raise RuntimeError('Failed to cancel goal')
    print('Goal canceled.')


VERBS = {
    'info': Verb('Print information about an action', _info_arguments, _info),
    'list': Verb('Output a list of action names', _list_arguments, _list),
    'send_goal': Verb('Send an action goal', _send_goal_arguments, _send_goal),
    'type': Verb("Print a action's type", _name_arguments, _type),
}
