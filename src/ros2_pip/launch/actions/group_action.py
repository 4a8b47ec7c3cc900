# SPDX-License-Identifier: Apache-2.0
"""Actions that share a scope."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._values import Text
from ..action import Action
from ..launch_context import LaunchContext
from ..launch_description_entity import LaunchDescriptionEntity
from ..some_substitutions_type import SomeSubstitutionsType
from .settings import SetLaunchConfiguration


class _Enter(LaunchDescriptionEntity):
    def __init__(self, forwarding: bool) -> None:
        self._forwarding = forwarding

    def visit(self, context: LaunchContext) -> None:
        context._enter_scope(self._forwarding)


class _Leave(LaunchDescriptionEntity):
    def visit(self, context: LaunchContext) -> None:
        context._leave_scope()


class GroupAction(Action):
    """
    Actions whose launch configurations and environment end with them.

    The group ends when all of its actions were visited. What comes later, such as the actions of a
    timer in it, finds what is set by then.
    """

    def __init__(
        self,
        actions: Iterable[Action],
        *,
        scoped: bool = True,
        forwarding: bool = True,
        launch_configurations: Mapping[Any, SomeSubstitutionsType] | None = None,
        **kwargs: Any,
    ) -> None:
        """
        :param scoped: False lets what the group sets outlive it
        :param forwarding: False hides what was set before from the group
        :param launch_configurations: what is set at its begin
        """
        super().__init__(**kwargs)
        self._actions = list(actions)
        self._scoped, self._forwarding = scoped, forwarding
        self._given = dict(launch_configurations or {})

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """Return the actions, between the begin and the end of the scope."""
        # Performed outside of the scope, in which nothing else may be known.
        sets = [
            SetLaunchConfiguration(*_performed(context, *pair)) for pair in self._given.items()
        ]
        if not self._scoped:
            return [*sets, *self._actions]
        return [_Enter(self._forwarding), *sets, *self._actions, _Leave()]

    def _contents(self) -> list[tuple[LaunchDescriptionEntity, bool]]:
        if self._scoped and not self._forwarding:
            return []  # no argument of the launch gets into it
        return [(action, self.condition is not None) for action in self._actions]


def _performed(context: LaunchContext, name: Any, value: SomeSubstitutionsType) -> tuple[str, str]:
    return Text(name).perform(context), Text(value).perform(context)
