# SPDX-License-Identifier: Apache-2.0
"""What substitutions have in common: the texts they are made of, and the error of all."""

from __future__ import annotations

from .._values import Text
from ..launch_context import LaunchContext
from ..some_substitutions_type import SomeSubstitutionsType
from ..substitution import Substitution


class SubstitutionFailure(RuntimeError):
    """There is no text that a substitution could stand for."""


class OfTexts(Substitution):
    """A substitution that is made of texts."""

    label = ''

    def __init__(self, *texts: SomeSubstitutionsType) -> None:
        """:raises TypeError: if one is neither text nor substitutions"""
        self._texts = [Text(text) for text in texts]

    def describe(self) -> str:
        """Return this as a call with its texts."""
        words = ', '.join(text.describe() for text in self._texts)
        return f'{self.label or type(self).__name__}({words})'

    def _performed(self, context: LaunchContext) -> list[str]:
        return [text.perform(context) for text in self._texts]
