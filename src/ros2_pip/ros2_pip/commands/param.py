# SPDX-License-Identifier: Apache-2.0
"""``ros2 param``: the parameters of nodes."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING, Any

import yaml

from .. import graph
from ..cli import Verb

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.parameter_client import AsyncParameterClient

# By rcl_interfaces/msg/ParameterType: the word for the type, and what stands before a value.
_TYPES = (
    ('not set', 'Parameter not set.'),
    ('boolean', 'Boolean value is:'),
    ('integer', 'Integer value is:'),
    ('double', 'Double value is:'),
    ('string', 'String value is:'),
    ('byte array', 'Byte values are:'),
    ('boolean array', 'Boolean values are:'),
    ('integer array', 'Integer values are:'),
    ('double array', 'Double values are:'),
    ('string array', 'String values are:'),
)


class NodeNotFound(RuntimeError):
    """There is no such node."""

    def __init__(self) -> None:
        """Say no more than ROS 2 does."""
        super().__init__('Node not found')


def _client(node: Node, name: str) -> AsyncParameterClient:
    from rclpy.parameter_client import AsyncParameterClient

    client = AsyncParameterClient(node, name)
    if not client.wait_for_services(timeout_sec=graph.SERVICE_S):
        raise RuntimeError(
            f'Wait for service timed out waiting for parameter services for node {name}'
        )
    return client


def _found(node: Node, args: argparse.Namespace) -> str:
    name = graph.find_node(node, args.node_name, args.include_hidden_nodes, args.timeout)
    if name is None:
        raise NodeNotFound
    return name.full


def _value(message: Any) -> Any:
    """Return a ParameterValue as a plain value; None if it is not set."""
    from rclpy.parameter import parameter_value_to_python

    value = parameter_value_to_python(message)
    return value.tolist() if hasattr(value, 'tolist') else value


def _node_arguments(parser: argparse.ArgumentParser) -> None:
    graph.add_node_arguments(parser)
    parser.add_argument('node_name', help='Name of the ROS node')
    parser.add_argument(
        '--include-hidden-nodes', action='store_true', help='Consider hidden nodes as well'
    )
    parser.add_argument(
        '--timeout',
        metavar='N',
        type=float,
        default=graph.FIND_S,
        help='Wait for N seconds until node becomes available (default %(default)s sec)',
    )


def _one_arguments(parser: argparse.ArgumentParser) -> None:
    _node_arguments(parser)
    parser.add_argument('parameter_name', help='Name of the parameter')


# get, set, delete


def _get_arguments(parser: argparse.ArgumentParser) -> None:
    _one_arguments(parser)
    parser.add_argument('--hide-type', action='store_true', help='Hide the type information')


def _get(args: argparse.Namespace) -> Any:
    with graph.own_node(args) as node:
        name = _found(node, args)
        future = _client(node, name).get_parameters([args.parameter_name])
        values = graph.result_of(node, future, name).values
    if not values:
        return 'Parameter not set'
    value = _value(values[0])
    if args.hide_type:
        print(value)
    elif value is None:
        print(_TYPES[0][1])
    else:
        print(_TYPES[values[0].type][1], value)
    return 0


def _set_arguments(parser: argparse.ArgumentParser) -> None:
    _one_arguments(parser)
    parser.add_argument('value', help='Value of the parameter')


def _set(args: argparse.Namespace) -> Any:
    from rcl_interfaces.msg import Parameter
    from rclpy.parameter import get_parameter_value

    value = get_parameter_value(args.value)
    if not isinstance(value.string_value, str):  # rclpy takes what else YAML knows for a text
        return f'No parameter can be {value.string_value!r}; a text is \'"{args.value}"\''
    parameter = Parameter(name=args.parameter_name, value=value)
    _apply(args, parameter, 'Set parameter successful', 'Setting parameter failed')
    return 0


def _delete(args: argparse.Namespace) -> None:
    from rcl_interfaces.msg import Parameter

    parameter = Parameter(name=args.parameter_name)
    _apply(args, parameter, 'Deleted parameter successfully', 'Deleting parameter failed')


def _apply(args: argparse.Namespace, parameter: Any, done: str, failed: str) -> None:
    """Set a parameter and print the outcome; a refusal is no error of the command, as in ROS 2."""
    with graph.own_node(args) as node:
        name = _found(node, args)
        future = _client(node, name).set_parameters([parameter])
        result = graph.result_of(node, future, name).results[0]
    _print_result(result, done, failed)


def _print_result(result: Any, done: str, failed: str) -> None:
    reason = f': {result.reason}' if result.reason else ''
    if result.successful:
        print(done + reason)
    else:
        print(failed + reason, file=sys.stderr)


# list, describe


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    graph.add_node_arguments(parser)
    parser.add_argument('node_name', nargs='?', help='Name of the ROS node')
    parser.add_argument(
        '--filter', help='Only parameters matching the regex expression will be showed'
    )
    parser.add_argument(
        '--include-hidden-nodes', action='store_true', help='Consider hidden nodes as well'
    )
    parser.add_argument(
        '--param-prefixes',
        nargs='+',
        default=[],
        help='Only list parameters with the provided prefixes',
    )
    parser.add_argument(
        '--param-type', action='store_true', help='Print parameter types with parameter names'
    )


def _list(args: argparse.Namespace) -> None:
    with graph.own_node(args) as node:
        if args.node_name:
            found = graph.find_node(node, args.node_name, args.include_hidden_nodes)
            if found is None:
                raise NodeNotFound
            names = [found.full]
        else:
            graph.settle(args.spin_time)
            names = sorted(name.full for name in graph.node_names(node, args.include_hidden_nodes))
        for name in names:
            try:
                lines = _listed(node, name, args)
            except RuntimeError as error:
                print(error)  # one node without parameter services keeps no other from view
                continue
            if not args.node_name and lines:
                print(f'{name}:')
            for line in lines:
                print(f'  {line}')


def _listed(node: Node, name: str, args: argparse.Namespace) -> list[str]:
    client = _client(node, name)
    future = client.list_parameters(prefixes=args.param_prefixes)
    names = sorted(graph.result_of(node, future, name).result.names)
    if args.filter is not None:
        names = [parameter for parameter in names if re.match(args.filter, parameter)]
    if not args.param_type:
        return names
    described = graph.result_of(node, client.describe_parameters(names), name).descriptors
    return [f'{item.name} (type: {_TYPES[item.type][0]})' for item in described]


def _describe_arguments(parser: argparse.ArgumentParser) -> None:
    _node_arguments(parser)
    parser.add_argument('parameter_names', nargs='+', help='Names of the parameters')


def _describe(args: argparse.Namespace) -> None:
    with graph.own_node(args) as node:
        name = _found(node, args)
        future = _client(node, name).describe_parameters(args.parameter_names)
        for descriptor in graph.result_of(node, future, name).descriptors:
            _print_descriptor(descriptor)


def _print_descriptor(descriptor: Any) -> None:
    print('Parameter name:', descriptor.name)
    print('  Type:', _TYPES[descriptor.type][0])
    if descriptor.description:
        print('  Description:', descriptor.description)
    print('  Constraints:')
    if descriptor.read_only:
        print('    Read only: true')
    for bounds in [*descriptor.floating_point_range, *descriptor.integer_range][:1]:
        print('    Min value:', bounds.from_value)
        print('    Max value:', bounds.to_value)
        if bounds.step:
            print('    Step:', bounds.step)
    if descriptor.additional_constraints:
        print('    Additional constraints:', descriptor.additional_constraints)


# dump, load


def _dump(args: argparse.Namespace) -> None:
    with graph.own_node(args) as node:
        name = _found(node, args)
        client = _client(node, name)
        listed = graph.result_of(node, client.list_parameters(), name)
        names = sorted(listed.result.names)
        values = graph.result_of(node, client.get_parameters(names), name).values
    tree: dict[str, Any] = {}
    for parameter, value in zip(names, values):
        *groups, last = parameter.split('.')
        branch = tree
        for group in groups:
            branch = branch.setdefault(group, {})
        branch[last] = _value(value)
    print(yaml.dump({name: {'ros__parameters': tree}}, default_flow_style=False))


def _load_arguments(parser: argparse.ArgumentParser) -> None:
    _node_arguments(parser)
    parser.add_argument('parameter_file', help='Parameter file')
    parser.add_argument(
        '--no-use-wildcard',
        action='store_true',
        help="Do not load parameters in the '/**' namespace into the node",
    )


def _load(args: argparse.Namespace) -> Any:
    from rclpy.parameter import parameter_dict_from_yaml_file

    with graph.own_node(args) as node:
        name = _found(node, args)
        try:
            parameters = list(
                parameter_dict_from_yaml_file(
                    args.parameter_file, not args.no_use_wildcard
                ).values()
            )
        except OSError as error:
            return f'cannot read {args.parameter_file}: {error.strerror}'
        future = _client(node, name).set_parameters(parameters)
        results = graph.result_of(node, future, name).results
    for parameter, result in zip(parameters, results):
        text = f'Set parameter {parameter.name}'
        _print_result(result, f'{text} successful', f'{text} failed')
    return 0


VERBS = {
    'delete': Verb('Delete parameter', _one_arguments, _delete),
    'describe': Verb(
        'Show descriptive information about declared parameters', _describe_arguments, _describe
    ),
    'dump': Verb(
        'Show all of the parameters of a node in a YAML file format', _node_arguments, _dump
    ),
    'get': Verb('Get parameter', _get_arguments, _get),
    'list': Verb('Output a list of available parameters', _list_arguments, _list),
    'load': Verb('Load parameter file for a node', _load_arguments, _load),
    'set': Verb('Set parameter', _set_arguments, _set),
}
