# SPDX-License-Identifier: Apache-2.0
"""Launch files in launch files."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .._values import Text
from ..action import Action
from ..launch_context import LaunchContext
from ..launch_description_entity import Declared, LaunchDescriptionEntity
from ..launch_description_sources import AnyLaunchDescriptionSource, LaunchDescriptionSource
from ..some_substitutions_type import SomeSubstitutionsType
from .settings import SetLaunchConfiguration


class IncludeLaunchDescription(Action):
    """
    Launches a launch file, with arguments.

    It has no scope of its own: what is given and set in it stays. Put it into a GroupAction for that.
    """

    def __init__(
        self,
        launch_description_source: LaunchDescriptionSource | SomeSubstitutionsType,
        *,
        launch_arguments: Iterable[tuple[SomeSubstitutionsType, SomeSubstitutionsType]] = (),
        **kwargs: Any,
    ) -> None:
        """:param launch_arguments: names and values"""
        super().__init__(**kwargs)
        given = launch_description_source
        is_source = isinstance(given, LaunchDescriptionSource)
        self._source: Any = given if is_source else AnyLaunchDescriptionSource(given)  # type: ignore[arg-type]
        self._given = [(Text(name), Text(value)) for name, value in launch_arguments or ()]

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """Load the file; return its arguments and what it describes. RuntimeError if one is missing."""
        description = self._source.get_launch_description(context)
        names = [name.perform(context) for name, _ in self._given]
        for found in description._arguments():
            needed = not found.conditional and found.argument.default_value is None
            if needed and found.argument.name not in (*names, *found.given):
                raise RuntimeError(
                    f"{self._source.location} needs argument '{found.argument.name}' "
                    f'({found.argument.description}), given are: {", ".join(names) or "none"}'
                )
        path = Path(self._source.location).absolute()
        context.extend_locals(
            {
                'current_launch_file_path': str(path),
                'current_launch_file_directory': str(path.parent),
            }
        )
        return [*(SetLaunchConfiguration(*pair) for pair in self._texts()), description]

    def _texts(self) -> Iterator[tuple[list[Any], list[Any]]]:
        for name, value in self._given:
            yield name.parts, value.parts

    def _contents(self) -> list[tuple[LaunchDescriptionEntity, bool]]:
        description = self._source.try_get_launch_description_without_context()
        return [] if description is None else [(description, self.condition is not None)]

    def _declared(self, conditional: bool = False) -> Iterator[Declared]:
        names = []
        for name, _ in self._given:
            try:
                names.append(name.perform(LaunchContext()))
            except Exception:  # noqa: S112  -- known only while launching, and then checked
                continue
        for found in super()._declared(conditional):
            yield dataclasses.replace(found, given=(*found.given, *names))
