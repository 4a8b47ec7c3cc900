# SPDX-License-Identifier: Apache-2.0
"""What people look at: intervals, films and plots."""

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
    write_video,
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


def test_video_has_every_frame_and_plot_is_a_picture(tmp_path: Path) -> None:
    trace = EpisodeTrace()
    for i in range(12):
        trace.append(np.full((48, 64, 3), 10 * i, np.uint8), np.zeros(14), np.ones(14) * i)
    write_video(tmp_path / 'a.mp4', trace.frames, fps=50)
    plot_episode(tmp_path / 'a.png', trace, [f'left_{i}' for i in range(14)], 'a title')
    video = cv2.VideoCapture(str(tmp_path / 'a.mp4'))
    brightness = []
    while True:
        ok, frame = video.read()
        if not ok:
            break
        brightness.append(float(frame.mean()))
    assert len(brightness) == 12
    assert np.all(np.diff(brightness) > 5)
    assert cv2.imread(str(tmp_path / 'a.png')).shape[2] == 3
