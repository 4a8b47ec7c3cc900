# SPDX-License-Identifier: Apache-2.0
"""Substitutions that decide: their text is 'true' or 'false'."""

from __future__ import annotations

import math
from typing import Any

from .._values import has_substitutions, read
from ..launch_context import LaunchContext
from ..some_substitutions_type import SomeSubstitutionsType
from .base import OfTexts, SubstitutionFailure


def _truth(text: str) -> bool:
    try:
        return bool(read(text, bool))
    except ValueError as error:
        raise SubstitutionFailure(str(error)) from None


class _Decision(OfTexts):
    """Decides by the texts, all of which are performed in any case."""

    def _decide(self, *texts: str) -> bool:
        raise NotImplementedError

    def perform(self, context: LaunchContext) -> str:
        """Return 'true' or 'false'; SubstitutionFailure if a text should be a boolean and is none."""
        return 'true' if self._decide(*self._performed(context)) else 'false'


class NotSubstitution(_Decision):
    """Whether a boolean is false."""

    def __init__(self, value: SomeSubstitutionsType) -> None:
        """:param value: the boolean"""
        super().__init__(value)

    def _decide(self, *texts: str) -> bool:
        return not _truth(*texts)


class AndSubstitution(_Decision):
    """Whether two booleans are true."""

    def __init__(self, left: SomeSubstitutionsType, right: SomeSubstitutionsType) -> None:
        """Take the two."""
        super().__init__(left, right)

    def _decide(self, *texts: str) -> bool:
        return all([_truth(text) for text in texts])


class OrSubstitution(AndSubstitution):
    """Whether one of two booleans is true, or both are."""

    def _decide(self, *texts: str) -> bool:
        return any([_truth(text) for text in texts])


class EqualsSubstitution(_Decision):
    """Whether two values are equal: as booleans or numbers where they are such, else as texts."""

    def __init__(self, left: Any, right: Any) -> None:
        """Take the two: text, substitutions, or anything that has a text; None is empty."""
        super().__init__(*(_comparable(value) for value in (left, right)))

    def _decide(self, *texts: str) -> bool:
        booleans = {'true': True, '1': True, 'false': False, '0': False}
        truths = {booleans.get(text.lower()) for text in texts}
        if None not in truths:
            return len(truths) == 1
        try:
            return math.isclose(*map(float, texts))
        except ValueError:
            return len(set(texts)) == 1


def _comparable(value: Any) -> Any:
    if has_substitutions(value):
        return value
    return '' if value is None else str(value)


class NotEqualsSubstitution(EqualsSubstitution):
    """Whether two values are not equal."""

    def _decide(self, *texts: str) -> bool:
        return not super()._decide(*texts)
