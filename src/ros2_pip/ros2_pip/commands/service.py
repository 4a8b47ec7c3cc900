# SPDX-License-Identifier: Apache-2.0
"""`ros2 service`."""

from __future__ import annotations

import argparse

from .. import graph
from ..cli import Verb
from ..messages import filled, interface


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    add = graph.add_arguments(parser)
    add('-t', '--show-types', action='store_true', help='Show their types, too')
    add('--include-hidden-services', action='store_true', help='List hidden ones, too')


def _list(args: argparse.Namespace) -> None:
    with graph.own_node(args) as node:
        graph.settle(args)
        pairs = graph.visible(node.get_service_names_and_types(), args.include_hidden_services)
    graph.print_names(pairs, args.show_types)


def _call_arguments(parser: argparse.ArgumentParser) -> None:
    add = graph.add_arguments(parser)
    add('service_name', help='The service')
    add('service_type', help='Its type, such as std_srvs/srv/SetBool')
    add('values', nargs='?', default='{}', help="The request as YAML, such as '{data: true}'")


def _call(args: argparse.Namespace) -> None:
    kind = interface('srv', args.service_type)
    request, _ = filled(kind.Request, args.values)
    with graph.own_node(args) as node:
        client = node.create_client(kind, args.service_name)
        if not client.service_is_ready():
            print('waiting for the service...')
            client.wait_for_service()
        print(f'requester: making request: {request!r}\n')
        answer = graph.result_of(node, client.call_async(request))
        print(f'response:\n{answer!r}\n')


VERBS = {
    'call': Verb('Call a service', _call_arguments, _call),
    'list': Verb('List services', _list_arguments, _list),
}
