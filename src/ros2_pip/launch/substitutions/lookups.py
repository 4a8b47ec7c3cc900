# SPDX-License-Identifier: Apache-2.0
"""Substitutions that look something up."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .._values import Text
from ..launch_context import LaunchContext
from ..some_substitutions_type import SomeSubstitutionsType
from ..substitution import Substitution
from .base import OfTexts, SubstitutionFailure


class _Lookup(OfTexts):
    """The value of a name, or a default."""

    what = ''

    def __init__(self, name: SomeSubstitutionsType, default: Any) -> None:
        super().__init__(name)
        if default is not None and not isinstance(default, (str, Substitution, list, tuple)):
            default = str(default)
        self._default = None if default is None else Text(default)

    def _values(self, context: LaunchContext) -> Mapping[str, Any]:
        raise NotImplementedError

    def perform(self, context: LaunchContext) -> str:
        """Return the value or the default; SubstitutionFailure if there is neither."""
        (name,) = self._performed(context)
        value: str | None = self._values(context).get(name)
        if value is not None:
            return value
        if self._default is None:
            raise SubstitutionFailure(f"{self.what} '{name}' does not exist")
        return self._default.perform(context)


class LaunchConfiguration(_Lookup):
    """A launch configuration; the arguments of a launch file are such."""

    label = 'LaunchConfig'
    what = 'launch configuration'

    def __init__(self, variable_name: SomeSubstitutionsType, *, default: Any = None) -> None:
        """:param default: what it is where nobody has set it; anything that has a text"""
        super().__init__(variable_name, default)

    def _values(self, context: LaunchContext) -> Mapping[str, Any]:
        return context.launch_configurations


class EnvironmentVariable(_Lookup):
    """A variable of the environment that processes start with at this point of the launch."""

    label = 'EnvVar'
    what = 'environment variable'

    def __init__(
        self, name: SomeSubstitutionsType, *, default_value: SomeSubstitutionsType | None = None
    ) -> None:
        """:param default_value: what it is where nobody has set it"""
        super().__init__(name, default_value)

    def _values(self, context: LaunchContext) -> Mapping[str, Any]:
        return context.environment


class PathJoinSubstitution(OfTexts):
    """A path of parts, each of them one text or substitution."""

    label = 'PathJoin'

    def __init__(self, substitutions: SomeSubstitutionsType) -> None:
        """:raises TypeError: if a part is neither text nor a substitution"""
        super().__init__(*Text(substitutions).parts)

    def perform(self, context: LaunchContext) -> str:
        """Return the path, each part as it was written."""
        return os.path.join(*self._performed(context))  # noqa: PTH118


class ThisLaunchFile(Substitution):
    """The path of the launch file that this is in."""

    _local = 'current_launch_file_path'

    def perform(self, context: LaunchContext) -> str:
        """Return the path; SubstitutionFailure if this is in no launch file."""
        known = context.get_locals_as_dict()
        if self._local not in known:
            raise SubstitutionFailure(f'{type(self).__name__}: this is no launch file')
        return str(known[self._local])


class ThisLaunchFileDir(ThisLaunchFile):
    """The folder of the launch file; behind an include, as in ROS 2, that of the included one."""

    _local = 'current_launch_file_directory'
