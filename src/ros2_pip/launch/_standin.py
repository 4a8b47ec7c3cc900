# SPDX-License-Identifier: Apache-2.0
"""What those are told who ask for a part of `launch` or `launch_ros` that is not here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from importlib.abc import MetaPathFinder
from typing import Any


def missing(package: str, name: str) -> str:
    """Return the line that says that `name`, which ROS 2's `package` has, is not here."""
    return f"{package} (ros2_pip): '{name}' is not in this stand-in; install ROS 2's own {package}"


def refuse(owner: object, options: Iterable[str]) -> None:
    """:raises TypeError: if there are options that the class of `owner` does not know here."""
    for option in options:
        package = type(owner).__module__.partition('.')[0]
        raise TypeError(missing(package, f'{type(owner).__name__}({option}=...)'))


def lacking(module: str) -> Callable[[str], Any]:
    """
    Return the `__getattr__` of a module.

    It raises ImportError, as the import statement would replace an AttributeError by a text of its
    own. Private names get the AttributeError that those expect who look for hooks in a module.
    """

    def __getattr__(name: str) -> Any:
        if name.startswith('_'):
            raise AttributeError(f'{module} has no {name}')
        raise ImportError(missing(module.partition('.')[0], f'{module}.{name}'))

    return __getattr__


class _LastFinder(MetaPathFinder):
    """Asked after all others: what it is asked for of these packages is nowhere."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        package, _, rest = fullname.partition('.')
        if rest and package in ('launch', 'launch_ros'):
            raise ModuleNotFoundError(missing(package, fullname), name=fullname)


sys.meta_path.append(_LastFinder())
