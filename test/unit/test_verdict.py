# SPDX-License-Identifier: Apache-2.0
"""Whether two policies differ: McNemar's exact test, and Holm's correction."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_ros.commands.verdict import compare_with_first, holm, mcnemar


@pytest.mark.parametrize('n', range(13))
def test_mcnemar_counts_the_ways_chance_could_be_as_uneven(n: int) -> None:
    """By force: each discordant pair falls to either side, all 2^n ways alike."""
    sums = [abs(n - 2 * sum(sides)) for sides in product((0, 1), repeat=n)]
    for only_first in range(n + 1):
        unevenness = abs(n - 2 * only_first)
        share = sum(s >= unevenness for s in sums) / len(sums)
        assert mcnemar(only_first, n - only_first) == pytest.approx(share)


def test_mcnemar_agrees_with_a_published_value() -> None:
    # Fagerland, Lydersen, Laake 2013, table 1 (airway hyper-responsiveness): 1 against 7 pairs.
    assert mcnemar(1, 7) == pytest.approx(0.0703, abs=5e-5)


@settings(deadline=None)
@given(st.integers(0, 2000), st.integers(0, 2000))
def test_mcnemar_knows_no_order_and_stays_a_probability(a: int, b: int) -> None:
    assert 0.0 <= mcnemar(a, b) == mcnemar(b, a) <= 1.0


def test_mcnemar_refuses_negative_counts() -> None:
    with pytest.raises(ValueError, match='-1 and 3'):
        mcnemar(-1, 3)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_as_his_step_down_procedure(values: list[float]) -> None:
    """By the definition: the smallest p against alpha / m, the next against alpha / (m - 1), until one fails."""
    corrected = holm(values)
    for alpha in (0.01, 0.05, 0.2):
        ordered = sorted(range(len(values)), key=values.__getitem__)
        rejected = set()
        for rank, index in enumerate(ordered):
            if (len(values) - rank) * values[index] >= alpha:
                break
            rejected.add(index)
        assert {i for i, p in enumerate(corrected) if p < alpha} == rejected


def outcomes(both: int, mine: int, theirs: int, neither: int) -> list[dict[int, bool]]:
    pairs = [(True, True)] * both + [(True, False)] * mine + [(False, True)] * theirs
    pairs += [(False, False)] * neither
    return [{seed: pair[i] for seed, pair in enumerate(pairs)} for i in (0, 1)]


def test_a_difference_is_said_in_plain_words() -> None:
    a, b = outcomes(39, 8, 1, 2)
    (comparison,) = compare_with_first({'A': a, 'B': b})
    assert comparison.sentence() == (
        'A does 47, B 40 of 50; 8 seeds only A, 1 only B: p = 0.039: they differ'
    )


def test_what_cannot_be_told_is_said_too() -> None:
    a, b = outcomes(45, 2, 1, 2)
    (comparison,) = compare_with_first({'A': a, 'B': b})
    assert not comparison.differ
    assert comparison.sentence().endswith(': p = 1: no difference can be told from 50 seeds')


def test_several_policies_are_compared_with_the_first_and_corrected() -> None:
    a, b = outcomes(39, 8, 1, 2)
    comparisons = compare_with_first({'A': a, 'B': b, 'C': a})
    assert [(c.first, c.second) for c in comparisons] == [('A', 'B'), ('A', 'C')]
    assert comparisons[0].p_corrected == pytest.approx(2 * comparisons[0].p)
    assert not comparisons[0].differ
    assert 'corrected for 2 comparisons' in comparisons[0].sentence(2)


def test_only_seeds_that_both_have_run_are_compared() -> None:
    (comparison,) = compare_with_first(
        {'A': {0: True, 1: True, 2: True}, 'B': {0: False, 1: True}}
    )
    assert (comparison.pairs, comparison.successes) == (2, (2, 1))
    assert (comparison.only_first, comparison.only_second) == (1, 0)
