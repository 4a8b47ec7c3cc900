# SPDX-License-Identifier: Apache-2.0
"""What `generate_launch_description()` of a launch file returns."""

from __future__ import annotations

from collections.abc import Iterable

from .launch_context import LaunchContext
from .launch_description_entity import Declared, LaunchDescriptionEntity


class LaunchDescription(LaunchDescriptionEntity):
    """A list of actions."""

    def __init__(self, initial_entities: Iterable[LaunchDescriptionEntity] | None = None) -> None:
        """:param initial_entities: actions, or descriptions"""
        self.entities = list(initial_entities or [])

    def add_action(self, action: LaunchDescriptionEntity) -> None:
        """Append an action."""
        self.entities.append(action)

    add_entity = add_action

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """Return the actions."""
        return self.entities

    def _contents(self) -> list[tuple[LaunchDescriptionEntity, bool]]:
        return [(entity, False) for entity in self.entities]

    def _arguments(self) -> list[Declared]:
        """Return the arguments by order of declaration; of one name, the first counts."""
        found: dict[str, Declared] = {}
        for declared in self._declared():
            found.setdefault(declared.argument.name, declared)
        return list(found.values())
