# SPDX-License-Identifier: Apache-2.0
"""Parameters of nodes that say more than a dictionary can: their type, or a file's substitutions."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from launch._standin import lacking
from launch.some_substitutions_type import SomeSubstitutionsType_types_tuple
from launch.substitutions import SubstitutionFailure
from launch.utilities import (
    ensure_argument_type,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)
from launch.utilities.type_utils import (
    normalize_typed_substitution,
    perform_typed_substitution,
)

from ._file_substitutions import substituted

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext
    from launch.some_substitutions_type import SomeSubstitutionsType

__all__ = ['Parameter', 'ParameterFile', 'ParameterValue']

__getattr__ = lacking(__name__)


class ParameterValue:
    """A value with a type: substitutions that look like a number may be text, or a float."""

    def __init__(self, value: Any, *, value_type: Any = None) -> None:
        """:param value_type: bool, int, float, str or a List of one; None is by YAML's rules"""
        self.value = normalize_typed_substitution(value, value_type)
        self.value_type = value_type

    def evaluate(self, context: LaunchContext) -> Any:
        """Return the value; ValueError if it is none of its type."""
        return perform_typed_substitution(context, self.value, self.value_type)


class Parameter:
    """A parameter by itself: it is passed as ``-p name:=value``."""

    def __init__(
        self,
        name: SomeSubstitutionsType,
        value: Any,
        *,
        value_type: Any = None,
    ) -> None:
        """See `ParameterValue`."""
        ensure_argument_type(name, SomeSubstitutionsType_types_tuple, 'name')
        self.name = normalize_to_list_of_substitutions(name)
        self.__value = ParameterValue(value, value_type=value_type)

    @property
    def value(self) -> Any:
        """The value; it may hold substitutions."""
        return self.__value.value

    @property
    def value_type(self) -> Any:
        """The type; None is by YAML's rules."""
        return self.__value.value_type

    def evaluate(self, context: LaunchContext) -> tuple[str, Any]:
        """Return (name, value)."""
        return perform_substitutions(context, self.name), self.__value.evaluate(context)


class ParameterFile:
    """A YAML file of parameters, perhaps with ``$(substitutions)`` in it."""

    def __init__(
        self,
        param_file: SomeSubstitutionsType | os.PathLike[str],
        *,
        allow_substs: bool | SomeSubstitutionsType = False,
    ) -> None:
        """:param allow_substs: perform what stands in the file as ``$(name arguments)``"""
        kinds = (*SomeSubstitutionsType_types_tuple, os.PathLike, bytes)
        ensure_argument_type(param_file, kinds, 'param_file', 'ParameterFile()')
        self.param_file = param_file
        self.allow_substs = normalize_typed_substitution(allow_substs, bool)
        self.__evaluated: Path | None = None

    def evaluate(self, context: LaunchContext) -> Path:
        """
        Return the path of the file, or of a temporary one with the substitutions performed.

        :raises SubstitutionFailure: if a substitution fails, or the result is no YAML
        """
        if self.__evaluated is None:
            path = self.__path(context)
            if perform_typed_substitution(context, self.allow_substs, bool):
                path = _written(substituted(path.read_text(), context))
            self.__evaluated = path
        return self.__evaluated

    def __path(self, context: LaunchContext) -> Path:
        if isinstance(self.param_file, (os.PathLike, bytes)):
            return Path(os.fsdecode(self.param_file))
        subs = normalize_to_list_of_substitutions(self.param_file)
        return Path(perform_substitutions(context, subs))


def _written(text: str) -> Path:
    try:
        yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SubstitutionFailure(
            f'The substituted parameter file is not a valid yaml file: {error}'
        ) from error
    # The node that reads it may start much later, or again: it stays.
    with tempfile.NamedTemporaryFile('w', prefix='launch_params_', delete=False) as file:
        file.write(text)
    return Path(file.name)
