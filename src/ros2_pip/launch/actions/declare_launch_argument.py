# SPDX-License-Identifier: Apache-2.0
"""Arguments of launch files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .._values import Text
from ..action import Action
from ..launch_context import LaunchContext
from ..launch_description_entity import Declared
from ..some_substitutions_type import SomeSubstitutionsType


class DeclareLaunchArgument(Action):
    """An argument of the launch file: a launch configuration that the user may give."""

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
        :param default_value: without it the argument has to be given
        :param choices: what it may be; without them, anything
        :raises RuntimeError: if there is no choice, or the default is none of them
        """
        super().__init__(**kwargs)
        self.name = name
        self.choices = choices
        self.default_value = Text(default_value) if default_value is not None else None
        if choices is None:
            self.description = description or 'no description given'
            return
        if len(choices) == 0:
            raise RuntimeError(
                f"argument '{name}': choices is empty; leave it out to allow anything"
            )
        if isinstance(default_value, str):
            self.__check(default_value)
        allowed = f'Valid choices are: {choices}'
        self.description = f'{description.rstrip(".")}. {allowed}' if description else allowed

    def __check(self, value: str) -> None:
        if self.choices is not None and value not in self.choices:
            raise RuntimeError(
                f'{self.name}:={value} cannot be. Valid options are: {self.choices}'
            )

    def execute(self, context: LaunchContext) -> None:
        """Give it its default, unless it is given; RuntimeError if it is no choice, or missing."""
        given = context.launch_configurations
        if self.name not in given and self.default_value is None:
            raise RuntimeError(f"argument '{self.name}' ({self.description}) has to be given")
        if self.name not in given:
            given[self.name] = self.default_value.perform(context)  # type: ignore[union-attr]
        self.__check(given[self.name])

    def _declared(self, conditional: bool = False) -> Iterator[Declared]:
        yield Declared(self, conditional or self.condition is not None)
