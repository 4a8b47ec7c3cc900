# SPDX-License-Identifier: Apache-2.0
"""The one way in which a benchmark says what it found: figures, their targets, and what could not be measured.

Each program prints what a person wants to see of its matter as it likes, and ends with `Findings.end`: a line for
each figure, with its target, met or missed, a line for each thing that was not measured, with the reason, and the
same as a file for `bench.py`.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """What was measured.

    Attributes:
        what: in words.
        value, unit: of it.
        target: what it should be, in words; '' where it is only told.
        met: whether it is so; None where there is no target.
    """

    what: str
    value: float
    unit: str
    target: str
    met: bool | None

    def __str__(self) -> str:
        return f'{self.value:.4g} {self.unit}'.strip()


def add_json(parser: argparse.ArgumentParser) -> None:
    """The option that all benchmarks have."""
    parser.add_argument('--json', type=Path, help='also write the figures to this file')


class Findings:
    """What a benchmark has found so far."""

    def __init__(self) -> None:
        """Nothing."""
        self.figures: list[Figure] = []
        self.missing: list[tuple[str, str]] = []

    def figure(
        self,
        what: str,
        value: float,
        unit: str = '',
        *,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> None:
        """Keep a figure; a value that is not a number meets no target."""
        bounds = [('at least', at_least), ('at most', at_most)]
        target = ', '.join(f'{word} {bound:g}' for word, bound in bounds if bound is not None)
        met = (at_most is None or value <= at_most) and (at_least is None or value >= at_least)
        self.figures.append(
            Figure(what, float(value), unit, target, bool(met) if target else None)
        )

    def count(self, what: str, good: int, of: int) -> None:
        """Keep how many of some were as they should all be."""
        self.figures.append(Figure(what, good, f'of {of}', 'all', good == of))

    def not_measured(self, what: str, why: str) -> None:
        """Keep that something could not be measured here."""
        self.missing.append((what, why))

    def end(self, path: Path | None) -> int:
        """Print the figures and verdicts, write the file where one is asked for.

        Returns:
            The exit status: 0 if every target is met, 1 if one is missed, 2 if nothing was measured.
        """
        for figure in self.figures:
            verdict = {None: 'figure', True: 'target met', False: 'target MISSED'}[figure.met]
            target = f' ({figure.target})' if figure.target else ''
            print(f'{verdict:<14} {figure.what}: {figure}{target}')
        for what, why in self.missing:
            print(f'not measured   {what}: {why}', flush=True)
        if path:
            data = {
                'figures': [asdict(figure) for figure in self.figures],
                'missing': self.missing,
            }
            path.write_text(json.dumps(data, indent=1) + '\n', encoding='utf-8')
        if not self.figures:
            return 2
        return int(any(figure.met is False for figure in self.figures))
