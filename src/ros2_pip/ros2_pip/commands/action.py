# SPDX-License-Identifier: Apache-2.0
"""`ros2 action`."""

from __future__ import annotations

import argparse
from typing import Any

from .. import graph
from ..cli import Verb
from ..messages import filled, interface, to_yaml

# The numbers of action_msgs/msg/GoalStatus.
_STATUS = ('UNKNOWN', 'ACCEPTED', 'EXECUTING', 'CANCELING', 'SUCCEEDED', 'CANCELED', 'ABORTED')


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    add = graph.add_arguments(parser)
    add('-t', '--show-types', action='store_true', help='Show their types, too')


def _list(args: argparse.Namespace) -> None:
    from rclpy.action import get_action_names_and_types

    with graph.own_node(args) as node:
        graph.settle(args)
        graph.print_names(get_action_names_and_types(node), args.show_types)


def _send_goal_arguments(parser: argparse.ArgumentParser) -> None:
    add = graph.add_arguments(parser)
    add('action_name', help='The action')
    add('action_type', help='Its type, such as control_msgs/action/FollowJointTrajectory')
    add('goal', nargs='?', default='{}', help='The goal as YAML')
    add('-f', '--feedback', action='store_true', help='Show how far it is')


def _send_goal(args: argparse.Namespace) -> None:
    from rclpy.action import ActionClient

    kind = interface('action', args.action_type)
    goal, _ = filled(kind.Goal, args.goal)

    def progress(message: Any) -> None:
        print(f'Feedback:\n    {to_yaml(message.feedback)}')

    with graph.own_node(args) as node:
        client = ActionClient(node, kind, args.action_name)
        try:
            print('Waiting for the action server...')
            client.wait_for_server()
            print(f'Sending goal:\n     {to_yaml(goal)}')
            sent = client.send_goal_async(goal, progress if args.feedback else None)
            _follow(node, graph.result_of(node, sent))
        finally:
            client.destroy()


def _follow(node: Any, handle: Any) -> None:
    """Wait for the result of a goal; a Ctrl+C cancels the goal."""
    if not handle.accepted:
        print('Goal was rejected.')
        return
    print(f'Goal accepted with ID: {bytes(handle.goal_id.uuid).hex()}\n')
    try:
        answer = graph.result_of(node, handle.get_result_async())
    except KeyboardInterrupt:
        print('Canceling goal...')
        cancelled = graph.result_of(node, handle.cancel_goal_async())
        print('Goal canceled.' if cancelled.goals_canceling else 'The goal cannot be cancelled.')
        raise
    print(f'Result:\n    {to_yaml(answer.result)}')
    print('Goal finished with status:', dict(enumerate(_STATUS)).get(answer.status, _STATUS[0]))


VERBS = {
    'list': Verb('List actions', _list_arguments, _list),
    'send_goal': Verb('Send a goal, and show what comes of it', _send_goal_arguments, _send_goal),
}
