# SPDX-License-Identifier: Apache-2.0
"""Descriptions of what an action works on: the program of a process."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._standin import lacking
from .substitution import Substitution
from .utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from .action import Action
    from .launch_context import LaunchContext
    from .some_substitutions_type import SomeSubstitutionsType

    Pairs = list[tuple[list[Substitution], list[Substitution]]]

__all__ = ['Executable']

__getattr__ = lacking(__name__)

_numbers = itertools.count(1)


def _pairs(mapping: Mapping[Any, SomeSubstitutionsType] | None) -> Pairs | None:
    if mapping is None:
        return None
    return [
        (normalize_to_list_of_substitutions(name), normalize_to_list_of_substitutions(value))
        for name, value in mapping.items()
    ]


class Executable:
    """A program with its arguments, folder and environment."""

    def __init__(
        self,
        *,
        cmd: Iterable[SomeSubstitutionsType],
        prefix: SomeSubstitutionsType | None = None,
        name: SomeSubstitutionsType | None = None,
        cwd: SomeSubstitutionsType | None = None,
        env: Mapping[Any, SomeSubstitutionsType] | None = None,
        additional_env: Mapping[Any, SomeSubstitutionsType] | None = None,
        arguments: Iterable[SomeSubstitutionsType] | None = None,
    ) -> None:
        """
        :param cmd: program and arguments
        :param prefix: words in front of it; by default the launch configuration 'launch-prefix',
            for those programs that 'launch-prefix-filter' matches
        :param name: for the log; by default the program's
        :param env: the whole environment; None is that of the launch
        :param additional_env: added to the environment
        :param arguments: added to ``cmd``
        """
        from .substitutions import LaunchConfiguration

        self.cmd = [
            normalize_to_list_of_substitutions(part) for part in (*cmd, *(arguments or ()))
        ]
        self.arguments = arguments
        self.prefix = normalize_to_list_of_substitutions(
            LaunchConfiguration('launch-prefix', default='') if prefix is None else prefix
        )
        self.__prefix_filter = normalize_to_list_of_substitutions(
            LaunchConfiguration('launch-prefix-filter', default='') if prefix is None else ''
        )
        self.name = None if name is None else normalize_to_list_of_substitutions(name)
        self.cwd = None if cwd is None else normalize_to_list_of_substitutions(cwd)
        self.env = _pairs(env)
        self.additional_env = _pairs(additional_env)
        self.final_name: str | None = None
        self.final_cmd: list[str] | None = None
        self.final_cwd: str | None = None
        self.final_env: dict[str, str] | None = None

    def prepare(self, context: LaunchContext, action: Action) -> None:
        """Fill the ``final_`` attributes; the name gets the number of the process."""
        cmd = [perform_substitutions(context, part) for part in self.cmd]
        prefix_filter = perform_substitutions(context, self.__prefix_filter)
        if re.match(prefix_filter, Path(cmd[0]).name):
            cmd = shlex.split(perform_substitutions(context, self.prefix)) + cmd
        self.final_cmd = cmd
        name = (
            Path(cmd[0]).name if self.name is None else perform_substitutions(context, self.name)
        )
        self.final_name = f'{name}-{next(_numbers)}'
        self.final_cwd = None if self.cwd is None else perform_substitutions(context, self.cwd)
        env = dict(context.environment) if self.env is None else {}
        for key, value in [*(self.env or ()), *(self.additional_env or ())]:
            env[perform_substitutions(context, key)] = perform_substitutions(context, value)
        self.final_env = env
