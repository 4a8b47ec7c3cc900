# SPDX-License-Identifier: Apache-2.0
"""ROS nodes as processes."""

from __future__ import annotations

import collections
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from launch.actions import ExecuteProcess
from launch.logging import get_logger
from launch.substitutions import LocalSubstitution
from launch.utilities import (
    ensure_argument_type,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)

from ..names import absolute, check_namespace, check_node_name, joined
from ..parameter_descriptions import Parameter
from ..parameters import evaluate_parameters, normalize_parameters
from ..substitutions import ExecutableInPackage

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext
    from launch.some_substitutions_type import SomeSubstitutionsType

    Rules = Iterable[tuple[SomeSubstitutionsType, SomeSubstitutionsType]]

_NO_NAME = '<node_name_unspecified>'
_NO_NAMESPACE = '<node_namespace_unspecified>'


class Node(ExecuteProcess):
    """A process that is a ROS node; its names, parameters and remappings become arguments."""

    UNSPECIFIED_NODE_NAME = _NO_NAME
    UNSPECIFIED_NODE_NAMESPACE = _NO_NAMESPACE

    def __init__(
        self,
        *,
        executable: SomeSubstitutionsType,
        package: SomeSubstitutionsType | None = None,
        name: SomeSubstitutionsType | None = None,
        namespace: SomeSubstitutionsType | None = None,
        exec_name: SomeSubstitutionsType | None = None,
        parameters: Sequence[Any] | None = None,
        remappings: Rules | None = None,
        ros_arguments: Iterable[SomeSubstitutionsType] | None = None,
        arguments: Iterable[SomeSubstitutionsType] | None = None,
        **kwargs: Any,
    ) -> None:
        """
        :param executable: a program of the package; without a package, its path
        :param name: of the node; None leaves the program's own
        :param namespace: absolute, or relative to the one that PushRosNamespace has set
        :param exec_name: for the log; by default the program's name
        :param parameters: dictionaries (nested or not, values may hold substitutions), paths of
            YAML files, ParameterFiles or Parameters; later ones win
        :param remappings: (from, to) pairs
        :param ros_arguments: put behind ``--ros-args``
        :param arguments: put in front of it
        """
        cmd: list[Any] = [
            executable
            if package is None
            else ExecutableInPackage(package=package, executable=executable)
        ]
        cmd += list(arguments or ())
        if ros_arguments is not None:
            cmd += ['--ros-args', *ros_arguments]
        cmd.append('--ros-args')
        if name is not None:
            cmd += ['-r', LocalSubstitution("ros_specific_arguments['name']", 'node name')]
        if parameters is not None:
            ensure_argument_type(parameters, list, 'parameters', 'Node')
        super().__init__(cmd=cmd, name=exec_name, **kwargs)
        self.node_package = package
        self.node_executable = executable
        self.__name = name
        self.__namespace = namespace
        self.__parameters = normalize_parameters(parameters or [])
        self.__remappings = [_rule(rule) for rule in remappings or ()]
        self.__full_name: str | None = None
        self.expanded_node_namespace = _NO_NAMESPACE
        self.expanded_remapping_rules: list[tuple[str, str]] | None = None

    @property
    def node_name(self) -> str:
        """The full name, as far as the launch file says it; known once it was executed."""
        if self.__full_name is None:
            raise RuntimeError("cannot access 'node_name' before executing action")
        return self.__full_name

    def is_node_name_fully_specified(self) -> bool:
        """Return whether the launch file says name and namespace; once it was executed."""
        return _NO_NAME not in self.node_name and _NO_NAMESPACE not in self.node_name

    def execute(self, context: LaunchContext) -> None:
        """
        Start the node.

        :raises ValueError: if its name or namespace is not valid
        """
        if self.__full_name is None:
            self.__add_names(context)
            self.__add_global_parameters(context)
            self.__add_parameters(context)
            self.__add_remappings(context)
        super().execute(context)
        if self.is_node_name_fully_specified():
            self.__count(context)

    def __add(self, *words: str) -> None:
        self.process_description.cmd.extend(
            normalize_to_list_of_substitutions(word) for word in words
        )

    def __add_names(self, context: LaunchContext) -> None:
        name = _performed(context, self.__name)
        namespace = _performed(context, self.__namespace)
        namespace = absolute(joined(context.launch_configurations.get('ros_namespace'), namespace))
        try:
            if name is not None:
                check_node_name(name)
                context.extend_locals({'ros_specific_arguments': {'name': f'__node:={name}'}})
            if namespace is not None:
                check_namespace(namespace)
                self.expanded_node_namespace = namespace
                self.__add('-r', f'__ns:={namespace}')
        except ValueError:
            get_logger('launch_ros.actions.node').error(
                'Error while expanding or validating node name or namespace for '
                "'package=%s, executable=%s, name=%s, namespace=%s':",
                self.node_package,
                self.node_executable,
                self.__name,
                self.__namespace,
            )
            raise
        self.__full_name = joined(self.expanded_node_namespace, name or _NO_NAME)

    def __add_global_parameters(self, context: LaunchContext) -> None:
        for entry in context.launch_configurations.get('global_params', ()):
            if isinstance(entry, tuple):
                self.__add('-p', f'{entry[0]}:={entry[1]}')
            else:
                self.__add('--params-file', str(Path(entry).absolute()))

    def __add_parameters(self, context: LaunchContext) -> None:
        for entry in evaluate_parameters(context, self.__parameters):
            if isinstance(entry, Parameter):
                name, value = entry.evaluate(context)
                self.__add('-p', f'{name}:={yaml.safe_dump(value)}')
                continue
            path = self.__written(entry) if isinstance(entry, dict) else entry
            if path.is_file():
                self.__add('--params-file', str(path))
            else:
                get_logger('launch_ros.actions.node').warning(
                    'Parameter file path is not a file: %s', path
                )

    def __written(self, values: dict[str, Any]) -> Path:
        """Write parameters to a file, for this node alone if its full name is known."""
        node = self.node_name if self.is_node_name_fully_specified() else '/**'
        plain = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
        }
        # A node that is respawned reads it again: it stays.
        with tempfile.NamedTemporaryFile('w', prefix='launch_params_', delete=False) as file:
            yaml.safe_dump({node: {'ros__parameters': plain}}, file, default_flow_style=False)
        return Path(file.name)

    def __add_remappings(self, context: LaunchContext) -> None:
        rules = list(context.launch_configurations.get('ros_remaps', ()))
        rules += [
            (perform_substitutions(context, source), perform_substitutions(context, target))
            for source, target in self.__remappings
        ]
        self.expanded_remapping_rules = rules or None
        for source, target in rules:
            self.__add('-r', f'{source}:={target}')

    def __count(self, context: LaunchContext) -> None:
        """Warn of nodes with the same name."""
        counts = context.get_locals_as_dict().get('unique_ros_node_names')
        if counts is None:
            counts = collections.Counter[str]()
            context.extend_globals({'unique_ros_node_names': counts})
        counts[self.node_name] += 1
        if counts[self.node_name] > 1:
            get_logger(self.name).warning(
                'there are now at least %d nodes with the name %s created within this launch '
                'context',
                counts[self.node_name],
                self.node_name,
            )


def _performed(context: LaunchContext, value: SomeSubstitutionsType | None) -> str | None:
    if value is None:
        return None
    return perform_substitutions(context, normalize_to_list_of_substitutions(value))


def _rule(rule: Any) -> tuple[Any, Any]:
    ensure_argument_type(rule, tuple, 'remap_rule')
    if len(rule) != 2:
        raise TypeError(f'remap_rule must be a tuple of length 2, got length {len(rule)}')
    return (
        normalize_to_list_of_substitutions(rule[0]),
        normalize_to_list_of_substitutions(rule[1]),
    )
