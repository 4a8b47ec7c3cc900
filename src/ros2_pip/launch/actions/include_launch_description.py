# SPDX-License-Identifier: Apache-2.0
"""Launch files within launch files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..action import Action
from ..launch_context import LaunchContext
from ..launch_description_source import LaunchDescriptionSource
from ..launch_description_sources import AnyLaunchDescriptionSource
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from .configurations import SetLaunchConfiguration

if TYPE_CHECKING:
    from ..launch_description import LaunchDescription
    from ..launch_description_entity import LaunchDescriptionEntity
    from ..some_substitutions_type import SomeSubstitutionsType


class IncludeLaunchDescription(Action):
    """
    Launch another launch file, with arguments.

    There is no scope: arguments given here stay set for what follows. A GroupAction gives one.
    """

    def __init__(
        self,
        launch_description_source: LaunchDescriptionSource | SomeSubstitutionsType,
        *,
        launch_arguments: Iterable[tuple[SomeSubstitutionsType, SomeSubstitutionsType]]
        | None = None,
        **kwargs: Any,
    ) -> None:
        """:param launch_arguments: (name, value) pairs"""
        super().__init__(**kwargs)
        if not isinstance(launch_description_source, LaunchDescriptionSource):
            launch_description_source = AnyLaunchDescriptionSource(launch_description_source)
        self.launch_description_source = launch_description_source
        self.launch_arguments = tuple(launch_arguments or ())

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the description if it can be had before launching."""
        found = self.launch_description_source.try_get_launch_description_without_context()
        return [] if found is None else [found]

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """
        Load the file; return the settings of the arguments and the description.

        :raises RuntimeError: if an argument that the file requires is not given here
        """
        description = self.launch_description_source.get_launch_description(context)
        path = Path(self.launch_description_source.location).absolute()
        context.extend_locals(
            {
                'current_launch_file_path': str(path),
                'current_launch_file_directory': str(path.parent)
                if path.exists()
                else self.launch_description_source.location,
            }
        )
        self.__check_required(description, context)
        return [
            *(SetLaunchConfiguration(name, value) for name, value in self.launch_arguments),
            description,
        ]

    def __check_required(self, description: LaunchDescription, context: LaunchContext) -> None:
        """Find what is missing before anything is started, rather than when it is reached."""
        given = self.__argument_names(context)
        declared = description.get_launch_arguments_with_include_launch_description_actions()
        for argument, includes in declared:
            if argument._conditionally_included or argument.default_value is not None:
                continue
            for include in includes:
                given += include._names_known_before_launching()
            if argument.name not in given:
                raise RuntimeError(
                    f"Included launch description missing required argument '{argument.name}' "
                    f"(description: '{argument.description}'), given: [{', '.join(given)}]"
                )

    def __argument_names(self, context: LaunchContext) -> list[str]:
        return [
            perform_substitutions(context, normalize_to_list_of_substitutions(name))
            for name, _ in self.launch_arguments
        ]

    def _names_known_before_launching(self) -> list[str]:
        try:
            return self.__argument_names(LaunchContext())
        except Exception:
            return []  # they depend on the launch; what is missing is found when it is reached
