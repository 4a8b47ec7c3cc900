# SPDX-License-Identifier: Apache-2.0
"""What launch files give as a value: text, or something of a type, in which substitutions may be."""

from __future__ import annotations

from typing import Any, get_args, get_origin

import yaml

from .launch_context import LaunchContext
from .some_substitutions_type import SomeSubstitutionsType
from .substitution import Substitution
from .utilities import normalize_to_list_of_substitutions, perform_substitutions

SCALARS = (bool, int, float, str)


class Text(Substitution):
    """A text in parts."""

    def __init__(self, value: SomeSubstitutionsType) -> None:
        """:raises TypeError: if a part is neither text nor a substitution"""
        self.parts = normalize_to_list_of_substitutions(value)

    def describe(self) -> str:
        """Return the parts in words."""
        return ' + '.join(part.describe() for part in self.parts)

    def perform(self, context: LaunchContext) -> str:
        """Return the text."""
        return perform_substitutions(context, self.parts)


class Typed:
    """A value of a type, or what becomes one: a scalar, or a list whose elements have one type."""

    def __init__(self, value: Any, kind: Any = None) -> None:
        """
        :param value: the value; substitutions, or text with substitutions in it, are read as YAML
        :param kind: bool, int, float, str or a `List` of one of them; None takes whatever it is
        :raises TypeError: if it can be seen already that this is not its type
        """
        self._kind = kind
        (self._item_kind,) = get_args(kind) or (None,)
        if (self._item_kind or kind) not in (None, *SCALARS):
            raise ValueError(f'{kind} is no type of a parameter or an argument')
        if isinstance(value, (list, tuple)) and not has_substitutions(value):
            value = [Text(item) if has_substitutions(item) else item for item in value]
            plain = not any(isinstance(item, Text) for item in value)
        else:
            plain = not has_substitutions(value)
            value = value if plain else Text(value)
        self._value = value
        if plain:
            self._value = self._checked(value, TypeError)

    def perform(self, context: LaunchContext) -> Any:
        """Return the value; ValueError if it is not of the type."""
        if isinstance(self._value, Text):
            return read(self._value.perform(context), self._kind)
        if not isinstance(self._value, list):
            return self._value
        items = [
            read(item.perform(context), self._item_kind) if isinstance(item, Text) else item
            for item in self._value
        ]
        return self._checked(items, ValueError)

    def _checked(self, value: Any, error: type[Exception]) -> Any:
        if isinstance(value, list):
            kinds = {type(item) for item in value}
            if kinds == {int, float} or (self._item_kind is float and kinds == {int}):
                value = [float(item) for item in value]
        if not fits(value, self._kind):
            raise error(f'{value!r} is {_expected(self._kind)}')
        return value


def has_substitutions(value: Any) -> bool:
    """Return whether `value` is a substitution, or text in parts of which one is a substitution."""
    if isinstance(value, (list, tuple)):
        kinds = {isinstance(item, Substitution) for item in value if not isinstance(item, str)}
        return kinds == {True}
    return isinstance(value, Substitution)


def fits(value: Any, kind: Any) -> bool:
    """Return whether `value` is of type `kind`; None is any scalar, or list of scalars of a type."""
    if get_origin(kind) is list:
        return isinstance(value, list) and all(fits(item, *get_args(kind)) for item in value)
    if kind is not None:
        return isinstance(value, kind)
    if isinstance(value, list):
        kinds = {type(item) for item in value}
        return len(kinds) < 2 and kinds <= set(SCALARS)
    return isinstance(value, SCALARS)


def read(text: str, kind: Any = None) -> Any:
    """
    Return what `text` says, by the rules of YAML where it is neither text nor a number.

    :raises ValueError: if that is not of type `kind`
    """
    if kind is str:
        return text
    if kind in (int, float):
        return kind(text)
    if kind is bool:
        text = {'1': 'true', '0': 'false'}.get(text, text)
    try:
        value = yaml.safe_load(text) if text else text
    except yaml.YAMLError:
        raise ValueError(f"'{text}' is no YAML") from None
    if not fits(value, kind):
        raise ValueError(f"'{text}' is {_expected(kind)}")
    return value


def _expected(kind: Any) -> str:
    if kind is None:
        return 'neither a bool, a number or a text, nor a list of only one of these'
    return f'not of type {kind.__name__ if isinstance(kind, type) else kind}'
