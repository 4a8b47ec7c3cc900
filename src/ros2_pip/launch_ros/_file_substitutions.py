# SPDX-License-Identifier: Apache-2.0
"""Substitutions in a file of parameters: ``$(var name)``, ``$(env NAME default)`` and others."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

from launch._standin import missing
from launch.substitution import Substitution
from launch.substitutions import (
    EnvironmentVariable,
    LaunchConfiguration,
    PythonExpression,
    SubstitutionFailure,
    ThisLaunchFileDir,
)

from .substitutions import FindPackagePrefix, FindPackageShare

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

_INNERMOST = re.compile(r'\$\(([^()$]*)\)')

_KNOWN: dict[str, Callable[..., Substitution]] = {
    'dirname': ThisLaunchFileDir,
    'env': lambda name, default=None: EnvironmentVariable(name, default_value=default),
    'eval': PythonExpression,
    'find-pkg-prefix': FindPackagePrefix,
    'find-pkg-share': FindPackageShare,
    'var': lambda name, default=None: LaunchConfiguration(name, default=default),
}


def substituted(text: str, context: LaunchContext) -> str:
    """
    Return ``text`` with every ``$(name arguments)`` replaced, the inner ones first.

    :raises SubstitutionFailure: if one has no value, or is not known here
    """

    def one(match: re.Match[str]) -> str:
        name, *arguments = shlex.split(match[1]) or ['']
        if name not in _KNOWN:
            raise SubstitutionFailure(missing('launch', f'$({name}) in a file of parameters'))
        try:
            substitution = _KNOWN[name](*arguments)
        except TypeError:
            raise SubstitutionFailure(
                f'wrong number of arguments in a file of parameters: {match[0]}'
            ) from None
        return substitution.perform(context)

    while _INNERMOST.search(text):
        text = _INNERMOST.sub(one, text)
    return text
