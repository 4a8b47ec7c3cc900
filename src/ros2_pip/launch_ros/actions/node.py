# SPDX-License-Identifier: Apache-2.0
"""ROS nodes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from launch._values import Text
from launch.actions import ExecuteProcess
from launch.launch_context import LaunchContext
from launch.logging import get_logger
from launch.some_substitutions_type import SomeSubstitutionsType

from .. import names
from ..parameter_descriptions import ParameterFile, written
from ..parameters import as_file, evaluated
from ..substitutions import ExecutableInPackage

Rules = Iterable[tuple[SomeSubstitutionsType, SomeSubstitutionsType]]


class Node(ExecuteProcess):
    """A process that is a node."""

    def __init__(
        self,
        *,
        executable: SomeSubstitutionsType,
        package: SomeSubstitutionsType | None = None,
        name: SomeSubstitutionsType | None = None,
        namespace: SomeSubstitutionsType | None = None,
        exec_name: SomeSubstitutionsType | None = None,
        parameters: list[Any] | None = None,
        remappings: Rules | None = None,
        ros_arguments: Iterable[SomeSubstitutionsType] | None = None,
        arguments: Iterable[SomeSubstitutionsType] | None = None,
        **kwargs: Any,
    ) -> None:
        """
        :param executable: a program of the package or, without a package, a path
        :param name: what the node is called in place of its own name
        :param namespace: in the one that PushRosNamespace has set, unless it is absolute
        :param exec_name: what the log calls it
        :param parameters: dictionaries and files, of which the later go before the earlier
        :param remappings: names in its code, and those to be used
        :param ros_arguments: what else stands behind `--ros-args`
        :param arguments: what stands before it
        """
        program: Any = executable
        if package is not None:
            program = ExecutableInPackage(package=package, executable=executable)
        cmd = [program, *(arguments or ())]
        if ros_arguments is not None:
            cmd += ['--ros-args', *ros_arguments]
        super().__init__(cmd=[*cmd, '--ros-args'], name=exec_name, **kwargs)
        if not isinstance(parameters or [], list):
            raise TypeError(f"'parameters' of a Node is a list, not {parameters!r}")
        self._node_name = None if name is None else Text(name)
        self._namespace = None if namespace is None else Text(namespace)
        self._parameters = [
            entry if isinstance(entry, (Mapping, ParameterFile)) else ParameterFile(entry)
            for entry in parameters or []
        ]
        self._remappings = [(Text(source), Text(target)) for source, target in remappings or ()]
        self.node_name: str | None = None
        """The full name, once it is launched, if the launch file says name and namespace."""

    def _words(self, context: LaunchContext) -> list[str]:
        known = context.launch_configurations
        words = super()._words(context) + self._names(context)
        for parameter, value in known.get('global_params', ()):
            words += ['-p', f'{parameter}:={value}']
        for path in self._files(context):
            words += ['--params-file', str(path)]
        rules = [*known.get('ros_remaps', ())]
        rules += [(name.perform(context), to.perform(context)) for name, to in self._remappings]
        for name, to in rules:
            words += ['-r', f'{name}:={to}']
        return words

    def _names(self, context: LaunchContext) -> list[str]:
        """Return the words that name it; ValueError if it cannot have that name."""
        words = []
        if self._node_name is not None:
            name = names.node_name(self._node_name.perform(context))
            words += ['-r', f'__node:={name}']
        inner = None if self._namespace is None else self._namespace.perform(context)
        namespace = names.namespace(context.launch_configurations.get('ros_namespace'), inner)
        if namespace is not None:
            words += ['-r', f'__ns:={namespace}']
        if len(words) == 4:
            self.node_name = f'{namespace}/{name}'.replace('//', '/')
            self._count(context)
        return words

    def _files(self, context: LaunchContext) -> Iterable[os.PathLike[str]]:
        for entry in self._parameters:
            if isinstance(entry, ParameterFile):
                path = entry.evaluate(context)
                if not path.is_file():
                    get_logger('launch_ros').warning('there is no file of parameters %s', path)
                    continue
                yield path
            else:
                yield written(as_file(self.node_name or '/**', evaluated(context, entry)))

    def _count(self, context: LaunchContext) -> None:
        counts = context.get_locals_as_dict().get('node_names', {})
        context.extend_globals({'node_names': counts})
        counts[self.node_name] = counts.get(self.node_name, 0) + 1
        if counts[self.node_name] > 1:
            get_logger('launch_ros').warning(
                'this launch has %d nodes named %s', counts[self.node_name], self.node_name
            )
