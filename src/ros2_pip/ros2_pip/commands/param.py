# SPDX-License-Identifier: Apache-2.0
"""`ros2 param`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import yaml

from .. import graph
from ..cli import Verb

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.parameter_client import AsyncParameterClient

# By the numbers of rcl_interfaces/msg/ParameterType: what the type is called, and is shown with.
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
_TEXT = 4  # ParameterType.PARAMETER_STRING


class _Parameters:
    """The parameters of one node."""

    def __init__(self, node: Node, name: str) -> None:
        from rclpy.parameter_client import AsyncParameterClient

        self._node = node
        self._client: AsyncParameterClient = AsyncParameterClient(node, name)
        if not self._client.wait_for_services(timeout_sec=graph.SERVICE_S):
            raise RuntimeError(f'{name} has no parameter services, or does not answer')

    def _ask(self, what: str, *words: Any) -> Any:
        return graph.result_of(self._node, getattr(self._client, what)(*words))

    def names(self) -> list[str]:
        return sorted(self._ask('list_parameters').result.names)

    def values(self, names: list[str]) -> list[Any]:
        return list(self._ask('get_parameters', names).values)

    def descriptors(self, names: list[str]) -> list[Any]:
        return list(self._ask('describe_parameters', names).descriptors)

    def set(self, parameters: Iterable[Any]) -> list[Any]:
        return list(self._ask('set_parameters', list(parameters)).results)


def _plain(value: Any) -> Any:
    from rclpy.parameter import parameter_value_to_python

    plain = parameter_value_to_python(value)
    return plain.tolist() if hasattr(plain, 'tolist') else plain


def _add_node(parser: argparse.ArgumentParser, *, nargs: str | None = None) -> Callable[..., Any]:
    add = graph.add_arguments(parser)
    add(
        'node_name', nargs=nargs, help='The node' if nargs is None else 'The node; without it, all'
    )
    add('--include-hidden-nodes', action='store_true', help='Hidden ones, too')
    add('--timeout', metavar='S', type=float, help='Patience with the node')
    return add


# get, set


def _get_arguments(parser: argparse.ArgumentParser) -> None:
    add = _add_node(parser)
    add('parameter_name', help='The parameter')
    add('--hide-type', action='store_true', help='Show the bare value')


def _get(args: argparse.Namespace) -> Any:
    with graph.own_node(args) as node:
        found = _Parameters(node, graph.existing_node(node, args)).values([args.parameter_name])
    if not found:
        return 'Parameter not set'
    value = _plain(found[0])
    shown = [] if args.hide_type else [_TYPES[found[0].type][1]]
    print(*shown, *([] if value is None and shown else [value]))
    return 0


def _set_arguments(parser: argparse.ArgumentParser) -> None:
    add = _add_node(parser)
    add('parameter_name', help='The parameter')
    add('value', help='Its value as YAML')


def _set(args: argparse.Namespace) -> Any:
    from rcl_interfaces.msg import Parameter, ParameterValue
    from rclpy.parameter import get_parameter_value

    value = get_parameter_value(args.value)
    with graph.own_node(args) as node:
        parameters = _Parameters(node, graph.existing_node(node, args))
        described = parameters.descriptors([args.parameter_name])
        is_text = [d.type == _TEXT and not d.dynamic_typing for d in described] == [True]
        if is_text and value.type != _TEXT:
            # ROS 2 sends what YAML makes of it: a name such as 020000, or on, is refused for its type.
            value = ParameterValue(type=_TEXT, string_value=args.value)
        if not isinstance(value.string_value, str):  # rclpy takes a dictionary for a text
            return f'No parameter can be {value.string_value!r}; a text is \'"{args.value}"\''
        (result,) = parameters.set([Parameter(name=args.parameter_name, value=value)])
    _tell(result, 'Set parameter successful', 'Setting parameter failed')
    return 0


def _tell(result: Any, done: str, failed: str) -> None:
    """Print what became of a parameter. As in ROS 2, a node that refuses is no error of the command."""
    reason = f': {result.reason}' if result.reason else ''
    if result.successful:
        print(done + reason)
    else:
        print(failed + reason, file=sys.stderr)


# list, describe


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    add = _add_node(parser, nargs='?')
    add('--param-type', action='store_true', help='Show the types, too')


def _list(args: argparse.Namespace) -> None:
    with graph.own_node(args) as node:
        if args.node_name is not None:
            names = [graph.existing_node(node, args)]
        else:
            graph.settle(args)
            names = sorted(name.full for name in graph.node_names(node, args.include_hidden_nodes))
        for name in names:
            try:
                lines = _listed(_Parameters(node, name), args.param_type)
            except RuntimeError as error:
                print(error, file=sys.stderr)  # the others are listed all the same
                continue
            if args.node_name is None and lines:
                print(f'{name}:')
            for line in lines:
                print(f'  {line}')


def _listed(parameters: _Parameters, types: bool) -> list[str]:
    names = parameters.names()
    if not types:
        return names
    return [f'{one.name} (type: {_TYPES[one.type][0]})' for one in parameters.descriptors(names)]


def _describe_arguments(parser: argparse.ArgumentParser) -> None:
    _add_node(parser)('parameter_names', nargs='+', help='The parameters')


def _describe(args: argparse.Namespace) -> None:
    with graph.own_node(args) as node:
        parameters = _Parameters(node, graph.existing_node(node, args))
        for descriptor in parameters.descriptors(args.parameter_names):
            print('\n'.join(_described(descriptor)))


def _described(about: Any) -> list[str]:
    lines = [f'Parameter name: {about.name}', f'  Type: {_TYPES[about.type][0]}']
    lines += [f'  Description: {about.description}'] if about.description else []
    constraints = {'Read only': 'true'} if about.read_only else {}
    for limits in (about.floating_point_range or about.integer_range)[:1]:
        constraints |= {'Min value': limits.from_value, 'Max value': limits.to_value}
        constraints |= {'Step': limits.step} if limits.step else {}
    if about.additional_constraints:
        constraints['Additional constraints'] = about.additional_constraints
    return [
        *lines,
        '  Constraints:',
        *(f'    {key}: {value}' for key, value in constraints.items()),
    ]


# dump, load


def _dump(args: argparse.Namespace) -> None:
    with graph.own_node(args) as node:
        name = graph.existing_node(node, args)
        parameters = _Parameters(node, name)
        names = parameters.names()
        values = parameters.values(names)
    tree: dict[str, Any] = {}
    for parameter, value in zip(names, values):
        *groups, last = parameter.split('.')
        branch = tree
        for group in groups:
            branch = branch.setdefault(group, {})
        branch[last] = _plain(value)
    print(yaml.dump({name: {'ros__parameters': tree}}, default_flow_style=False))


def _load_arguments(parser: argparse.ArgumentParser) -> None:
    add = _add_node(parser)
    add('parameter_file', help='A file as dump writes it')
    add('--no-use-wildcard', action='store_true', help="Leave out what is for all nodes, '/**'")


def _load(args: argparse.Namespace) -> Any:
    from rclpy.parameter import parameter_dict_from_yaml_file

    try:
        given = parameter_dict_from_yaml_file(args.parameter_file, not args.no_use_wildcard)
    except OSError as error:
        return f'cannot read {args.parameter_file}: {error.strerror}'
    with graph.own_node(args) as node:
        results = _Parameters(node, graph.existing_node(node, args)).set(given.values())
    for name, result in zip(given, results):
        _tell(result, f'Set parameter {name} successful', f'Set parameter {name} failed')
    return 0


VERBS = {
    'describe': Verb('Show what parameters are for, and may be', _describe_arguments, _describe),
    'dump': Verb('Show all parameters of a node, as a file of parameters', _add_node, _dump),
    'get': Verb('Show a parameter', _get_arguments, _get),
    'list': Verb('List parameters', _list_arguments, _list),
    'load': Verb('Set what a file of parameters says', _load_arguments, _load),
    'set': Verb('Set a parameter', _set_arguments, _set),
}
