# SPDX-License-Identifier: Apache-2.0
"""What is wrong with what is heard; each fault is named once when it begins."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from act_ros.data import spoilt
from act_ros.data.recording.grid import RowData


class Wrong(Enum):
    """How a source can be wrong; the value stands before its name in a sentence."""

    LACKING = spoilt.LACKING
    OLD = spoilt.OLD
    FROZEN = spoilt.FROZEN
    CONTESTED = spoilt.DOUBTED


def in_words(found: Iterable[tuple[Wrong, str]]) -> str:
    """What is wrong for a person: 'nothing from A, B; old: C'; '' if nothing is."""
    found = list(found)
    names = {wrong: [name for how, name in found if how is wrong] for wrong in Wrong}
    return '; '.join(f'{wrong.value} {", ".join(names[wrong])}' for wrong in Wrong if names[wrong])


class SourceWatch:
    """Looks at every row. `found`: what is wrong now, and with which sources."""

    def __init__(self) -> None:
        """Nothing was heard, nothing is wrong."""
        self.found: list[tuple[Wrong, str]] = []

    @property
    def reason(self) -> str:
        """What is wrong now in words, or ''."""
        return in_words(self.found)

    def look(self, row: RowData | list[str], contested: Iterable[str] = ()) -> bool:
        """Take in a row, or the sources that it lacks; whether what is wrong has changed.

        `contested`: sources that several nodes publish, or that say what cannot be.
        """
        before = self.found
        if isinstance(row, RowData):
            old = [(Wrong.OLD, name) for name in row.stale]
            self.found = old + [(Wrong.FROZEN, name) for name in row.frozen]
        else:
            self.found = [(Wrong.LACKING, name) for name in row]
        self.found += [(Wrong.CONTESTED, name) for name in contested]
        return self.found != before
