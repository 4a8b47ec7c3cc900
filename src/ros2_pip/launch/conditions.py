# SPDX-License-Identifier: Apache-2.0
"""Conditions of actions."""

from __future__ import annotations

from collections.abc import Callable

from ._standin import lacking
from ._values import Text
from .launch_context import LaunchContext
from .some_substitutions_type import SomeSubstitutionsType

__all__ = ['Condition', 'IfCondition', 'InvalidConditionExpressionError', 'UnlessCondition']

__getattr__ = lacking(__name__)


class InvalidConditionExpressionError(ValueError):
    """What should be true or false is neither."""


class Condition:
    """Says whether an action is to be done."""

    def __init__(self, *, predicate: Callable[[LaunchContext], bool] | None = None) -> None:
        """:param predicate: what is asked; without one the answer is no"""
        self._predicate = predicate

    def evaluate(self, context: LaunchContext) -> bool:
        """Return the answer."""
        return self._predicate is not None and self._predicate(context)


class IfCondition(Condition):
    """Holds where a text is true or 1, and not where it is false or 0."""

    def __init__(self, predicate_expression: SomeSubstitutionsType) -> None:
        """:param predicate_expression: the text"""
        text = Text(predicate_expression)
        super().__init__(predicate=lambda context: _truth(text.perform(context), text))


class UnlessCondition(IfCondition):
    """Holds where a text is false or 0, and not where it is true or 1."""

    def evaluate(self, context: LaunchContext) -> bool:
        """Return the answer."""
        return not super().evaluate(context)


def _truth(found: str, text: Text) -> bool:
    answer = {'true': True, '1': True, 'false': False, '0': False}.get(found.strip().lower())
    if answer is None:
        raise InvalidConditionExpressionError(
            f"a condition is true, 1, false or 0, not '{found}', which is {text.describe()}"
        )
    return answer
