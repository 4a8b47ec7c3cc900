# SPDX-License-Identifier: Apache-2.0
"""Where launch descriptions come from: launch files in Python."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

from ._standin import lacking, missing
from ._values import Text
from .launch_context import LaunchContext
from .launch_description import LaunchDescription
from .logging import get_logger
from .some_substitutions_type import SomeSubstitutionsType

__all__ = [
    'AnyLaunchDescriptionSource', 'InvalidLaunchFileError', 'PythonLaunchDescriptionSource',
]  # fmt: skip

__getattr__ = lacking(__name__)


class InvalidLaunchFileError(Exception):
    """A launch file cannot be loaded."""


class LaunchDescriptionSource:
    """A description that is there, or that is loaded when it is asked for."""

    def __init__(
        self,
        launch_description: LaunchDescription | None = None,
        location: SomeSubstitutionsType = '<script>',
    ) -> None:
        """:param location: path of the launch file"""
        self._description = launch_description
        self._path = Text(location)
        self.location = self._path.describe()
        """Path of the launch file, once it was loaded."""

    def get_launch_description(self, context: LaunchContext) -> LaunchDescription:
        """Return the description; it is loaded once."""
        self.location = self._path.perform(context)
        if self._description is None:
            self._description = load(self.location)
        return self._description

    def try_get_launch_description_without_context(self) -> LaunchDescription | None:
        """Return the description, or None where that takes a launch that runs."""
        try:
            return self.get_launch_description(LaunchContext())
        except Exception:
            get_logger('launch').debug('%s: not known yet', self.location, exc_info=True)
            return None


class AnyLaunchDescriptionSource(LaunchDescriptionSource):
    """A launch file, which here has to be Python."""

    def __init__(self, launch_file_path: SomeSubstitutionsType) -> None:
        """:param launch_file_path: better absolute, as a launch may start in any folder"""
        super().__init__(location=launch_file_path)


class PythonLaunchDescriptionSource(AnyLaunchDescriptionSource):
    """A launch file in Python."""


def load(path: str) -> LaunchDescription:
    """Return the description that a launch file makes; InvalidLaunchFileError if it makes none."""
    kind = Path(path).suffix
    if kind in ('.xml', '.yaml', '.yml'):
        raise InvalidLaunchFileError(f'{path}: {missing("launch", f"launch files in {kind[1:]}")}')
    loader = SourceFileLoader('launch_file', path)
    spec = spec_from_loader('launch_file', loader)
    assert spec is not None
    module = module_from_spec(spec)
    try:
        loader.exec_module(module)
        make = getattr(module, 'generate_launch_description', None)
        if make is not None:
            description: LaunchDescription = make()
            return description
    except Exception as error:
        raise InvalidLaunchFileError(
            f'{path} cannot be loaded: {type(error).__name__}: {error}'
        ) from error
    raise InvalidLaunchFileError(f'{path} has no function generate_launch_description()')
