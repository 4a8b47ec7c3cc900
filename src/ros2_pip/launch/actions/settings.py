# SPDX-License-Identifier: Apache-2.0
"""Actions that set named values: launch configurations and environment variables."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from .._values import Text
from ..action import Action
from ..launch_context import LaunchContext
from ..some_substitutions_type import SomeSubstitutionsType


class _Configurations(Action):
    def _values(self, context: LaunchContext) -> MutableMapping[str, Any]:
        return context.launch_configurations


class _Environment(Action):
    def _values(self, context: LaunchContext) -> MutableMapping[str, str]:
        return context.environment


class _Set(Action):
    def __init__(
        self, name: SomeSubstitutionsType, value: SomeSubstitutionsType, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.name, self.value = Text(name), Text(value)

    def _values(self, context: LaunchContext) -> MutableMapping[str, Any]:
        raise NotImplementedError

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        self._values(context)[self.name.perform(context)] = self.value.perform(context)


class _Unset(Action):
    def __init__(self, name: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = Text(name)

    def _values(self, context: LaunchContext) -> MutableMapping[str, Any]:
        raise NotImplementedError

    def execute(self, context: LaunchContext) -> None:
        """Take it away, if it is there."""
        self._values(context).pop(self.name.perform(context), None)


class SetLaunchConfiguration(_Configurations, _Set):
    """Sets a launch configuration."""


class UnsetLaunchConfiguration(_Configurations, _Unset):
    """Takes a launch configuration away."""


class SetEnvironmentVariable(_Environment, _Set):
    """Sets a variable of the environment that processes start with."""


class UnsetEnvironmentVariable(_Environment, _Unset):
    """Takes a variable out of that environment."""
