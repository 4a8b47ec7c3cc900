# SPDX-License-Identifier: Apache-2.0
"""Actions for all nodes that come after them in the same scope."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launch.action import Action
from launch.substitutions import SubstitutionFailure
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

from ..names import absolute, check_namespace, joined
from ..parameters import evaluate_parameter_dict, normalize_parameter_dict

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext
    from launch.some_substitutions_type import SomeSubstitutionsType


def _add(context: LaunchContext, key: str, entries: list[Any]) -> None:
    # A new list: the scope around keeps its own. The value is no text, as in ROS 2.
    context.launch_configurations[key] = [*context.launch_configurations.get(key, []), *entries]


class PushROSNamespace(Action):
    """Put nodes into a namespace, below the one pushed before."""

    def __init__(self, namespace: SomeSubstitutionsType, **kwargs: Any) -> None:
        """:param namespace: absolute, or relative to the one pushed before"""
        super().__init__(**kwargs)
        self.namespace = normalize_to_list_of_substitutions(namespace)

    def execute(self, context: LaunchContext) -> None:
        """Set it; SubstitutionFailure if it is not valid."""
        pushed = perform_substitutions(context, self.namespace)
        before = context.launch_configurations.get('ros_namespace')
        namespace = absolute(joined(before, pushed)) or ''
        try:
            check_namespace(namespace)
        except ValueError:
            raise SubstitutionFailure(
                f"The resulting namespace is invalid: [previous_namespace='{before}', "
                f"pushed_namespace='{pushed}']"
            ) from None
        context.launch_configurations['ros_namespace'] = namespace


PushRosNamespace = PushROSNamespace


class SetParameter(Action):
    """Set a parameter of nodes."""

    def __init__(self, name: SomeSubstitutionsType, value: Any, **kwargs: Any) -> None:
        """:param value: as in the parameters of a Node"""
        super().__init__(**kwargs)
        self.__parameters = normalize_parameter_dict(
            {tuple(normalize_to_list_of_substitutions(name)): value}
        )

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        values = evaluate_parameter_dict(context, self.__parameters)
        _add(context, 'global_params', list(values.items()))


class SetParametersFromFile(Action):
    """Give nodes a file of parameters."""

    def __init__(self, filename: SomeSubstitutionsType, **kwargs: Any) -> None:
        """:param filename: path of the file"""
        super().__init__(**kwargs)
        self.__filename = normalize_to_list_of_substitutions(filename)

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        _add(context, 'global_params', [perform_substitutions(context, self.__filename)])


class SetRemap(Action):
    """Rename a topic, service or action of nodes."""

    def __init__(
        self,
        src: SomeSubstitutionsType,
        dst: SomeSubstitutionsType,
        **kwargs: Any,
    ) -> None:
        """Rename ``src`` to ``dst``."""
        super().__init__(**kwargs)
        self.src = normalize_to_list_of_substitutions(src)
        self.dst = normalize_to_list_of_substitutions(dst)

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        rule = perform_substitutions(context, self.src), perform_substitutions(context, self.dst)
        _add(context, 'ros_remaps', [rule])


class SetROSLogDir(Action):
    """Have nodes log to a folder: absolute, or below the one of before."""

    def __init__(self, new_log_dir: SomeSubstitutionsType, **kwargs: Any) -> None:
        """:param new_log_dir: path of the folder"""
        super().__init__(**kwargs)
        self.log_dir = normalize_to_list_of_substitutions(new_log_dir)

    def execute(self, context: LaunchContext) -> None:
        """Set it in the environment of what follows."""
        home = context.environment.get('ROS_HOME') or Path('~/.ros').expanduser()
        before = context.environment.get('ROS_LOG_DIR') or Path(home) / 'log'
        folder = Path(before) / perform_substitutions(context, self.log_dir)
        context.environment['ROS_LOG_DIR'] = os.fspath(folder)
