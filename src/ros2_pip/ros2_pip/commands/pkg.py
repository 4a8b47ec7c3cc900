# SPDX-License-Identifier: Apache-2.0
"""`ros2 pkg`."""

from __future__ import annotations

import argparse
from typing import Any

from ament_index_python.packages import (
    get_package_prefix,
    get_package_share_directory,
    get_packages_with_prefixes,
)

from ..cli import Verb
from ..packages import executables


def _list(args: argparse.Namespace) -> None:
    print('\n'.join(sorted(get_packages_with_prefixes())))


def _prefix_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('package_name', help='The package')
    parser.add_argument('--share', action='store_true', help='Show where its launch files are')


def _prefix(args: argparse.Namespace) -> Any:
    try:
        find = get_package_share_directory if args.share else get_package_prefix
        print(find(args.package_name))
    except (LookupError, ValueError):
        return 'Package not found'
    return 0


def _executables_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add('package_name', nargs='?', help='The package; without it, all')
    add('--full-path', action='store_true', help='Show their paths')


def _executables(args: argparse.Namespace) -> None:
    every = sorted(get_packages_with_prefixes())
    for package in every if args.package_name is None else [args.package_name]:
        for path in executables(package):
            print(path if args.full_path else f'{package} {path.name}')


VERBS = {
    'executables': Verb('List what can be run', _executables_arguments, _executables),
    'list': Verb('List packages', lambda parser: None, _list),
    'prefix': Verb('Show where a package is', _prefix_arguments, _prefix),
}
