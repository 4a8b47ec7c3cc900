# SPDX-License-Identifier: Apache-2.0
"""Which picture of a video belongs to which row: by their times, as LeRobot pairs them, never by counting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from act_ros.data.lerobot.video_times import VideoTimes

TOLERANCE = 0.25
"""Of a picture's period: how far a time of a table may lie from the picture that it means."""
ROW_TOLERANCE = 0.5
"""Of a row's period: how far from a row its picture may be."""
SAME_RATE = 0.01
"""Rates that differ by a smaller share are the same one."""
SPARE_ROWS = 1.0
"""Rows' periods that a video may go on behind its last row."""


@dataclass(frozen=True)
class Window:
    """Where in its video an episode lies, in seconds from the video's first picture; end None: not stated."""

    begin_s: float
    end_s: float | None = None


@dataclass(frozen=True)
class RowPictures:
    """Attributes: pictures (rows,) their numbers in the video; bad, warn: what does not fit, for people."""

    pictures: NDArray[np.int64]
    bad: tuple[str, ...]
    warn: tuple[str, ...]


def pair_pictures(
    video: VideoTimes, window: Window, times: NDArray[np.float64], fps: float
) -> RowPictures:
    """Find the picture of each row.

    Args:
        video: the clock of the file.
        window: what the table says of this episode.
        times: (rows,) seconds, finite and rising, from wherever they begin.
        fps: rows a second that the dataset states.
    """
    for name, value in (('from', window.begin_s), ('to', window.end_s)):
        if value is not None and not np.isfinite(value):
            nothing = np.zeros(len(times), np.int64)
            return RowPictures(nothing, (f'{name}_timestamp is missing or not finite',), ())
    row_s, step_s = 1.0 / fps, video.step_s(1.0 / fps)
    end_s = float(video.times[-1]) + step_s if window.end_s is None else window.end_s
    warn = _rate(video, fps)
    lead_s = 0.0
    if abs(times[0]) > TOLERANCE * row_s:
        if times[0] > 0 and window.begin_s + times[-1] < end_s - (1 - TOLERANCE) * row_s:
            lead_s = float(times[0])
            warn.append(f'the rows begin {lead_s:.3f} s into the video, as their timestamps say')
        else:
            warn.append(
                f'the timestamps begin at {times[0]:.3f} s, where the video has nothing; they are counted '
                'from the first row on (LeRobot itself would find no picture)'
            )
    wanted = window.begin_s + lead_s + times - times[0]
    pictures = video.nearest(wanted)
    off = np.abs(video.times[pictures] - wanted)
    if video.first_s > TOLERANCE * step_s:
        warn.append(f"the video's first picture is at {video.first_s:.3f} s; times count from it")
    span_s = float(times[-1] - times[0]) + row_s
    bad = _begin(video, window, step_s) or _span(video, window, len(times), fps, span_s, lead_s)
    far = np.flatnonzero(off > ROW_TOLERANCE * row_s * 1.01)
    if len(far) and not bad:
        t = int(far[0])
        bad = [
            f'row {t}, at {wanted[t]:.3f} s, has no picture within {ROW_TOLERANCE * row_s:.3f} s: the nearest '
            f'is at {video.times[pictures[t]]:.3f} s ({len(far)} of {len(times)} rows)'
        ]
    return RowPictures(pictures, tuple(bad), tuple(warn))


def _rate(video: VideoTimes, fps: float) -> list[str]:
    rate = video.rate_hz
    if rate is None or abs(rate / fps - 1) <= SAME_RATE:
        return []
    return [f'the video has {rate:.4g} pictures a second, the rows {fps:g}: taken by their times']


def _begin(video: VideoTimes, window: Window, step_s: float) -> list[str]:
    """Does the episode begin at a picture?"""
    nearest = int(video.nearest(np.array([window.begin_s]))[0])
    off = window.begin_s - float(video.times[nearest])
    if abs(off) <= TOLERANCE * step_s:
        return []
    return [
        f'from_timestamp is {window.begin_s:.4f} s; the nearest picture of the video is at '
        f'{video.times[nearest]:.4f} s, {abs(off) / step_s:.2f} pictures away (at most {TOLERANCE:g})'
    ]


def _span(
    video: VideoTimes, window: Window, rows: int, fps: float, span_s: float, lead_s: float
) -> list[str]:
    """Is there as much video as there are rows?"""
    row_s = 1.0 / fps
    whole = window.end_s is None
    left_s = float(video.times[-1]) + video.step_s(row_s) - window.begin_s
    has_s = left_s if window.end_s is None else window.end_s - window.begin_s
    over = (has_s - lead_s - span_s) / row_s
    if over < -ROW_TOLERANCE or (over > SPARE_ROWS + TOLERANCE and not lead_s):
        rate = video.rate_hz or fps
        what = (
            f'{len(video)} pictures at {rate:.4g} fps' if whole else 'from its table of episodes'
        )
        return [
            f'the video has {has_s:.3f} s ({what}); its {rows} rows take {span_s:.3f} s at {fps:g} fps'
        ]
    if left_s - lead_s - span_s < -ROW_TOLERANCE * row_s:
        return [
            f'the video ends {left_s:.3f} s after from_timestamp {window.begin_s:.3f} s '
            f'({len(video)} pictures in all); its {rows} rows take {span_s:.3f} s'
        ]
    if not whole and not lead_s and abs(over - round(over)) > TOLERANCE:
        return [
            f'from_timestamp and to_timestamp are {has_s:.4f} s apart; {rows} rows at {fps:g} fps take '
            f'{span_s:.4f} s'
        ]
    return []
