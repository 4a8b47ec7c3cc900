# SPDX-License-Identifier: Apache-2.0
"""Whether two policies differ in their success on the same seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

ALPHA = 0.05
"""A difference is called one where its like would come by chance less often than this."""


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p of McNemar's exact test on paired outcomes (Q. McNemar, Psychometrika 12, 1947).

    Only the pairs in which one succeeded and the other failed say anything. If the two were equally
    good, each such pair would fall to either with probability 1/2, so the p is that of a binomial
    test; the exact form as in Fagerland, Lydersen and Laake (BMC Med. Res. Methodol. 13:91, 2013).

    Raises:
        ValueError: a count is negative.
    """
    if min(only_first, only_second) < 0:
        raise ValueError(f'{only_first} and {only_second} are no numbers of pairs')
    n, ways, way = only_first + only_second, 0, 1
    for i in range(min(only_first, only_second) + 1):
        ways += way  # `way`: n over i
        way = way * (n - i) // (i + 1)
    p: float = 2 * ways / 2**n
    return min(1.0, p)


def holm(values: Sequence[float]) -> list[float]:
    """p values of several tests, corrected for their number (S. Holm, Scand. J. Statist. 6, 1979)."""
    corrected = [0.0] * len(values)
    least = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        least = max(least, min(1.0, (len(values) - rank) * values[index]))
        corrected[index] = least
    return corrected


@dataclass(frozen=True)
class Comparison:
    """Two policies on the same seeds.

    Attributes:
        first, second: their names.
        pairs: seeds that both have run.
        successes: of either on those.
        only_first, only_second: seeds on which one alone succeeded.
        p: of McNemar's exact test.
        p_corrected: by Holm for the number of comparisons; the same where there is one.
    """

    first: str
    second: str
    pairs: int
    successes: tuple[int, int]
    only_first: int
    only_second: int
    p: float
    p_corrected: float

    @property
    def differ(self) -> bool:
        """Whether the difference is more than chance is believed to make."""
        return self.p_corrected < ALPHA

    def sentence(self, tests: int = 1) -> str:
        """The comparison in plain words; `tests` is how many there are."""
        many = f', corrected for {tests} comparisons' if tests > 1 else ''
        verdict = (
            'they differ' if self.differ else f'no difference can be told from {self.pairs} seeds'
        )
        return (
            f'{self.first} does {self.successes[0]}, {self.second} {self.successes[1]} of {self.pairs}; '
            f'{self.only_first} seeds only {self.first}, {self.only_second} only {self.second}: '
            f'{_shown(self.p_corrected)}{many}: {verdict}'
        )


def compare_with_first(outcomes: Mapping[str, Mapping[int, bool]]) -> list[Comparison]:
    """Compare each policy with the first, on the seeds that both have run.

    Args:
        outcomes: by policy, whether it succeeded by seed.
    """
    (first, mine), *others = outcomes.items()
    made = []
    for second, theirs in others:
        seeds = mine.keys() & theirs.keys()
        a, b = sum(mine[s] for s in seeds), sum(theirs[s] for s in seeds)
        both = sum(mine[s] and theirs[s] for s in seeds)
        p = mcnemar(a - both, b - both)
        made.append(Comparison(first, second, len(seeds), (a, b), a - both, b - both, p, p))
    corrected = holm([comparison.p for comparison in made])
    return [replace(c, p_corrected=p) for c, p in zip(made, corrected, strict=True)]


def _shown(p: float) -> str:
    return 'p < 0.0001' if p < 0.0001 else f'p = {p:.2g}'
