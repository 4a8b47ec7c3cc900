# SPDX-License-Identifier: Apache-2.0
"""Substitutions that look for packages and their programs."""

from __future__ import annotations

import shutil

from ament_index_python.packages import get_package_prefix, get_package_share_directory
from launch._standin import lacking
from launch.launch_context import LaunchContext
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitutions import SubstitutionFailure
from launch.substitutions.base import OfTexts

__all__ = ['ExecutableInPackage', 'FindPackagePrefix', 'FindPackageShare']

__getattr__ = lacking(__name__)


class FindPackagePrefix(OfTexts):
    """The folder that a package is installed in."""

    def __init__(self, package: SomeSubstitutionsType) -> None:
        """:param package: its name"""
        super().__init__(package)

    def perform(self, context: LaunchContext) -> str:
        """Return the path; PackageNotFoundError if there is no such package."""
        return str(get_package_prefix(*self._performed(context)))


class FindPackageShare(FindPackagePrefix):
    """The folder with what a package shares, such as launch files."""

    def perform(self, context: LaunchContext) -> str:
        """Return the path; PackageNotFoundError if there is no such package."""
        return str(get_package_share_directory(*self._performed(context)))


class ExecutableInPackage(OfTexts):
    """A program of a package."""

    label = 'ExecInPkg'

    def __init__(self, executable: SomeSubstitutionsType, package: SomeSubstitutionsType) -> None:
        """:param executable: its name"""
        super().__init__(executable, package)

    def perform(self, context: LaunchContext) -> str:
        """
        Return its path.

        :raises PackageNotFoundError: if there is no such package
        :raises SubstitutionFailure: if the package has no such program
        """
        name, package = self._performed(context)
        folder = f'{get_package_prefix(package)}/lib/{package}'
        found = shutil.which(name, path=folder)
        if found is None:
            raise SubstitutionFailure(
                f"package '{package}' has no executable '{name}' in {folder}"
            )
        return found
