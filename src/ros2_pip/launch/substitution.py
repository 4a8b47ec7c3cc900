# SPDX-License-Identifier: Apache-2.0
"""Values of a launch file that are known only while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .launch_context import LaunchContext


class Substitution:
    """A value that becomes text when it is performed in a launch context."""

    def describe(self) -> str:
        """Return a short text for ``--show-args`` and ``--print``."""
        return repr(self)

    def perform(self, context: LaunchContext) -> str:
        """Return the text this stands for in ``context``."""
        raise NotImplementedError(f'{type(self).__name__} has no perform()')


class TextSubstitution(Substitution):
    """Text that stands for itself."""

    def __init__(self, *, text: str) -> None:
        """:raises TypeError: if ``text`` is not a str"""
        super().__init__()
        if not isinstance(text, str):
            raise TypeError(f"TextSubstitution expected Text object got '{type(text)}' instead.")
        self.text = text

    def describe(self) -> str:
        """Return the text in quotes."""
        return f"'{self.text}'"

    def perform(self, context: LaunchContext) -> str:
        """Return the text."""
        return self.text
