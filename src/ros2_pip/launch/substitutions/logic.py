# SPDX-License-Identifier: Apache-2.0
"""Substitutions that decide: their text is 'true' or 'false', or one of two."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..substitution import Substitution
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from ..utilities.type_utils import is_substitution, perform_typed_substitution
from .failure import SubstitutionFailure
from .values import described

if TYPE_CHECKING:
    from ..launch_context import LaunchContext
    from ..some_substitutions_type import SomeSubstitutionsType


def _text(value: bool) -> str:
    return str(value).lower()


def _truth(context: LaunchContext, subs: list[Substitution]) -> bool:
    """Return the boolean of ``subs``: true, false, 1, 0 and YAML's other words for them."""
    try:
        return bool(perform_typed_substitution(context, subs, bool))
    except (TypeError, ValueError) as error:
        raise SubstitutionFailure(str(error)) from error


class _Booleans(Substitution):
    """What the substitutions of one or more booleans share."""

    def __init__(self, *values: SomeSubstitutionsType) -> None:
        super().__init__()
        self.args = [normalize_to_list_of_substitutions(value) for value in values]

    def describe(self) -> str:
        """Return ``Name(value value)``."""
        return f'{type(self).__name__}({" ".join(described(arg) for arg in self.args)})'

    def _truths(self, context: LaunchContext) -> list[bool]:
        # All are performed, whatever the first ones are: a value that is no boolean is an error.
        return [_truth(context, arg) for arg in self.args]


class NotSubstitution(_Booleans):
    """The opposite of a boolean."""

    def __init__(self, value: SomeSubstitutionsType) -> None:
        """:param value: becomes a boolean"""
        super().__init__(value)

    def perform(self, context: LaunchContext) -> str:
        """Return 'true' or 'false'; SubstitutionFailure if the value is no boolean."""
        return _text(not self._truths(context)[0])


class AndSubstitution(_Booleans):
    """Whether both of two booleans are true."""

    def __init__(self, left: SomeSubstitutionsType, right: SomeSubstitutionsType) -> None:
        """Both become booleans."""
        super().__init__(left, right)

    def perform(self, context: LaunchContext) -> str:
        """Return 'true' or 'false'; SubstitutionFailure if a value is no boolean."""
        return _text(all(self._truths(context)))


class OrSubstitution(_Booleans):
    """Whether at least one of two booleans is true."""

    def __init__(self, left: SomeSubstitutionsType, right: SomeSubstitutionsType) -> None:
        """Both become booleans."""
        super().__init__(left, right)

    def perform(self, context: LaunchContext) -> str:
        """Return 'true' or 'false'; SubstitutionFailure if a value is no boolean."""
        return _text(any(self._truths(context)))


class AnySubstitution(_Booleans):
    """Whether at least one of some booleans is true."""

    def perform(self, context: LaunchContext) -> str:
        """Return 'true' or 'false'; SubstitutionFailure if a value is no boolean."""
        return _text(any(self._truths(context)))


class AllSubstitution(_Booleans):
    """Whether all of some booleans are true."""

    def perform(self, context: LaunchContext) -> str:
        """Return 'true' or 'false'; SubstitutionFailure if a value is no boolean."""
        return _text(all(self._truths(context)))


class EqualsSubstitution(Substitution):
    """Whether two values are the same, as booleans or numbers if both are, else as text."""

    def __init__(self, left: Any, right: Any) -> None:
        """:param left: a substitution, or anything that has a str(); so is ``right``"""
        super().__init__()
        self.left = self.__normalized(left)
        self.right = self.__normalized(right)

    @staticmethod
    def __normalized(value: Any) -> list[Substitution]:
        if not is_substitution(value):
            value = (
                '' if value is None else _text(value) if isinstance(value, bool) else str(value)
            )
        return normalize_to_list_of_substitutions(value)

    def describe(self) -> str:
        """Return ``Name(left right)``."""
        return f'{type(self).__name__}({described(self.left)} {described(self.right)})'

    def _equal(self, context: LaunchContext) -> bool:
        left = perform_substitutions(context, self.left)
        right = perform_substitutions(context, self.right)
        booleans = {'true': True, '1': True, 'false': False, '0': False}
        if left.lower() in booleans and right.lower() in booleans:
            return booleans[left.lower()] == booleans[right.lower()]
        try:
            return math.isclose(float(left), float(right))
        except ValueError:
            return left == right

    def perform(self, context: LaunchContext) -> str:
        """Return 'true' or 'false'."""
        return _text(self._equal(context))


class NotEqualsSubstitution(EqualsSubstitution):
    """Whether two values are not the same."""

    def perform(self, context: LaunchContext) -> str:
        """Return 'true' or 'false'."""
        return _text(not self._equal(context))


class IfElseSubstitution(Substitution):
    """One of two values, by a boolean."""

    def __init__(
        self,
        condition: SomeSubstitutionsType,
        if_value: SomeSubstitutionsType = '',
        else_value: SomeSubstitutionsType = '',
    ) -> None:
        """:raises RuntimeError: if neither value is given"""
        super().__init__()
        if if_value == else_value == '':
            raise RuntimeError('One of if_value and else_value must be specified')
        self.condition = normalize_to_list_of_substitutions(condition)
        self.if_value = normalize_to_list_of_substitutions(if_value)
        self.else_value = normalize_to_list_of_substitutions(else_value)

    def describe(self) -> str:
        """Return ``IfElseSubstitution(condition, value, other value)``."""
        parts = ', '.join(described(p) for p in (self.condition, self.if_value, self.else_value))
        return f'IfElseSubstitution({parts})'

    def perform(self, context: LaunchContext) -> str:
        """Return the value chosen; SubstitutionFailure if the condition is no boolean."""
        chosen = self.if_value if _truth(context, self.condition) else self.else_value
        return perform_substitutions(context, chosen)
