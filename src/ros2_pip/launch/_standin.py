# SPDX-License-Identifier: Apache-2.0
"""What this stand-in says when it is asked for a part of ROS 2's launch that it lacks."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from typing import Any


def missing(package: str, name: str) -> str:
    """
    Return the line for a part of ROS 2 that is not here.

    :param package: the package of ROS 2 that has it, e.g. ``launch``
    :param name: what was asked for
    """
    return f"{package} (ros2_pip): '{name}' is not in this stand-in; install ROS 2's own {package}"


def lacking(module: str) -> Callable[[str], Any]:
    """
    Return a module's ``__getattr__`` that names the stand-in for whatever the module lacks.

    It raises ImportError, since the import statement hides any AttributeError behind a text of its
    own. Private names stay AttributeErrors, so that ``hasattr`` works for those who look for hooks.
    """
    package = module.partition('.')[0]

    def __getattr__(name: str) -> Any:
        if name.startswith('_'):
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        try:
            return importlib.import_module(f'{module}.{name}')
        except ModuleNotFoundError:
            raise ImportError(missing(package, f'{module}.{name}')) from None

    return __getattr__


class _Lacking(MetaPathFinder):
    """Asked last: for a module of launch or launch_ros it can only be that this stand-in lacks it."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        package, _, rest = fullname.partition('.')
        if rest and package in ('launch', 'launch_ros'):
            raise ModuleNotFoundError(missing(package, fullname), name=fullname)


sys.meta_path.append(_Lacking())
