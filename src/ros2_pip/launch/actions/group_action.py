# SPDX-License-Identifier: Apache-2.0
"""Groups of actions with a scope of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..action import Action
from .configurations import (
    PopLaunchConfigurations,
    PushLaunchConfigurations,
    ResetLaunchConfigurations,
    SetLaunchConfiguration,
)
from .environment import PopEnvironment, PushEnvironment, ResetEnvironment

if TYPE_CHECKING:
    from ..launch_context import LaunchContext
    from ..launch_description_entity import LaunchDescriptionEntity
    from ..some_substitutions_type import SomeSubstitutionsType


class GroupAction(Action):
    """
    Actions whose launch configurations and environment end with the group, unless told otherwise.

    The scope ends once all actions were visited: timers and event handlers of the group that come
    later see what is set then.
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
        :param scoped: what the group sets ends with it
        :param forwarding: the group sees what was set before it; without, only what it is given
        :param launch_configurations: set for the group
        """
        super().__init__(**kwargs)
        self.__actions = list(actions)
        self.__scoped = scoped
        self.__forwarding = forwarding
        self.__configurations = dict(launch_configurations or {})

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the actions, with those that begin and end the scope around them."""
        sets: list[LaunchDescriptionEntity] = [
            SetLaunchConfiguration(name, value) for name, value in self.__configurations.items()
        ]
        if not self.__scoped:
            return [*sets, *self.__actions]
        if not self.__forwarding:
            sets = [ResetEnvironment(), ResetLaunchConfigurations(self.__configurations)]
        return [
            PushLaunchConfigurations(),
            PushEnvironment(),
            *sets,
            *self.__actions,
            PopEnvironment(),
            PopLaunchConfigurations(),
        ]

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """Return the actions to be visited."""
        return self.get_sub_entities()
