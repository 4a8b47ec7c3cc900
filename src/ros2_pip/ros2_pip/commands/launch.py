# SPDX-License-Identifier: Apache-2.0
"""`ros2 launch`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from ament_index_python.packages import get_package_share_directory

from ..cli import Verb


def _arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    background = not sys.stdin.isatty()
    add('-n', '--noninteractive', action='store_true', default=background, help='Without terminal')
    add('-d', '--debug', action='store_true', help='Log events, and where errors come from')
    add('-s', '--show-args', '--show-arguments', action='store_true', help='List the arguments')
    add('package_name', help='The package of the launch file, or its path')
    add('launch_file_name', nargs='?', help='The launch file')
    add(
        'launch_arguments', nargs='*', metavar='NAME:=VALUE', help='Arguments; the last one counts'
    )


def _main(args: argparse.Namespace) -> Any:
    arguments = list(args.launch_arguments)
    path = args.package_name
    if not Path(path).is_file():
        path = _in_package(path, args.launch_file_name)
    elif args.launch_file_name is not None:
        arguments.insert(0, args.launch_file_name)
    given = dict(map(_pair, arguments))
    if args.show_args:
        return _show_arguments(path)

    import launch
    from launch.actions import IncludeLaunchDescription

    service = launch.LaunchService(
        argv=arguments, noninteractive=args.noninteractive, debug=args.debug
    )
    # An include tells the launch file where it lies.
    include = IncludeLaunchDescription(path, launch_arguments=given.items())
    service.include_launch_description(launch.LaunchDescription([include]))
    return service.run()


def _in_package(package: str, name: str | None) -> str:
    """Return the path of a package's launch file, in whatever folder of its share it is."""
    try:
        share = get_package_share_directory(package)
    except (LookupError, ValueError):
        raise RuntimeError(f"there is neither a package nor a file '{package}'") from None
    # os.walk goes into folders that colcon has linked.
    files = [Path(folder, file) for folder, _, files in os.walk(share) for file in files]
    found = [path for path in files if path.name == name]
    if len(found) == 1:
        return str(found[0])
    there = found or [path for path in files if path.name.endswith('.launch.py')]
    listed = ''.join(f'\n  {path}' for path in sorted(there)) or ' nothing'
    wrong = 'more than one file' if found else 'no file'
    what = '' if name is None else f"package '{package}' has {wrong} '{name}'; "
    raise RuntimeError(f'{what}what can be launched of {package}:{listed}')


def _pair(argument: str) -> tuple[str, str]:
    name, _, value = argument.partition(':=')
    if not name or not value:
        raise RuntimeError(f"launch argument '{argument}' is not written as NAME:=VALUE")
    return name, value


def _show_arguments(path: str) -> None:
    from launch.launch_description_sources import load

    print('Arguments, each given as NAME:=VALUE:')
    arguments = load(path)._arguments()
    for found in arguments:
        argument = found.argument
        print(f"\n    '{argument.name}':{'*' if found.conditional else ''}")
        print(f'        {argument.description}')
        if argument.default_value is not None:
            print(f'        (default: {argument.default_value.describe()})')
    if not arguments:
        print('\n  No arguments.')
    if any(found.conditional for found in arguments):
        print('\n* in some cases only')


COMMAND = Verb('Launch a launch file', _arguments, _main)
