# SPDX-License-Identifier: Apache-2.0
"""Substitutions that run something."""

from __future__ import annotations

import importlib
import shlex
import subprocess

from .._values import Text
from ..launch_context import LaunchContext
from ..logging import get_logger
from ..some_substitutions_type import SomeSubstitutionsType
from .base import OfTexts, SubstitutionFailure


class Command(OfTexts):
    """The output of a command."""

    def __init__(
        self, command: SomeSubstitutionsType, *, on_stderr: SomeSubstitutionsType = 'fail'
    ) -> None:
        """
        :param command: program and arguments in one text, in quotes where a shell wants quotes
        :param on_stderr: if the command writes errors, 'fail', 'ignore' or 'warn', or 'capture' them
        """
        super().__init__(command)
        self._on_stderr = Text(on_stderr)

    def perform(self, context: LaunchContext) -> str:
        """Run it, return what it wrote; SubstitutionFailure if it fails, or writes errors and may not."""
        (command,) = self._performed(context)
        choice = self._on_stderr.perform(context)
        if choice not in ('fail', 'ignore', 'warn', 'capture'):
            raise SubstitutionFailure(f"Command: on_stderr='{choice}' is not known")
        errors = subprocess.STDOUT if choice == 'capture' else subprocess.PIPE
        try:
            done = subprocess.run(
                shlex.split(command), stdout=subprocess.PIPE, stderr=errors, text=True
            )
        except FileNotFoundError as error:
            raise SubstitutionFailure(f"'{command}': file not found: {error.filename}") from None
        complaint = (
            f"'{command}' ended with {done.returncode} and wrote: {done.stderr or done.stdout}"
        )
        if done.returncode != 0 or (done.stderr and choice == 'fail'):
            raise SubstitutionFailure(complaint)
        if done.stderr and choice == 'warn':
            get_logger('launch').warning('%s', complaint)
        return done.stdout


class PythonExpression(OfTexts):
    """The value of a Python expression."""

    label = 'PythonExpr'

    def __init__(
        self,
        expression: SomeSubstitutionsType,
        python_modules: SomeSubstitutionsType = ('math',),
    ) -> None:
        """:param python_modules: modules it may name; what is in math needs no `math.`"""
        super().__init__(expression)
        self._modules = Text(python_modules).parts

    def perform(self, context: LaunchContext) -> str:
        """Return the value as text; what the expression raises is not caught."""
        names: dict[str, object] = {}
        for part in self._modules:
            name = part.perform(context)
            names[name] = importlib.import_module(name)
            if name == 'math':
                names |= vars(names[name])
        (expression,) = self._performed(context)
        return str(eval(expression, {}, names))
