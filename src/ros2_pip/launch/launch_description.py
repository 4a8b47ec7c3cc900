# SPDX-License-Identifier: Apache-2.0
"""The description of a launch: what ``generate_launch_description()`` returns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .launch_description_entity import LaunchDescriptionEntity
from .logging import get_logger

if TYPE_CHECKING:
    from .action import Action
    from .actions import DeclareLaunchArgument, IncludeLaunchDescription
    from .launch_context import LaunchContext

    DeclaredArgument = tuple[DeclareLaunchArgument, list[IncludeLaunchDescription]]


class LaunchDescription(LaunchDescriptionEntity):
    """A list of actions."""

    def __init__(
        self,
        initial_entities: Iterable[LaunchDescriptionEntity] | None = None,
        *,
        deprecated_reason: str | None = None,
    ) -> None:
        """:param deprecated_reason: shown as a warning whenever this is launched"""
        self.entities = list(initial_entities or ())
        self.deprecated_reason = deprecated_reason

    @property
    def deprecated(self) -> bool:
        """Whether there is a reason not to launch this any more."""
        return self.deprecated_reason is not None

    def add_entity(self, entity: LaunchDescriptionEntity) -> None:
        """Append an action or a description."""
        self.entities.append(entity)

    def add_action(self, action: Action) -> None:
        """Append an action."""
        self.add_entity(action)

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the actions."""
        return self.entities

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """Return the actions."""
        if self.deprecated:
            path = context.get_locals_as_dict().get('current_launch_file_path')
            what = (
                f'launch file [{path}] is deprecated' if path else 'deprecated launch description'
            )
            get_logger('launch').warning('%s: %s', what, self.deprecated_reason)
        return self.entities

    def get_launch_arguments(
        self,
        conditional_inclusion: bool = False,
    ) -> list[DeclareLaunchArgument]:
        """Return the arguments declared here and in what this includes, as far as is known."""
        return [
            argument
            for argument, _ in self.get_launch_arguments_with_include_launch_description_actions(
                conditional_inclusion
            )
        ]

    def get_launch_arguments_with_include_launch_description_actions(
        self,
        conditional_inclusion: bool = False,
    ) -> list[DeclaredArgument]:
        """Return (argument, the include actions on the way to it) pairs."""
        found: list[DeclaredArgument] = []
        _collect_arguments(self.entities, conditional_inclusion, [], found)
        return found


def _collect_arguments(
    entities: Iterable[LaunchDescriptionEntity],
    conditional: bool,
    includes: list[IncludeLaunchDescription],
    found: list[DeclaredArgument],
) -> None:
    """Fill ``found``, first come first: of several declarations of a name the first counts."""
    from .actions import (
        DeclareLaunchArgument,
        IncludeLaunchDescription,
        ResetLaunchConfigurations,
    )

    for entity in entities:
        if isinstance(entity, DeclareLaunchArgument):
            if entity.name not in {argument.name for argument, _ in found}:
                entity._conditionally_included = conditional or entity.condition is not None
                found.append((entity, includes))
            continue
        if isinstance(entity, ResetLaunchConfigurations):
            return  # nothing given on the command line reaches beyond it
        way = [*includes, entity] if isinstance(entity, IncludeLaunchDescription) else includes
        # As in ROS 2, a condition reaches one level deep only: what is included under a condition
        # counts as unconditional again.
        _collect_arguments(entity.describe_sub_entities(), False, way, found)
        for _, conditional_entities in entity.describe_conditional_sub_entities():
            _collect_arguments(conditional_entities, True, way, found)
