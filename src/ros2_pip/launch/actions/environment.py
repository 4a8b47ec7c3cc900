# SPDX-License-Identifier: Apache-2.0
"""Actions on the environment that processes start with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..action import Action
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from ..utilities.type_utils import normalize_typed_substitution, perform_typed_substitution

if TYPE_CHECKING:
    from ..launch_context import LaunchContext
    from ..some_substitutions_type import SomeSubstitutionsType


class SetEnvironmentVariable(Action):
    """Set an environment variable."""

    def __init__(
        self,
        name: SomeSubstitutionsType,
        value: SomeSubstitutionsType,
        **kwargs: Any,
    ) -> None:
        """Set ``name`` to ``value`` when reached."""
        super().__init__(**kwargs)
        self.name = normalize_to_list_of_substitutions(name)
        self.value = normalize_to_list_of_substitutions(value)

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        name = perform_substitutions(context, self.name)
        context.environment[name] = perform_substitutions(context, self.value)


class UnsetEnvironmentVariable(Action):
    """Remove an environment variable; it need not be there."""

    def __init__(self, name: SomeSubstitutionsType, **kwargs: Any) -> None:
        """Remove ``name`` when reached."""
        super().__init__(**kwargs)
        self.name = normalize_to_list_of_substitutions(name)

    def execute(self, context: LaunchContext) -> None:
        """Remove it."""
        context.environment.pop(perform_substitutions(context, self.name), None)


class AppendEnvironmentVariable(Action):
    """Add to a list in an environment variable, such as PATH; set it where it is not set."""

    def __init__(
        self,
        name: SomeSubstitutionsType,
        value: SomeSubstitutionsType,
        prepend: bool | SomeSubstitutionsType = False,
        separator: SomeSubstitutionsType = os.pathsep,
        **kwargs: Any,
    ) -> None:
        """
        :param prepend: add in front
        :param separator: between what is there and what is added
        """
        super().__init__(**kwargs)
        self.name = normalize_to_list_of_substitutions(name)
        self.value = normalize_to_list_of_substitutions(value)
        self.prepend = normalize_typed_substitution(prepend, bool)
        self.separator = normalize_to_list_of_substitutions(separator)

    def execute(self, context: LaunchContext) -> None:
        """Add it."""
        name = perform_substitutions(context, self.name)
        parts = [perform_substitutions(context, self.value)]
        if name in context.environment:
            first = perform_typed_substitution(context, self.prepend, bool)
            parts.insert(len(parts) if first else 0, context.environment[name])
        context.environment[name] = perform_substitutions(context, self.separator).join(parts)


class PushEnvironment(Action):
    """Remember the environment."""

    def execute(self, context: LaunchContext) -> None:
        """Remember it."""
        context._push_environment()


class PopEnvironment(Action):
    """Go back to the environment remembered last."""

    def execute(self, context: LaunchContext) -> None:
        """Go back."""
        context._pop_environment()


class ResetEnvironment(Action):
    """Go back to the environment that the launch started with."""

    def execute(self, context: LaunchContext) -> None:
        """Go back."""
        context._reset_environment()
