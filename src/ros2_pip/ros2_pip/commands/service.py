# SPDX-License-Identifier: Apache-2.0
"""``ros2 service``: what services there are, and calls of them."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import yaml

from .. import graph
from ..cli import Verb


def _hidden_argument(parser: argparse.ArgumentParser) -> None:
    graph.add_node_arguments(parser)
    parser.add_argument(
        '--include-hidden-services', action='store_true', help='Consider hidden services as well'
    )


def _count_argument(parser: argparse.ArgumentParser) -> None:
    _hidden_argument(parser)
    parser.add_argument(
        '-c',
        '--count-services',
        action='store_true',
        help='Only display the number of services discovered',
    )


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    _count_argument(parser)
    parser.add_argument(
        '-t', '--show-types', action='store_true', help='Additionally show the service type'
    )


def _all(args: argparse.Namespace) -> list[tuple[str, list[str]]]:
    with graph.own_node(args) as node:
        graph.settle(args.spin_time)
        return graph.visible(node.get_service_names_and_types(), args.include_hidden_services)


def _list(args: argparse.Namespace) -> None:
    graph.print_names(_all(args), args.show_types, args.count_services)


def _find_arguments(parser: argparse.ArgumentParser) -> None:
    _count_argument(parser)
    parser.add_argument(
        'service_type', help="Type to filter for (e.g. 'rcl_interfaces/srv/ListParameters')"
    )


def _find(args: argparse.Namespace) -> None:
    pairs = [pair for pair in _all(args) if args.service_type in pair[1]]
    graph.print_names(pairs, False, args.count_services)


def _name_arguments(parser: argparse.ArgumentParser) -> None:
    _hidden_argument(parser)
    parser.add_argument('service_name', help="Name of the ROS service (e.g. '/add_two_ints')")


def _type(args: argparse.Namespace) -> int:
    with graph.own_node(args) as node:
        types = graph.find_types(node.get_service_names_and_types, args.service_name)
    for name in types:
        print(name)
    return 0 if types else 1


def _info(args: argparse.Namespace) -> Any:
    name = args.service_name
    with graph.own_node(args) as node:
        types = graph.find_types(node.get_service_names_and_types, name)
        if not types:
            return f"Unknown service '{name}'"
        graph.settle(args.spin_time)
        print('Type:', types[0] if len(types) == 1 else types)
        print('Clients count:', node.count_clients(name))
        print('Services count:', node.count_services(name))
    return 0


def _call_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'service_name', help="Name of the ROS service to call to (e.g. '/add_two_ints')"
    )
    parser.add_argument('service_type', help="Type of the ROS service (e.g. 'std_srvs/srv/Empty')")
    values = parser.add_mutually_exclusive_group()
    values.add_argument(
        'values',
        nargs='?',
        default='{}',
        help="Values to fill the service request with in YAML format (e.g. '{a: 1, b: 2}')",
    )
    values.add_argument('--stdin', action='store_true', help='Read values from standard input')
    parser.add_argument(
        '-r', '--rate', metavar='N', type=float, help='Repeat the call at a specific rate in Hz'
    )


def _call(args: argparse.Namespace) -> Any:
    from ..messages import fill, interface

    if args.rate is not None and args.rate <= 0:
        raise RuntimeError('rate must be greater than zero')
    try:
        kind = interface('srv', args.service_type)
    except ValueError:
        raise RuntimeError('The passed service type is invalid') from None
    request = kind.Request()
    try:
        fill(request, yaml.safe_load(sys.stdin.read() if args.stdin else args.values))
    except Exception as error:
        return f'Failed to populate field: {error}'
    with graph.own_node(args) as node:
        client = node.create_client(kind, args.service_name)
        if not client.service_is_ready():
            print('waiting for service to become available...')
            client.wait_for_service()
        while True:
            start = time.monotonic()
            print(f'requester: making request: {request!r}\n')
            print(f'response:\n{_answer(node, client, request)!r}\n')
            if args.rate is None:
                return 0
            time.sleep(max(0.0, start + 1.0 / args.rate - time.monotonic()))


def _answer(node: Any, client: Any, request: Any) -> Any:
    import rclpy

    future = client.call_async(request)
    rclpy.spin_until_future_complete(node, future)
    if future.result() is None:
        raise RuntimeError(f'Exception while calling service: {future.exception()!r}')
    return future.result()


VERBS = {
    'call': Verb('Call a service', _call_arguments, _call),
    'find': Verb('Output a list of available services of a given type', _find_arguments, _find),
    'info': Verb('Print information about a service', _name_arguments, _info),
    'list': Verb('Output a list of available services', _list_arguments, _list),
    'type': Verb("Output a service's type", _name_arguments, _type),
}
