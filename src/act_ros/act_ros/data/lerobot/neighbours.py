# SPDX-License-Identifier: Apache-2.0
"""Do the places that a table gives its episodes go together: in a video of many, and in the rows of all?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from act_ros.data.lerobot.layout import EpisodeEntry, Layout
from act_ros.data.lerobot.placement import SAME_RATE, SPARE_ROWS, TOLERANCE
from act_ros.data.lerobot.video_times import VideoTimes


def video_faults(
    layout: Layout, entry: EpisodeEntry, key: str, video: VideoTimes, pictures: NDArray[np.int64]
) -> tuple[list[str], list[str]]:
    """What is wrong (bad, warn) with an episode's part of a video, seen beside those of the others.

    Args:
        layout: the dataset.
        entry: the episode.
        key: the feature of the camera.
        video: the clock of the file.
        pictures: (rows,) numbers of the episode's pictures in it.
    """
    path, window = entry.videos[key]
    sharing = layout.sharing(key, path)
    at = next((i for i, other in enumerate(sharing) if other is entry), None)
    if at is None or not len(pictures):
        return [], []
    bad = _overlap(layout, entry, key, sharing[max(at - 1, 0) : at + 2])
    total = sum(other.length for other in sharing)
    rate = video.rate_hz or layout.fps
    if abs(rate / layout.fps - 1) > SAME_RATE:
        return bad, []
    before = sum(other.length for other in sharing[:at])
    if not bad and len(video) == total and pictures[0] != before:
        bad.append(
            f'from_timestamp {window.begin_s:.4f} s is picture {pictures[0]} of {path.name}; the episodes before '
            f'it there have {before} rows, and the video has a picture for each row of all'
        )
    spare = (float(video.times[-1]) - window.begin_s) * layout.fps + 1 - entry.length
    if at == len(sharing) - 1 and spare > SPARE_ROWS + TOLERANCE:
        return bad, [f'the video goes on for {spare:.0f} pictures behind the last episode in it']
    return bad, []


def _overlap(
    layout: Layout, entry: EpisodeEntry, key: str, near: Sequence[EpisodeEntry]
) -> list[str]:
    def span(one: EpisodeEntry) -> tuple[float, float]:
        begin = one.videos[key][1].begin_s
        return begin, begin + one.length / layout.fps

    begin, end = span(entry)
    for other in near:
        theirs, until = span(other)
        shared = min(end, until) - max(begin, theirs)
        if other is not entry and shared > TOLERANCE / layout.fps:
            return [
                f'its part of the video ({begin:.3f} to {end:.3f} s) and that of episode {other.index} '
                f'({theirs:.3f} to {until:.3f} s) overlap by {shared:.3f} s'
            ]
    return []


def row_faults(
    layout: Layout, entry: EpisodeEntry, first_index: int | None
) -> tuple[list[str], list[str]]:
    """What is wrong (bad, warn) with an episode's place among the rows of all.

    Args:
        layout: the dataset.
        entry: the episode.
        first_index: what the column `index` of its first row says, None where there is none.
    """
    if entry.rows is None:
        return [], []
    begin, end = entry.rows
    bad, warn = [], []
    if end - begin != entry.length:
        bad.append(
            f'dataset_from_index {begin} and dataset_to_index {end} are {end - begin} rows; its length is '
            f'{entry.length}'
        )
    ordered = layout.by_row
    at = next(i for i, other in enumerate(ordered) if other is entry)
    for other in ordered[max(at - 1, 0) : at + 2]:
        assert other.rows is not None
        if other is not entry and begin < other.rows[1] and other.rows[0] < end and not bad:
            bad.append(
                f'its rows {begin} to {end - 1} (dataset_from_index) overlap those of episode {other.index}, '
                f'{other.rows[0]} to {other.rows[1] - 1}'
            )
    if first_index is not None and first_index != begin:
        warn.append(
            f'dataset_from_index is {begin}, the first row says index {first_index}: the rows are taken by '
            'their episode_index, LeRobot itself takes others'
        )
    return bad, warn
