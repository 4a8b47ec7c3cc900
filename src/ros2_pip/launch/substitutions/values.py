# SPDX-License-Identifier: Apache-2.0
"""Substitutions that look something up."""

from __future__ import annotations

import os
import random
import re
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..substitution import Substitution
from ..utilities import (
    ensure_argument_type,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)
from .failure import SubstitutionFailure

if TYPE_CHECKING:
    from ..launch_context import LaunchContext
    from ..some_substitutions_type import SomeSubstitutionsType


def described(subs: Iterable[Substitution], separator: str = ' + ') -> str:
    """Return the descriptions of ``subs``, joined."""
    return separator.join(sub.describe() for sub in subs)


class LaunchConfiguration(Substitution):
    """The value of a launch configuration; launch arguments are such."""

    def __init__(self, variable_name: SomeSubstitutionsType, *, default: Any = None) -> None:
        """:param default: used where the configuration is not set; anything that has a str()"""
        super().__init__()
        self.variable_name = normalize_to_list_of_substitutions(variable_name)
        self.__default: list[Substitution] | None = None
        if default is not None:
            single = isinstance(default, str) or not isinstance(default, Iterable)
            self.__default = normalize_to_list_of_substitutions(
                [
                    item if isinstance(item, (str, Substitution)) else str(item)
                    for item in ([default] if single else default)
                ]
            )

    def describe(self) -> str:
        """Return ``LaunchConfig('name')``."""
        return f'LaunchConfig({described(self.variable_name)})'

    def perform(self, context: LaunchContext) -> str:
        """
        Return the value, or the default.

        :raises SubstitutionFailure: if there is neither
        """
        name = perform_substitutions(context, self.variable_name)
        if name in context.launch_configurations:
            value: str = context.launch_configurations[name]
            return value
        if self.__default is None:
            raise SubstitutionFailure(f"launch configuration '{name}' does not exist")
        return perform_substitutions(context, self.__default)


class EnvironmentVariable(Substitution):
    """The value of a variable in the environment of the launch, not of one process in it."""

    def __init__(
        self,
        name: SomeSubstitutionsType,
        *,
        default_value: SomeSubstitutionsType | None = None,
    ) -> None:
        """:param default_value: used where the variable is not set"""
        super().__init__()
        self.name = normalize_to_list_of_substitutions(name)
        self.default_value = (
            None if default_value is None else normalize_to_list_of_substitutions(default_value)
        )

    def describe(self) -> str:
        """Return ``EnvVar('name')``."""
        return f'EnvVar({described(self.name)})'

    def perform(self, context: LaunchContext) -> str:
        """
        Return the value, or the default.

        :raises SubstitutionFailure: if there is neither
        """
        name = perform_substitutions(context, self.name)
        if name in context.environment:
            return context.environment[name]
        if self.default_value is None:
            raise SubstitutionFailure(f"environment variable '{name}' does not exist")
        return perform_substitutions(context, self.default_value)


class PathJoinSubstitution(Substitution):
    """Parts of a path, joined."""

    def __init__(self, substitutions: SomeSubstitutionsType) -> None:
        """:param substitutions: one part each"""
        super().__init__()
        self.substitutions = normalize_to_list_of_substitutions(substitutions)

    def describe(self) -> str:
        """Return ``PathJoin('part + part')``."""
        return f"PathJoin('{described(self.substitutions)}')"

    def perform(self, context: LaunchContext) -> str:
        """Return the path."""
        # os.path.join, not pathlib: 'a/./b' and a trailing '/' stay as they were written.
        return os.path.join(*(sub.perform(context) for sub in self.substitutions))  # noqa: PTH118


class LocalSubstitution(Substitution):
    """An attribute of the context's locals, e.g. ``event.returncode`` in an event handler."""

    def __init__(self, expression: str, description: str | None = None) -> None:
        """:param expression: what follows ``context.locals.``"""
        super().__init__()
        ensure_argument_type(expression, str, 'expression', 'LocalSubstitution')
        self.expression = expression
        self.description = description

    def describe(self) -> str:
        """Return ``LocalVar('description or expression')``."""
        return f"LocalVar('{self.description or self.expression}')"

    def perform(self, context: LaunchContext) -> str:
        """Return the value, which should be text."""
        value: str = eval('context.locals.' + self.expression, {'context': context})
        return value


class ThisLaunchFile(Substitution):
    """The path of the launch file."""

    def describe(self) -> str:
        """Return ``ThisLaunchFile()``."""
        return 'ThisLaunchFile()'

    def perform(self, context: LaunchContext) -> str:
        """
        Return the path.

        :raises SubstitutionFailure: outside of a launch file
        """
        return _of_this_file(context, 'current_launch_file_path', 'ThisLaunchFile')


class ThisLaunchFileDir(Substitution):
    """
    The folder of the launch file.

    As in ROS 2 up to Kilted, this is the folder of the file included last: use it before including.
    """

    def describe(self) -> str:
        """Return ``ThisLaunchFileDir()``."""
        return 'ThisLaunchFileDir()'

    def perform(self, context: LaunchContext) -> str:
        """
        Return the path.

        :raises SubstitutionFailure: outside of a launch file
        """
        return _of_this_file(context, 'current_launch_file_directory', 'ThisLaunchFileDir')


def _of_this_file(context: LaunchContext, key: str, who: str) -> str:
    values = context.get_locals_as_dict()
    if key not in values:
        raise SubstitutionFailure(f'{who} used outside of a launch file (in a script)')
    return str(values[key])


class LaunchLogDir(Substitution):
    """The folder this launch logs to."""

    def describe(self) -> str:
        """Return ``LaunchLogDir()``."""
        return 'LaunchLogDir()'

    def perform(self, context: LaunchContext) -> str:
        """Return the path."""
        from ..logging import launch_config

        return launch_config.log_dir


class FileContent(Substitution):
    """The text of a file."""

    def __init__(self, path: SomeSubstitutionsType) -> None:
        """:param path: of the file"""
        super().__init__()
        self.path = normalize_to_list_of_substitutions(path)

    def describe(self) -> str:
        """Return ``FileContent('path')``."""
        return f'FileContent({described(self.path, ", ")})'

    def perform(self, context: LaunchContext) -> str:
        """
        Return the text.

        :raises SubstitutionFailure: if there is no such file
        """
        path = perform_substitutions(context, self.path)
        try:
            return Path(path).read_text()
        except FileNotFoundError:
            raise SubstitutionFailure(f'File not found: {path}') from None


class AnonName(Substitution):
    """A name made unique; the same name gives the same unique one throughout a launch."""

    def __init__(self, name: SomeSubstitutionsType) -> None:
        """:param name: what the unique name starts with"""
        super().__init__()
        self.name = normalize_to_list_of_substitutions(name)

    def describe(self) -> str:
        """Return ``AnonName('name')``."""
        return f'AnonName({described(self.name)})'

    def perform(self, context: LaunchContext) -> str:
        """Return the unique name: only letters, digits and underscores are added."""
        name = perform_substitutions(context, self.name)
        unique = f'{name}_{socket.gethostname()}_{os.getpid()}_{random.randint(0, sys.maxsize)}'
        key = 'anon' + name
        value: str = context.launch_configurations.setdefault(key, re.sub('[-.:]', '_', unique))
        return value
