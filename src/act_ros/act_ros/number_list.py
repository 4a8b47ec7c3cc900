# SPDX-License-Identifier: Apache-2.0
"""Seeds and episodes as a person writes them: '0-49', or '0-9,20,30-39'."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

MOST_NUMBERS = 10_000
"""More than these are taken for a slip of the hand: they would run for days."""
MOST_NUMBER = 2**63 - 1


def parse_runs(text: str, what: str) -> list[tuple[int, int]]:
    """The runs (first, last) that a text names, in its order.

    Args:
        text: numbers and ranges, with commas between them.
        what: they number, in the plural, for the error.

    Raises:
        ValueError: it names none, a range backwards, or too many.
    """
    runs: list[tuple[int, int]] = []
    for part in text.split(','):
        match = re.fullmatch(r'\s*([0-9]{1,19})(?:\s*-\s*([0-9]{1,19}))?\s*', part)
        if not match:
            raise ValueError(f"'{text}' names no {what}; expected e.g. 0-49 or 0-9,20,30-39")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise ValueError(
                f'{first}-{last} runs backwards; the smaller number comes first: {last}-{first}'
            )
        if last > MOST_NUMBER:
            raise ValueError(f'{last} is too large; the largest number is {MOST_NUMBER}')
        runs.append((first, last))
        if sum(b - a + 1 for a, b in runs) > MOST_NUMBERS:
            raise ValueError(
                f'{first}-{last} makes more than {MOST_NUMBERS} {what}; name fewer in one run'
            )
    return runs


def parse_numbers(text: str, what: str) -> tuple[int, ...]:
    """The numbers that a text names, in its order.

    Raises:
        ValueError: as `parse_runs`, or a number is named twice.
    """
    seen: dict[int, None] = {}
    for first, last in parse_runs(text, what):
        for number in range(first, last + 1):
            if number in seen:
                raise ValueError(
                    f'{number} is named twice in {text}; name each of the {what} once'
                )
            seen[number] = None
    return tuple(seen)


def numbers_text(numbers: Iterable[int]) -> str:
    """Numbers as `parse_numbers` reads them, in their order; 'none' if there are none."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ','.join(str(a) if a == b else f'{a}-{b}' for a, b in runs) or 'none'


def among(numbers: Iterable[int], runs: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Those numbers that lie in any of the runs (first, last)."""
    return tuple(n for n in numbers if any(first <= n <= last for first, last in runs))
