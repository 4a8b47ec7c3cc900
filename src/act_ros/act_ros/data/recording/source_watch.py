# SPDX-License-Identifier: Apache-2.0
"""What is wrong with what is heard, in words; each fault is named once when it begins."""

from __future__ import annotations

from act_ros.data.recording.grid import RowData


class SourceWatch:
    """Looks at every row. `reason`: what is wrong now, or ''; `lacking`: the sources without data."""

    def __init__(self) -> None:
        """Nothing was heard, nothing is wrong."""
        self.reason = ''
        self.lacking: list[str] = []

    def look(self, row: RowData | list[str]) -> bool:
        """Take in a row, or the sources that it lacks; whether what is wrong has changed."""
        before = self.reason
        if isinstance(row, RowData):
            self.lacking = []
            found = {'old': row.stale, 'frozen': row.frozen}
            self.reason = '; '.join(f'{k}: {", ".join(v)}' for k, v in found.items() if v)
        else:
            self.lacking = row
            self.reason = f'nothing from {", ".join(row)}'
        return self.reason != before
