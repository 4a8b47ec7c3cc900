# SPDX-License-Identifier: Apache-2.0
"""The base of conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .launch_context import LaunchContext


class Condition:
    """Decides, while launching, whether an action is executed."""

    def __init__(self, *, predicate: Callable[[LaunchContext], bool] | None = None) -> None:
        """:param predicate: asked for the decision; without one the condition never holds"""
        self._predicate = predicate

    def describe(self) -> str:
        """Return a short text for ``--print``."""
        return repr(self)

    def evaluate(self, context: LaunchContext) -> bool:
        """Return whether the condition holds."""
        return self._predicate(context) if self._predicate is not None else False
