# SPDX-License-Identifier: Apache-2.0
"""Parameters that a plain dictionary cannot describe."""

from __future__ import annotations

import atexit
import os
import tempfile
from pathlib import Path
from typing import Any

import yaml
from launch._standin import lacking
from launch._values import Text, Typed
from launch.launch_context import LaunchContext
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitutions import SubstitutionFailure

from ._file_substitutions import substituted

__all__ = ['ParameterFile', 'ParameterValue']

__getattr__ = lacking(__name__)


class ParameterValue:
    """A value of a certain type, such as a text that looks like a number."""

    def __init__(self, value: Any, *, value_type: Any = None) -> None:
        """:param value_type: bool, int, float, str or a List of one of them; None is what YAML finds"""
        self._value = Typed(value, value_type)

    def evaluate(self, context: LaunchContext) -> Any:
        """Return the value; ValueError if it has another type."""
        return self._value.perform(context)


class ParameterFile:
    """A file of parameters, which may have substitutions in it."""

    def __init__(
        self,
        param_file: SomeSubstitutionsType | os.PathLike[str],
        *,
        allow_substs: bool | SomeSubstitutionsType = False,
    ) -> None:
        """:param allow_substs: whether `$(var name)` and the like are replaced in it"""
        self._file = Text(
            os.fspath(param_file) if isinstance(param_file, os.PathLike) else param_file
        )
        self._allow = Typed(allow_substs, bool)

    def evaluate(self, context: LaunchContext) -> Path:
        """Return its path, or that of a copy with everything replaced; SubstitutionFailure."""
        path = Path(self._file.perform(context))
        if not self._allow.perform(context):
            return path
        text = substituted(path.read_text(), context)
        try:
            yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise SubstitutionFailure(
                f'{path} with its substitutions is no YAML: {error}'
            ) from error
        return written(text)


def written(text: str) -> Path:
    """Write a file of parameters; it stays as long as the launch does, as a node may be started again."""
    with tempfile.NamedTemporaryFile('w', prefix='launch_params_', delete=False) as file:
        file.write(text)
    path = Path(file.name)
    atexit.register(path.unlink, missing_ok=True)
    return path
