# SPDX-License-Identifier: Apache-2.0
"""``ros2 pkg``: what packages there are, where they are, and what is in them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ament_index_python.packages import (
    PackageNotFoundError,
    get_package_prefix,
    get_package_share_directory,
    get_packages_with_prefixes,
)

from ..cli import Verb
from ..packages import executables

_NOT_FOUND = 'Package not found'


def _no_arguments(parser: argparse.ArgumentParser) -> None:
    pass


def _list(args: argparse.Namespace) -> None:
    print('\n'.join(sorted(get_packages_with_prefixes())))


def _prefix_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('package_name', help='The package name')
    parser.add_argument(
        '--share', action='store_true', help='Show share directory for the package'
    )


def _prefix(args: argparse.Namespace) -> Any:
    find = get_package_share_directory if args.share else get_package_prefix
    try:
        print(find(args.package_name))
    except (PackageNotFoundError, ValueError):
        return _NOT_FOUND


def _executables_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('package_name', nargs='?', help='The package name')
    parser.add_argument(
        '--full-path', action='store_true', help='Show full path of each executable'
    )


def _executables(args: argparse.Namespace) -> None:
    names = [args.package_name] if args.package_name else sorted(get_packages_with_prefixes())
    for name in names:
        for path in executables(name):
            print(path if args.full_path else f'{name} {path.name}')


def _xml_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('package_name', help='The package name')
    parser.add_argument('-t', '--tag', help="The XML tag to output (e.g. 'version')")


def _xml(args: argparse.Namespace) -> Any:
    from xml.etree import ElementTree

    try:
        path = Path(get_package_share_directory(args.package_name), 'package.xml')
    except (PackageNotFoundError, ValueError):
        return _NOT_FOUND
    if not path.is_file():
        return 'Package XML manifest not found'
    tree = ElementTree.parse(path)
    if args.tag is None:
        ElementTree.dump(tree)
        return 0
    elements = tree.getroot().findall(args.tag)
    for element in elements:
        print(element.text)
    return 0 if elements else 'XML tag not found'


VERBS = {
    'executables': Verb(
        'Output a list of package specific executables', _executables_arguments, _executables
    ),
    'list': Verb('Output a list of available packages', _no_arguments, _list),
    'prefix': Verb('Output the prefix path of a package', _prefix_arguments, _prefix),
    'xml': Verb('Output the XML of the package manifest or a specific tag', _xml_arguments, _xml),
}
