# SPDX-License-Identifier: Apache-2.0
"""Seeds as a person writes them: '0-49', or '0-9,20,30-39'."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Iterable, Sequence

MOST_SEEDS = 10_000
"""More than these are taken for a slip of the hand: they would run for days."""
MOST_SEED = 2**63 - 1


def parse_seeds(text: str) -> tuple[int, ...]:
    """The seeds that a text names, in its order.

    Raises:
        ArgumentTypeError: it names none, one of them twice, a range backwards, or too many.
    """
    seeds: list[int] = []
    for part in text.split(','):
        match = re.fullmatch(r'\s*([0-9]{1,19})(?:\s*-\s*([0-9]{1,19}))?\s*', part)
        if not match:
            raise ArgumentTypeError(f"'{text}' names no seeds; expected e.g. 0-49 or 0-9,20,30-39")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise ArgumentTypeError(
                f'{first}-{last} runs backwards; the smaller seed comes first: {last}-{first}'
            )
        if last > MOST_SEED:
            raise ArgumentTypeError(f'{last} is no seed; the largest is {MOST_SEED}')
        if len(seeds) + last - first + 1 > MOST_SEEDS:
            raise ArgumentTypeError(
                f'{first}-{last} makes more than {MOST_SEEDS} seeds; name fewer in one run'
            )
        seeds += range(first, last + 1)
    seen: set[int] = set()
    for seed in seeds:
        if seed in seen:
            raise ArgumentTypeError(f'seed {seed} is named twice in {text}; name each once')
        seen.add(seed)
    return tuple(seeds)


def seeds_text(seeds: Iterable[int]) -> str:
    """Seeds as `parse_seeds` reads them, in their order; 'none' if there are none."""
    runs: list[list[int]] = []
    for seed in seeds:
        if runs and seed == runs[-1][1] + 1:
            runs[-1][1] = seed
        else:
            runs.append([seed, seed])
    return ','.join(str(a) if a == b else f'{a}-{b}' for a, b in runs) or 'none'


def among(seeds: Iterable[int], runs: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Those seeds that lie in any of the runs (first, last)."""
    return tuple(seed for seed in seeds if any(first <= seed <= last for first, last in runs))
