# SPDX-License-Identifier: Apache-2.0
"""Conditions of actions."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ._standin import lacking
from .condition import Condition
from .substitution import Substitution
from .utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from .launch_context import LaunchContext
    from .some_substitutions_type import SomeSubstitutionsType

__all__ = [
    'IfCondition',
    'InvalidConditionExpressionError',
    'LaunchConfigurationEquals',
    'LaunchConfigurationNotEquals',
    'UnlessCondition',
    'evaluate_condition_expression',
]

__getattr__ = lacking(__name__)

_VALUES = {'true': True, '1': True, 'false': False, '0': False}


class InvalidConditionExpressionError(ValueError):
    """A condition is neither true nor false."""


def evaluate_condition_expression(
    context: LaunchContext,
    expression: Sequence[Substitution],
) -> bool:
    """
    Return the truth of an expression: true, false, 1 or 0, in any case.

    :raises InvalidConditionExpressionError: if it is anything else
    """
    text = perform_substitutions(context, expression).strip().lower()
    if text not in _VALUES:
        raise InvalidConditionExpressionError(
            'invalid condition expression, expected one of [true, 1, false, 0] but got '
            f"'{text}', expanded from '{' + '.join(sub.describe() for sub in expression)}'"
        )
    return _VALUES[text]


class IfCondition(Condition):
    """Holds if its expression is true."""

    def __init__(self, predicate_expression: SomeSubstitutionsType) -> None:
        """:param predicate_expression: becomes true, false, 1 or 0"""
        self.__expression = normalize_to_list_of_substitutions(predicate_expression)
        super().__init__(predicate=self._predicate_func)

    def _predicate_func(self, context: LaunchContext) -> bool:
        return evaluate_condition_expression(context, self.__expression)


class UnlessCondition(IfCondition):
    """Holds if its expression is false."""

    def _predicate_func(self, context: LaunchContext) -> bool:
        return not super()._predicate_func(context)


class LaunchConfigurationEquals(Condition):
    """Holds if a launch configuration has a value; None is being unset. Deprecated by ROS 2."""

    def __init__(
        self,
        launch_configuration_name: str,
        expected_value: SomeSubstitutionsType | None,
    ) -> None:
        """:param launch_configuration_name: the name, as plain text"""
        warnings.warn(
            f'{type(self).__name__} is deprecated: use IfCondition(EqualsSubstitution('
            "LaunchConfiguration('name'), 'value'))",
            UserWarning,
            stacklevel=2,
        )
        self.__name = launch_configuration_name
        self.__expected = (
            None if expected_value is None else normalize_to_list_of_substitutions(expected_value)
        )
        super().__init__(predicate=self._predicate_func)

    def _predicate_func(self, context: LaunchContext) -> bool:
        expected = (
            None if self.__expected is None else perform_substitutions(context, self.__expected)
        )
        return bool(context.launch_configurations.get(self.__name) == expected)


class LaunchConfigurationNotEquals(LaunchConfigurationEquals):
    """Holds if a launch configuration does not have a value. Deprecated by ROS 2."""

    def _predicate_func(self, context: LaunchContext) -> bool:
        return not super()._predicate_func(context)
