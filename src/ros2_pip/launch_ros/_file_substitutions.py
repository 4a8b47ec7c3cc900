# SPDX-License-Identifier: Apache-2.0
"""What stands in a file of parameters as `$(var name)`, `$(env NAME default)` and the like."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

from launch._standin import missing
from launch.launch_context import LaunchContext
from launch.substitution import Substitution
from launch.substitutions import (
    EnvironmentVariable,
    LaunchConfiguration,
    PythonExpression,
    SubstitutionFailure,
    ThisLaunchFileDir,
)

from .substitutions import FindPackagePrefix, FindPackageShare

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
    """Return `text` with all of them replaced; SubstitutionFailure if that cannot be."""

    def one(match: re.Match[str]) -> str:
        name, *words = shlex.split(match[1]) or ['']
        if name not in _KNOWN:
            raise SubstitutionFailure(missing('launch', f'$({name}) in a file of parameters'))
        try:
            return _KNOWN[name](*words).perform(context)
        except TypeError as error:
            raise SubstitutionFailure(f'{match[0]} in a file of parameters: {error}') from None

    while _INNERMOST.search(text):
        text = _INNERMOST.sub(one, text)
    return text
