# SPDX-License-Identifier: Apache-2.0
"""Substitutions that look up packages, their programs, and parameters set for all nodes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ament_index_python.packages import get_package_prefix, get_package_share_directory
from launch._standin import lacking
from launch.substitution import Substitution
from launch.substitutions import LaunchConfiguration, SubstitutionFailure
from launch.substitutions.values import described
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext
    from launch.some_substitutions_type import SomeSubstitutionsType

__all__ = [
    'ExecutableInPackage',
    'FindPackage',
    'FindPackagePrefix',
    'FindPackageShare',
    'Parameter',
]

__getattr__ = lacking(__name__)


class FindPackage(Substitution):
    """Something about a package; says what in `find`."""

    def __init__(self, package: SomeSubstitutionsType) -> None:
        """:param package: its name"""
        super().__init__()
        self.package = normalize_to_list_of_substitutions(package)

    def describe(self) -> str:
        """Return ``Name(pkg='package')``."""
        return f'{type(self).__name__}(pkg={described(self.package)})'

    def find(self, package_name: str) -> str:
        """Return what is looked for."""
        raise NotImplementedError

    def perform(self, context: LaunchContext) -> str:
        """Return what is looked for; PackageNotFoundError if there is no such package."""
        return self.find(perform_substitutions(context, self.package))


class FindPackagePrefix(FindPackage):
    """The folder a package is installed to."""

    def find(self, package_name: str) -> str:
        """Return the path."""
        return str(get_package_prefix(package_name))


class FindPackageShare(FindPackage):
    """The share folder of a package."""

    def find(self, package_name: str) -> str:
        """Return the path."""
        return str(get_package_share_directory(package_name))


class ExecutableInPackage(FindPackagePrefix):
    """The path of a program of a package."""

    def __init__(self, executable: SomeSubstitutionsType, package: SomeSubstitutionsType) -> None:
        """:param executable: its name, below ``lib/package`` of the package's prefix"""
        super().__init__(package)
        self.executable = normalize_to_list_of_substitutions(executable)

    def describe(self) -> str:
        """Return ``ExecInPkg(pkg='package', exec='name')``."""
        return f'ExecInPkg(pkg={described(self.package)}, exec={described(self.executable)})'

    def perform(self, context: LaunchContext) -> str:
        """
        Return the path.

        :raises PackageNotFoundError: if there is no such package
        :raises SubstitutionFailure: if it has no programs, or not this one
        """
        name = perform_substitutions(context, self.executable)
        package = perform_substitutions(context, self.package)
        prefix = super().perform(context)
        folder = Path(prefix) / 'lib' / package
        if not folder.exists():
            raise SubstitutionFailure(
                f"package '{package}' found at '{prefix}', but libexec "
                f"directory '{folder}' does not exist"
            )
        path = shutil.which(name, path=str(folder))
        if path is None:
            raise SubstitutionFailure(
                f"executable '{name}' not found on the libexec directory '{folder}' "
            )
        return path


class Parameter(Substitution):
    """The value that SetParameter has set for all nodes."""

    def __init__(self, name: SomeSubstitutionsType, *, default: Any = None) -> None:
        """:param default: used where it is not set; anything that has a str()"""
        super().__init__()
        self.name = normalize_to_list_of_substitutions(name)
        # A name that no configuration has: what is left of it is its handling of defaults.
        self.__default = None if default is None else LaunchConfiguration('', default=default)

    def describe(self) -> str:
        """Return ``Parameter(name='name')``."""
        return f'Parameter(name={described(self.name)})'

    def perform(self, context: LaunchContext) -> str:
        """Return the value as text, or the default; SubstitutionFailure if there is neither."""
        name = perform_substitutions(context, self.name)
        for entry in context.launch_configurations.get('global_params', []):
            if isinstance(entry, tuple) and entry[0] == name:
                return str(entry[1])
        if self.__default is None:
            raise SubstitutionFailure(f"parameter '{name}' not found")
        return self.__default.perform(context)
