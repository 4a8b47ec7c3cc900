# SPDX-License-Identifier: Apache-2.0
"""``ros2 launch``: run a launch file, or show what it takes and what it does."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from ..cli import Verb


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '-n',
        '--noninteractive',
        default=not sys.stdin.isatty(),
        action='store_true',
        help='Run the launch system non-interactively, with no terminal associated',
    )
    parser.add_argument(
        '-d',
        '--debug',
        action='store_true',
        help='Put the launch system in debug mode, provides more verbose output.',
    )
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument(
        '-p',
        '--print',
        '--print-description',
        action='store_true',
        help='Print the launch description to the console without launching it.',
    )
    shown.add_argument(
        '-s',
        '--show-args',
        '--show-arguments',
        action='store_true',
        help='Show arguments that may be given to the launch file.',
    )
    parser.add_argument(
        '-a',
        '--show-all-subprocesses-output',
        action='store_true',
        help='Show the output of all processes, whatever the launch file says '
        '(sets OVERRIDE_LAUNCH_PROCESS_OUTPUT)',
    )
    parser.add_argument(
        '--launch-prefix',
        help='Prefix command, which should go before all executables; in '
        "quotes if it contains spaces (e.g. --launch-prefix 'xterm -e gdb -ex run --args')",
    )
    parser.add_argument(
        '--launch-prefix-filter',
        help='Regex pattern of the names of the executables that the --launch-prefix is for',
    )
    parser.add_argument(
        'package_name',
        help='Name of the ROS package which contains the launch file, or path of a launch file',
    )
    parser.add_argument('launch_file_name', nargs='?', help='Name of the launch file')
    parser.add_argument(
        'launch_arguments',
        nargs='*',
        help="Arguments to the launch file; '<name>:=<value>' (for duplicates, last one wins)",
    )


def _in_package(package: str, name: str | None) -> str:
    """Return the path of a file anywhere in the share folder of a package."""
    try:
        share = get_package_share_directory(package)
    except (PackageNotFoundError, ValueError) as error:
        raise RuntimeError(f"Package '{package}' not found: {error}") from None
    # os.walk, since it follows the folders that colcon has linked.
    found = [
        str(Path(folder, file))
        for folder, _, files in os.walk(share)
        for file in files
        if file == name
    ]
    if not found:
        raise RuntimeError(
            f"file '{name}' was not found in the share directory of package "
            f"'{package}' which is at '{share}'"
        )
    if len(found) > 1:
        raise RuntimeError(
            f"file '{name}' was found more than once in the share directory of package "
            f"'{package}': [{', '.join(repr(path) for path in found)}]"
        )
    return found[0]


def _parsed(arguments: Iterable[str]) -> dict[str, str]:
    """Return launch arguments by name; of several with one name the last one counts."""
    values = {}
    for argument in arguments:
        name, separator, value = argument.partition(':=')
        if not name or not separator or not value:
            raise RuntimeError(
                f"malformed launch argument '{argument}', expected format '<name>:=<value>'"
            )
        values[name] = value
    return values


def _show_arguments(path: str) -> None:
    from launch.launch_description_sources import get_launch_description_from_any_launch_file

    print("Arguments (pass arguments as '<name>:=<value>'):")
    arguments = get_launch_description_from_any_launch_file(path).get_launch_arguments()
    for argument in arguments:
        mark = '*' if argument._conditionally_included else ''
        print(f"\n    '{argument.name}':{mark}\n        {argument.description}")
        if argument.default_value is not None:
            default = ' + '.join(sub.describe() for sub in argument.default_value)
            print(f'        (default: {default})')
    if not arguments:
        print('\n  No arguments.')
    if any(argument._conditionally_included for argument in arguments):
        print('\n* argument(s) which are only used if specific conditions occur')


def _launch(args: argparse.Namespace, path: str, arguments: list[str]) -> int:
    import launch
    from launch.actions import IncludeLaunchDescription
    from launch.launch_description_sources import AnyLaunchDescriptionSource

    service = launch.LaunchService(
        argv=arguments, noninteractive=args.noninteractive, debug=args.debug
    )
    # Included, rather than launched itself, so that it knows where it lies.
    service.include_launch_description(
        launch.LaunchDescription(
            [
                IncludeLaunchDescription(
                    AnyLaunchDescriptionSource(path), launch_arguments=_parsed(arguments).items()
                )
            ]
        )
    )
    return service.run()


def _main(args: argparse.Namespace) -> Any:
    arguments = list(args.launch_arguments)
    if Path(args.package_name).is_file():
        path = args.package_name
        if args.launch_file_name is not None:
            arguments.insert(0, args.launch_file_name)
    else:
        path = _in_package(args.package_name, args.launch_file_name)
    if args.launch_prefix is None and args.launch_prefix_filter is not None:
        raise RuntimeError(
            '--launch-prefix must be specified if --launch-prefix-filter is provided'
        )
    for name in ('launch_prefix', 'launch_prefix_filter'):
        if getattr(args, name):
            arguments.append(f'{name.replace("_", "-")}:={getattr(args, name)}')
    if args.show_all_subprocesses_output:
        os.environ['OVERRIDE_LAUNCH_PROCESS_OUTPUT'] = 'both'
    if args.show_args:
        return _show_arguments(path)
    if args.print:
        import launch
        from launch.launch_description_sources import get_launch_description_from_any_launch_file

        description = get_launch_description_from_any_launch_file(path)
        print(launch.LaunchIntrospector().format_launch_description(description))
        return 0
    return _launch(args, path, arguments)


COMMAND = Verb('Run a launch file', _add_arguments, _main)
