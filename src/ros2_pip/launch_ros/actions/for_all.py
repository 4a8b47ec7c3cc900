# SPDX-License-Identifier: Apache-2.0
"""Actions that concern the nodes launched after them in the same scope."""

from __future__ import annotations

from typing import Any

from launch._values import Text
from launch.action import Action
from launch.launch_context import LaunchContext
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitutions import SubstitutionFailure

from ..names import namespace
from ..parameters import evaluated


class PushROSNamespace(Action):
    """Puts them into a namespace."""

    def __init__(self, namespace: SomeSubstitutionsType, **kwargs: Any) -> None:
        """:param namespace: in the one they are in already, unless it is absolute"""
        super().__init__(**kwargs)
        self.namespace = Text(namespace)

    def execute(self, context: LaunchContext) -> None:
        """Put them there; SubstitutionFailure if it is no namespace."""
        known = context.launch_configurations
        try:
            known['ros_namespace'] = namespace(
                known.get('ros_namespace'), self.namespace.perform(context)
            )
        except ValueError as error:
            raise SubstitutionFailure(f'{type(self).__name__}: {error}') from None


PushRosNamespace = PushROSNamespace


class SetParameter(Action):
    """Gives them a parameter."""

    def __init__(self, name: SomeSubstitutionsType, value: Any, **kwargs: Any) -> None:
        """:param value: what may be a value in the parameters of a Node"""
        super().__init__(**kwargs)
        self.name, self.value = Text(name), value

    def execute(self, context: LaunchContext) -> None:
        """Give it."""
        values = evaluated(context, {self.name: self.value})
        _append(context, 'global_params', *values.items())


class SetRemap(Action):
    """Gives a topic, service or action of theirs another name."""

    def __init__(
        self, src: SomeSubstitutionsType, dst: SomeSubstitutionsType, **kwargs: Any
    ) -> None:
        """:param src: the name in their code"""
        super().__init__(**kwargs)
        self.src, self.dst = Text(src), Text(dst)

    def execute(self, context: LaunchContext) -> None:
        """Give it."""
        _append(context, 'ros_remaps', (self.src.perform(context), self.dst.perform(context)))


def _append(context: LaunchContext, key: str, *entries: Any) -> None:
    # Never in place: the list may be that of the scope around.
    known = context.launch_configurations
    known[key] = [*known.get(key, ()), *entries]
