# SPDX-License-Identifier: Apache-2.0
"""Substitutions that run something."""

from __future__ import annotations

import importlib
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..substitution import Substitution
from ..utilities import (
    ensure_argument_type,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)
from .failure import SubstitutionFailure
from .values import described

if TYPE_CHECKING:
    from ..launch_context import LaunchContext
    from ..some_substitutions_type import SomeSubstitutionsType


class Command(Substitution):
    """What a command writes to its output."""

    def __init__(
        self,
        command: SomeSubstitutionsType,
        *,
        on_stderr: SomeSubstitutionsType = 'fail',
    ) -> None:
        """
        :param command: its text is split into words as a shell would
        :param on_stderr: what follows if it writes errors: 'fail', 'ignore', 'warn' or 'capture'
        """
        super().__init__()
        self.command = normalize_to_list_of_substitutions(command)
        self.on_stderr = normalize_to_list_of_substitutions(on_stderr)

    def describe(self) -> str:
        """Return ``Command('command')``."""
        return f'Command({described(self.command)})'

    def perform(self, context: LaunchContext) -> str:
        """
        Run the command and return its output.

        :raises SubstitutionFailure: if it is not found, fails, or shows errors and may not
        """
        command = perform_substitutions(context, self.command)
        on_stderr = perform_substitutions(context, self.on_stderr)
        if on_stderr not in ('fail', 'ignore', 'warn', 'capture'):
            raise SubstitutionFailure(
                "expected 'on_stderr' to be one of: 'fail', 'ignore', 'warn' or 'capture'"
            )
        errors_to = subprocess.STDOUT if on_stderr == 'capture' else subprocess.PIPE
        try:
            done = subprocess.run(
                shlex.split(command), stdout=subprocess.PIPE, stderr=errors_to, text=True
            )
        except FileNotFoundError as error:
            raise SubstitutionFailure(f'file not found: {error}') from None
        if done.returncode != 0:
            captured = f'\nCaptured stderr output: {done.stderr}' if done.stderr else ''
            raise SubstitutionFailure(f'executed command failed. Command: {command}{captured}')
        if done.stderr and on_stderr in ('fail', 'warn'):
            message = (
                f'executed command showed stderr output. Command: {command}\n'
                f'Captured stderr output:\n{done.stderr}'
            )
            if on_stderr == 'fail':
                raise SubstitutionFailure(message)
            from ..logging import get_logger

            get_logger('launch').warning(message)
        return done.stdout


class FindExecutable(Substitution):
    """The path of a program on the PATH."""

    def __init__(self, *, name: SomeSubstitutionsType) -> None:
        """:param name: of the program"""
        super().__init__()
        self.name = normalize_to_list_of_substitutions(name)

    def describe(self) -> str:
        """Return ``FindExec('name')``."""
        return f'FindExec({described(self.name)})'

    def perform(self, context: LaunchContext) -> str:
        """
        Return the path.

        :raises SubstitutionFailure: if there is no such program
        """
        name = perform_substitutions(context, self.name)
        path = shutil.which(name)
        if path is None:
            raise SubstitutionFailure(f"executable '{name}' not found on the PATH")
        return path


class PythonExpression(Substitution):
    """The value of a Python expression, as text."""

    def __init__(
        self,
        expression: SomeSubstitutionsType,
        python_modules: SomeSubstitutionsType = ('math',),
    ) -> None:
        """:param python_modules: what the expression may name; all of math's names stand alone"""
        super().__init__()
        kinds = (str, Substitution, Iterable)
        ensure_argument_type(expression, kinds, 'expression', 'PythonExpression')
        ensure_argument_type(python_modules, kinds, 'python_modules', 'PythonExpression')
        self.expression = normalize_to_list_of_substitutions(expression)
        self.python_modules = normalize_to_list_of_substitutions(python_modules)

    def describe(self) -> str:
        """Return ``PythonExpr('expression', ['modules'])``."""
        modules = described(self.python_modules, ', ')
        return f'PythonExpr({described(self.expression)}, [{modules}])'

    def perform(self, context: LaunchContext) -> str:
        """Return the value; whatever the expression raises passes through."""
        names: dict[str, object] = {}
        for sub in self.python_modules:
            module = importlib.import_module(context.perform_substitution(sub))
            if module.__name__ == 'math':
                names.update(vars(module))
            names[module.__name__] = module
        return str(eval(perform_substitutions(context, self.expression), {}, names))
