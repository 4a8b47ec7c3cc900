# SPDX-License-Identifier: Apache-2.0
"""Seeds as a person writes them."""

from __future__ import annotations

from argparse import ArgumentTypeError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_ros.commands.seed_list import MOST_SEED, MOST_SEEDS, among, parse_seeds, seeds_text


@pytest.mark.parametrize(
    ('text', 'seeds'),
    [
        ('7', (7,)),
        ('0-3', (0, 1, 2, 3)),
        ('5-5', (5,)),
        ('0-2,20,30-31', (0, 1, 2, 20, 30, 31)),
        (' 4 - 5 , 1', (4, 5, 1)),
        (f'{MOST_SEED}', (MOST_SEED,)),
    ],
)
def test_lists_and_ranges_are_read_in_their_order(text: str, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@settings(deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=40, unique=True))
def test_seeds_are_written_as_they_are_read(seeds: list[int]) -> None:
    assert parse_seeds(seeds_text(seeds)) == tuple(seeds)


@settings(deadline=None)
@given(st.text('0123456789-, x', max_size=12))
def test_a_text_is_read_whole_or_refused_in_one_line(text: str) -> None:
    try:
        seeds = parse_seeds(text)
    except ArgumentTypeError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert seeds and len(set(seeds)) == len(seeds) <= MOST_SEEDS


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', "'' names no seeds; expected e.g. 0-49"),
        ('1,,2', 'names no seeds'),
        ('-3', 'names no seeds'),
        ('1.5', 'names no seeds'),
        ('٣', 'names no seeds'),
        ('9-0', '9-0 runs backwards; the smaller seed comes first: 0-9'),
        ('0-9,5', 'seed 5 is named twice'),
        ('0-99999999999', 'more than 10000 seeds'),
        ('0-5000,6000-11000', '6000-11000 makes more than 10000 seeds'),
        ('9' * 19, 'the largest is 9223372036854775807'),
        ('9' * 5000, 'names no seeds'),
    ],
)
def test_what_is_no_list_of_seeds_is_refused(text: str, message: str) -> None:
    with pytest.raises(ArgumentTypeError, match=message):
        parse_seeds(text)


def test_no_seeds_are_written_as_none() -> None:
    assert seeds_text([]) == 'none'
    assert seeds_text([3, 2, 1]) == '3,2,1'


def test_seeds_among_runs_include_the_ends() -> None:
    assert among(range(12), [(2, 4), (9, 9), (20, 30)]) == (2, 3, 4, 9)
