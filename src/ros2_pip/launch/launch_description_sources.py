# SPDX-License-Identifier: Apache-2.0
"""Launch files as sources of launch descriptions: those in Python."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ._standin import lacking, missing
from .invalid_launch_file_error import InvalidLaunchFileError
from .launch_description import LaunchDescription
from .launch_description_source import LaunchDescriptionSource

if TYPE_CHECKING:
    from .some_substitutions_type import SomeSubstitutionsType

__all__ = [
    'AnyLaunchDescriptionSource',
    'InvalidLaunchFileError',
    'InvalidPythonLaunchFileError',
    'PythonLaunchDescriptionSource',
    'get_launch_description_from_any_launch_file',
    'get_launch_description_from_python_launch_file',
    'load_python_launch_file_as_module',
]

__getattr__ = lacking(__name__)


class InvalidPythonLaunchFileError(Exception):
    """A launch file lacks ``generate_launch_description()``."""


def load_python_launch_file_as_module(python_launch_file_path: str) -> ModuleType:
    """Execute a launch file and return it as a module; it is not kept in ``sys.modules``."""
    loader = SourceFileLoader('python_launch_file', python_launch_file_path)
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def get_launch_description_from_python_launch_file(
    python_launch_file_path: str,
) -> LaunchDescription:
    """
    Return what a launch file's ``generate_launch_description()`` returns.

    :raises InvalidPythonLaunchFileError: if it has no such function
    """
    module = load_python_launch_file_as_module(python_launch_file_path)
    if not hasattr(module, 'generate_launch_description'):
        raise InvalidPythonLaunchFileError(
            f"launch file at '{python_launch_file_path}' does not contain the required function "
            "'generate_launch_description()'"
        )
    description: LaunchDescription = module.generate_launch_description()
    return description


def get_launch_description_from_any_launch_file(launch_file_path: str) -> LaunchDescription:
    """
    Return the description of a launch file.

    :raises InvalidLaunchFileError: if it is not Python, or fails to load
    """
    suffix = Path(launch_file_path).suffix.removeprefix('.')
    if suffix in ('xml', 'yaml', 'yml'):
        raise InvalidLaunchFileError(
            suffix, likely_errors=[RuntimeError(missing('launch', f'launch files in {suffix}'))]
        )
    try:
        return get_launch_description_from_python_launch_file(launch_file_path)
    except Exception as error:
        raise InvalidLaunchFileError(
            'py' if suffix == 'py' else '', likely_errors=[error]
        ) from error


class PythonLaunchDescriptionSource(LaunchDescriptionSource):
    """A launch file in Python."""

    def __init__(self, launch_file_path: SomeSubstitutionsType) -> None:
        """:param launch_file_path: should be absolute: launches start anywhere"""
        super().__init__(None, launch_file_path, 'interpreted python launch file')

    def _get_launch_description(self, location: str) -> LaunchDescription:
        return get_launch_description_from_python_launch_file(location)


class AnyLaunchDescriptionSource(LaunchDescriptionSource):
    """A launch file in any language; this stand-in knows Python only."""

    def __init__(self, launch_file_path: SomeSubstitutionsType) -> None:
        """:param launch_file_path: should be absolute: launches start anywhere"""
        super().__init__(None, launch_file_path, 'interpreted launch file')

    def _get_launch_description(self, location: str) -> LaunchDescription:
        return get_launch_description_from_any_launch_file(location)
