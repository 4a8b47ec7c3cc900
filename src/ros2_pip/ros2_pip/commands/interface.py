# SPDX-License-Identifier: Apache-2.0
"""``ros2 interface``: what messages, services and actions there are, and their definitions."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ament_index_python.resources import get_resource, get_resources

from ..cli import Verb

_KINDS = {'msg': 'Messages', 'srv': 'Services', 'action': 'Actions'}
_BASIC = {
    'bool',
    'byte',
    'char',
    'float32',
    'float64',
    'int8',
    'uint8',
    'int16',
    'uint16',
    'int32',
    'uint32',
    'int64',
    'uint64',
    'string',
    'wstring',
}


def _interfaces(package: str) -> list[str]:
    """Return the interfaces of a package as ``kind/Name``, those of services' parts left out."""
    content, _ = get_resource('rosidl_interfaces', package)
    names = {line.rsplit('.', 1)[0] for line in content.splitlines() if '_' not in line}
    return sorted(name for name in names if name.partition('/')[0] in _KINDS)


def _kind_arguments(parser: argparse.ArgumentParser) -> None:
    for short, long, kind in (
        ('-m', 'msgs', 'msg'),
        ('-s', 'srvs', 'srv'),
        ('-a', 'actions', 'action'),
    ):
        parser.add_argument(
            short,
            f'--only-{long}',
            dest='kinds',
            action='append_const',
            const=kind,
            help=f'Only {_KINDS[kind].lower()}',
        )


def _list(args: argparse.Namespace) -> None:
    found = {
        package: _interfaces(package) for package in sorted(get_resources('rosidl_interfaces'))
    }
    for kind in args.kinds or _KINDS:
        print(f'{_KINDS[kind]}:')
        for package, names in found.items():
            for name in names:
                if name.startswith(f'{kind}/'):
                    print(f'    {package}/{name}')


def _package_arguments(parser: argparse.ArgumentParser) -> None:
    _kind_arguments(parser)
    parser.add_argument('package_name', help="Name of the ROS package (e.g. 'std_msgs')")


def _package(args: argparse.Namespace) -> Any:
    try:
        names = _interfaces(args.package_name)
    except LookupError:
        return f"Unknown package '{args.package_name}'"
    for name in names:
        if name.partition('/')[0] in (args.kinds or _KINDS):
            print(f'{args.package_name}/{name}')
    return 0


def _packages(args: argparse.Namespace) -> None:
    for package in sorted(get_resources('rosidl_interfaces')):
        kinds = {name.partition('/')[0] for name in _interfaces(package)}
        if kinds & set(args.kinds or kinds | {'msg'}):
            print(package)


def _proto_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('type', help="Show a prototype (e.g. 'std_msgs/msg/String')")
    parser.add_argument(
        '--no-quotes', action='store_true', help='if true output has no outer quotes.'
    )


def _proto(args: argparse.Namespace) -> Any:
    from ..messages import interface, to_yaml

    kind = args.type.split('/')[1:2]
    try:
        found = interface(kind[0] if kind and kind[0] in _KINDS else 'msg', args.type)
    except ValueError:
        return f"The passed type '{args.type}' is invalid"
    part = {'srv': 'Request', 'action': 'Goal'}.get(kind[0])
    text = to_yaml((getattr(found, part) if part else found)())
    print(text if args.no_quotes else f'"{text}"')
    return 0


def _show_arguments(parser: argparse.ArgumentParser) -> None:
    comments = parser.add_mutually_exclusive_group()
    comments.add_argument(
        '--all-comments',
        action='store_true',
        help='Show all comments, including for nested interface definitions',
    )
    comments.add_argument(
        '--no-comments', action='store_true', help='Show no comments or whitespace'
    )
    parser.add_argument(
        'type',
        help="Show an interface definition (e.g. 'std_msgs/msg/String'); '-' reads the "
        "type from standard input (e.g. 'ros2 topic type /chatter | ros2 interface show -')",
    )


def _path(name: str) -> Path:
    parts = name.split('/')
    if len(parts) != 3 or not all(parts) or '..' in parts:
        raise LookupError(f"Invalid name '{name}'. Expected three parts separated by '/'")
    try:
        _, prefix = get_resource('packages', parts[0])
    except LookupError:
        raise LookupError(f"Unknown package '{parts[0]}'") from None
    path = Path(prefix, 'share', *parts).with_suffix(f'.{parts[1]}')
    if not path.is_file():
        raise LookupError(f"Could not find the interface '{path}'")
    return path


def _lines(name: str, comments: bool, nested_comments: bool, depth: int = 0) -> Iterator[str]:
    """Give the definition of an interface; those it is made of follow their field, indented."""
    package = name.partition('/')[0]
    for line in _path(name).read_text().splitlines():
        line = line.rstrip()
        code, hash_sign, _ = _without_comment(line)
        if comments or code.strip():
            shown = line if comments or not hash_sign else code.strip()
            yield '\t' * depth + shown if shown else ''
        nested = _nested(code, package)
        if nested is not None:
            yield from _lines(nested, nested_comments, nested_comments, depth + 1)


def _without_comment(line: str) -> tuple[str, str, str]:
    """Split a line at its comment; a '#' within quotes begins none."""
    match = re.match(r"""((?:[^#'"]|'[^']*'|"[^"]*"|['"])*?)(#)(.*)$""", line)
    return (match[1], match[2], match[3]) if match else (line, '', '')


def _nested(code: str, package: str) -> str | None:
    """Return the name of the message that a field is, or None."""
    words = code.split()
    if len(words) < 2 or words[0] == '---' or '=' in words[1]:
        return None
    base = re.sub(r'(\[.*|<=.*)$', '', words[0])
    if base in _BASIC:
        return None
    owner, _, name = base.rpartition('/')
    return f'{owner.split("/")[0] or package}/msg/{name}'


def _show(args: argparse.Namespace) -> Any:
    name = sys.stdin.readline().strip() if args.type == '-' else args.type
    try:
        for line in _lines(name, not args.no_comments, args.all_comments):
            print(line)
    except LookupError as error:
        return str(error.args[0])
    return 0


VERBS = {
    'list': Verb('List all interface types available', _kind_arguments, _list),
    'package': Verb(
        'Output a list of available interface types within one package',
        _package_arguments,
        _package,
    ),
    'packages': Verb(
        'Output a list of packages that provide interfaces', _kind_arguments, _packages
    ),
    'proto': Verb('Output an interface prototype', _proto_arguments, _proto),
    'show': Verb('Output the interface definition', _show_arguments, _show),
}
