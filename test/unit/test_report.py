# SPDX-License-Identifier: Apache-2.0
"""What people look at: intervals and plots."""

from pathlib import Path

import cv2
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from act_ros.commands.report import (
    EpisodeTrace,
    plot_episode,
    success_line,
    wilson_interval,
)


def test_wilson_interval_agrees_with_published_values() -> None:
    # Newcombe 1998 (Statistics in Medicine 17), table I, method 3: 81 of 263 and 15 of 148.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=2e-4)
    assert wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=2e-4)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_the_proportion_and_stays_in_bounds(case: tuple[int, int]) -> None:
    low, high = wilson_interval(*case)
    assert 0.0 <= low <= case[0] / case[1] + 1e-12
    assert case[0] / case[1] - 1e-12 <= high <= 1.0


@pytest.mark.parametrize('case', [(0, 0), (3, 2), (-1, 5)])
def test_wilson_interval_refuses_what_is_no_proportion(case: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match='no proportion'):
        wilson_interval(*case)


def test_success_line_names_count_share_and_interval() -> None:
    assert success_line(40, 50) == '40 of 50 succeeded: 80 % (95 % interval 67 to 89 %)'


def test_a_plot_is_a_picture(tmp_path: Path) -> None:
    ticks = [np.ones(14) * i for i in range(12)]
    trace = EpisodeTrace([], [np.zeros(14)] * 12, ticks)
    plot_episode(tmp_path / 'a.png', trace, [f'left_{i}' for i in range(14)], 'a title')
    assert cv2.imread(str(tmp_path / 'a.png')).shape[2] == 3
