# SPDX-License-Identifier: Apache-2.0
"""Arguments of launch files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..action import Action
from ..logging import get_logger
from ..substitution import Substitution
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from ..launch_context import LaunchContext
    from ..some_substitutions_type import SomeSubstitutionsType


class DeclareLaunchArgument(Action):
    """
    An argument that may be given on the command line or by an including launch file.

    Its value is the launch configuration of its name. Those that are given without being declared
    are launch configurations too: ROS 2 does not refuse them.
    """

    def __init__(
        self,
        name: str,
        *,
        default_value: SomeSubstitutionsType | None = None,
        description: str | None = None,
        choices: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        """
        :param default_value: None makes the argument required
        :param choices: the values allowed; None allows all
        :raises RuntimeError: if there are no choices, or the default, as plain text, is none
        """
        super().__init__(**kwargs)
        self.name = name
        self.choices = choices
        self.default_value = (
            None if default_value is None else normalize_to_list_of_substitutions(default_value)
        )
        self.description = self.__described(description)
        self._conditionally_included = False
        if self.choices is None:
            return
        if not self.choices:
            self.__fail('Provided choices arg is empty. Use None to ignore the choice list.')
        known = isinstance(default_value, str) and not isinstance(default_value, Substitution)
        if known and default_value not in self.choices:
            self.__fail(
                f'Provided default_value "{default_value}" is not in provided choices '
                f'"{self.choices}".'
            )

    def __described(self, description: str | None) -> str:
        if self.choices is None:
            return 'no description given' if description is None else description
        if description is None:
            return f'One of: {self.choices}'
        stop = '' if description.endswith('.') else '.'
        return f'{description}{stop} Valid choices are: {self.choices}'

    def __fail(self, message: str) -> None:
        get_logger('launch.actions.declare_launch_argument').error('%s', message)
        raise RuntimeError(message)

    def execute(self, context: LaunchContext) -> None:
        """
        Set the launch configuration to the default unless it is set.

        :raises RuntimeError: if it is required and not given, or not among the choices
        """
        if self.name not in context.launch_configurations:
            if self.default_value is None:
                get_logger('launch.actions.declare_launch_argument').error(
                    'Required launch argument "%s" (description: "%s") was not provided',
                    self.name,
                    self.description,
                )
                raise RuntimeError(f'Required launch argument "{self.name}" was not provided.')
            context.launch_configurations[self.name] = perform_substitutions(
                context, self.default_value
            )
        value = context.launch_configurations[self.name]
        if self.choices is not None and value not in self.choices:
            self.__fail(
                f'Argument "{self.name}" provided value "{value}" is not valid. '
                f'Valid options are: {self.choices}'
            )
