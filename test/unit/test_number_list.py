# SPDX-License-Identifier: Apache-2.0
"""Seeds and episodes as a person writes them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_ros.number_list import MOST_NUMBER, MOST_NUMBERS, among, numbers_text, parse_numbers


@pytest.mark.parametrize(
    ('text', 'seeds'),
    [
        ('7', (7,)),
        ('0-3', (0, 1, 2, 3)),
        ('5-5', (5,)),
        ('0-2,20,30-31', (0, 1, 2, 20, 30, 31)),
        (' 4 - 5 , 1', (4, 5, 1)),
        (f'{MOST_NUMBER}', (MOST_NUMBER,)),
    ],
)
def test_lists_and_ranges_are_read_in_their_order(text: str, seeds: tuple[int, ...]) -> None:
    assert parse_numbers(text, 'seeds') == seeds


@settings(deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=40, unique=True))
def test_seeds_are_written_as_they_are_read(seeds: list[int]) -> None:
    assert parse_numbers(numbers_text(seeds), 'seeds') == tuple(seeds)


@settings(deadline=None)
@given(st.text('0123456789-, x', max_size=12))
def test_a_text_is_read_whole_or_refused_in_one_line(text: str) -> None:
    try:
        seeds = parse_numbers(text, 'seeds')
    except ValueError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert seeds and len(set(seeds)) == len(seeds) <= MOST_NUMBERS


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', "'' names no seeds; expected e.g. 0-49"),
        ('1,,2', 'names no seeds'),
        ('-3', 'names no seeds'),
        ('1.5', 'names no seeds'),
        ('٣', 'names no seeds'),
        ('9-0', '9-0 runs backwards; the smaller number comes first: 0-9'),
        ('0-9,5', '5 is named twice in 0-9,5; name each of the seeds once'),
        ('0-99999999999', 'more than 10000 seeds'),
        ('0-5000,6000-11000', '6000-11000 makes more than 10000 seeds'),
        ('9' * 19, 'the largest number is 9223372036854775807'),
        ('9' * 5000, 'names no seeds'),
    ],
)
def test_what_is_no_list_of_seeds_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_numbers(text, 'seeds')


def test_no_seeds_are_written_as_none() -> None:
    assert numbers_text([]) == 'none'
    assert numbers_text([3, 2, 1]) == '3,2,1'


def test_seeds_among_runs_include_the_ends() -> None:
    assert among(range(12), [(2, 4), (9, 9), (20, 30)]) == (2, 3, 4, 9)
