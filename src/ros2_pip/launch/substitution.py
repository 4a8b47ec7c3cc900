# SPDX-License-Identifier: Apache-2.0
"""Values of a launch file that are known once it runs."""

from __future__ import annotations

from .launch_context import LaunchContext


class Substitution:
    """Stands for a text; it becomes that text in the context of a launch."""

    def describe(self) -> str:
        """Return this in words, for `--show-args`."""
        return f'{type(self).__name__}()'

    def perform(self, context: LaunchContext) -> str:
        """Return the text."""
        raise NotImplementedError(f'{type(self).__name__}.perform')


class TextSubstitution(Substitution):
    """A text that is known."""

    def __init__(self, *, text: str) -> None:
        """:raises TypeError: if it is no text"""
        if not isinstance(text, str):
            raise TypeError(f'TextSubstitution(text={text!r}): not a str')
        self.text = text

    def describe(self) -> str:
        """Return the text in quotes."""
        return f"'{self.text}'"

    def perform(self, context: LaunchContext) -> str:
        """Return the text."""
        return self.text
