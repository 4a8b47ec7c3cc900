# SPDX-License-Identifier: Apache-2.0
"""Rows and pictures of LeRobot datasets go together by their times, or it is said, with the numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from act_ros.commands import export_lerobot, import_lerobot, visualize
from act_ros.data.check import Report, check_episode
from act_ros.data.dataset import Dataset
from act_ros.data.errors import EpisodeError
from act_ros.data.formats.collection import find_episodes
from act_ros.data.lerobot.mp4 import picture_times
from act_ros.data.lerobot.video_times import _demuxed, video_times
from act_ros.data.playback import read_recording
from act_ros.robot.spec import RobotSpec
from lerobot_sets import FPS, TABLE, change, seen, video, video_of, windows

SPEC = RobotSpec.load()
ROWS = 'data/chunk-000/episode_000001.parquet'
pytestmark = pytest.mark.usefixtures('inline')


def checked(root: Path) -> list[Report]:
    return [check_episode(ref, SPEC, pixels=False) for ref in find_episodes(root)]


def numbers(root: Path, episode: int) -> list[int]:
    with find_episodes(root)[episode].open() as one:
        return seen(one.images['cam_high'])


@pytest.mark.parametrize('kind', ['v21', 'v30'])
def test_what_goes_together_is_ok_and_shows_its_own_pictures(
    lerobot_folder: Path, kind: str
) -> None:
    for e, report in enumerate(checked(lerobot_folder / kind)):
        assert (report.bad, report.warn) == ([], [])
        assert report.measured_hz == pytest.approx(FPS)
        assert numbers(lerobot_folder / kind, e) == list(range(50 * e, 50 * e + report.ticks))


@pytest.mark.parametrize(
    ('timestamps', 'verdict', 'says'),
    [
        (lambda t: t / 12, 'bad', 'recorded at 12.00 Hz; nominal 20 Hz'),
        (lambda t: t / FPS + (t >= 4), 'bad', '20 rows lost; the longest 1.050 s before tick 4'),
        (lambda t: t / FPS + 0.1 * (t >= 4), 'bad', 'its 8 rows take 0.500 s'),
        (lambda t: t / FPS - (t >= 4), 'bad', 'timestamps do not rise at tick 4 (-0.950 s)'),
        (lambda t: np.where(t == 3, np.nan, t / FPS), 'bad', 'timestamp: 1 entries not finite, first at tick 3'),
        (lambda t: 0 * t, 'bad', 'timestamps do not rise at tick 1'),
        (lambda t: 500 + t / FPS, 'warn', 'the timestamps begin at 500.000 s'),
        (lambda t: t / FPS + 0.002 * (t % 2), 'ok', ''),
    ],
)  # fmt: skip
def test_times_of_rows_are_compared_with_the_rate_and_the_video(
    set_v21: Path, timestamps: Any, verdict: str, says: str
) -> None:
    change(set_v21 / ROWS, timestamp=lambda values: timestamps(np.arange(len(values))).tolist())
    first, second = checked(set_v21)
    assert first.verdict == 'ok' and second.verdict == verdict
    assert any(says in text for text in [*second.bad, *second.warn, ''])
    if verdict != 'bad':
        assert numbers(set_v21, 1) == list(range(50, 58))
        return
    with pytest.raises(EpisodeError, match='episode_1: .*; repair the dataset, or leave'):
        Dataset(set_v21, (32, 64), 3)


def test_every_command_that_takes_episodes_refuses_a_wrong_rate(
    set_v21: Path, capsys: Any
) -> None:
    change(set_v21 / ROWS, timestamp=lambda values: [t / 12 for t in range(len(values))])
    out = set_v21.parent / 'out'
    assert import_lerobot.main([str(set_v21), '--output', str(out)]) == 1
    assert 'episode_1: recorded at 12.00 Hz; nominal 20 Hz' in capsys.readouterr().err
    assert [path.name for path in out.glob('*.hdf5')] == ['episode_0.hdf5']
    assert export_lerobot.main([str(set_v21), '--output', str(set_v21.parent / 'new')]) == 1
    assert 'recorded at 12.00 Hz; nominal 20 Hz' in capsys.readouterr().err
    with pytest.raises(EpisodeError, match='recorded at 12.00 Hz'):
        read_recording(set_v21 / 'episode_1', SPEC)
    look = ['--output', str(set_v21.parent / 'look'), '--no-film', '--episodes', '1']
    assert visualize.main([str(set_v21), *look]) == 0  # to look at it is how one learns more
    assert 'recorded at 12.00 Hz' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('begins', 'ends', 'bad', 'says'),
    [
        ((0, 10.3, 18), (10, 18.3, 27), {1, 2}, 'from_timestamp is 0.5150 s; the nearest picture'),
        ((0, 10.8, 18.8), (10.8, 18.8, 27.8), {1, 2}, 'from_timestamp 0.5400 s is picture 11 of'),
        ((0, 11, 18), (10, 19, 27), {1, 2}, 'overlap by 0.050 s'),
        ((1, 11, 19), (11, 19, 28), {0, 1, 2}, 'the video ends 0.400 s after'),
        ((0, 0, 18), (10, 8, 27), {0, 1}, 'and that of episode 0 (0.000 to 0.500 s) overlap by 0.400 s'),
        ((0, 10, 18), (7, 18, 27), {0}, 'the video has 0.350 s (from its table of episodes); its 10 rows take 0.500'),
        ((0, 10, 18), (10, 18, 29), {2}, '9 rows take 0.450 s at 20 fps'),
        ((0, float('nan'), 18), None, {1}, 'from_timestamp is missing or not finite'),
    ],
)  # fmt: skip
def test_places_in_a_video_that_do_not_go_together_are_said(
    set_v30: Path, begins: Any, ends: Any, bad: set[int], says: str
) -> None:
    windows(set_v30, begins, ends)
    reports = checked(set_v30)
    assert {e for e, report in enumerate(reports) if report.verdict == 'bad'} == bad
    assert any(says in text for report in reports for text in report.bad)
    with pytest.raises(EpisodeError, match='cam_high: '):
        Dataset(set_v30, (32, 64), 3)


def test_rounding_of_a_table_of_episodes_changes_no_picture(set_v30: Path) -> None:
    windows(set_v30, (0, 10.1, 17.9), (10, 18.1, 26.9))
    assert [report.verdict for report in checked(set_v30)] == ['ok'] * 3
    assert numbers(set_v30, 1) == list(range(50, 58)) and numbers(set_v30, 2) == list(
        range(100, 109)
    )


def test_rows_of_two_episodes_do_not_overlap(set_v30: Path) -> None:
    table = set_v30 / TABLE
    change(
        table, dataset_from_index=lambda _: [0, 10, 16], dataset_to_index=lambda _: [10, 18, 25]
    )
    assert (
        'its rows 10 to 17 (dataset_from_index) overlap those of episode 2'
        in checked(set_v30)[1].bad[0]
    )
    change(
        table, dataset_from_index=lambda _: [0, 10, 18], dataset_to_index=lambda _: [10, 17, 27]
    )
    assert 'are 7 rows; its length is 8' in checked(set_v30)[1].bad[0]
    change(
        table, dataset_from_index=lambda _: [3, 13, 21], dataset_to_index=lambda _: [13, 21, 30]
    )
    assert [report.verdict for report in checked(set_v30)] == [
        'warn'
    ] * 3  # ours are found by their episode


@pytest.mark.parametrize(
    ('pictures', 'fps', 'verdict', 'says'),
    [
        (8, FPS, 'ok', ''),
        (9, FPS, 'ok', ''),
        (7, FPS, 'bad', 'the video has 0.350 s (7 pictures at 20 fps); its 8 rows take 0.400 s at 20 fps'),
        (12, FPS, 'bad', 'the video has 0.600 s (12 pictures at 20 fps)'),
        (8, 30, 'bad', '(8 pictures at 30 fps)'),
        (4, 10, 'bad', 'row 1, at 0.050 s, has no picture within 0.025 s'),
        (8, 19.98, 'ok', ''),
    ],
)  # fmt: skip
def test_a_video_is_as_long_and_as_fast_as_its_rows(
    set_v21: Path, pictures: int, fps: float, verdict: str, says: str
) -> None:
    video(video_of(set_v21, 1), range(50, 50 + pictures), fps)
    report = checked(set_v21)[1]
    assert report.verdict == verdict and any(says in text for text in [*report.bad, ''])
    if verdict == 'ok':
        assert numbers(set_v21, 1) == list(range(50, 58))


def test_pictures_of_a_faster_video_are_taken_by_their_times(set_v21: Path) -> None:
    video(video_of(set_v21, 1), range(100, 124), 3 * FPS)
    report = checked(set_v21)[1]
    assert report.verdict == 'warn' and 'has 60 pictures a second, the rows 20' in report.warn[0]
    assert numbers(set_v21, 1) == list(range(100, 124, 3))


def test_rows_cut_off_in_front_keep_their_pictures(set_v21: Path) -> None:
    """As an editor leaves them that cuts the rows and not the video: the timestamps say where they are."""
    video(video_of(set_v21, 1), range(50, 62), FPS)
    change(set_v21 / ROWS, timestamp=lambda values: [t + 4 / FPS for t in values])
    report = checked(set_v21)[1]
    assert report.bad == [] and 'the rows begin 0.200 s into the video' in report.warn[0]
    assert numbers(set_v21, 1) == list(range(54, 62))


ODD = {
    'b_frames': ('-bf', '2'),
    'no_edit_list': ('-bf', '2', '-use_editlist', '0'),
    'late_start': ('-output_ts_offset', '0.4'),
    'fragments': ('-movflags', 'frag_keyframe+empty_moov'),
}


@pytest.mark.parametrize('odd', ODD)
def test_videos_of_every_make_give_their_pictures(set_v21: Path, odd: str) -> None:
    path = video(video_of(set_v21, 1), range(50, 58), FPS, *ODD[odd])
    assert checked(set_v21)[1].bad == []
    assert numbers(set_v21, 1) == list(range(50, 58))
    np.testing.assert_allclose(video_times(path).times, np.arange(8) / FPS, atol=1e-3)


def test_sound_beside_the_pictures_changes_nothing(set_v21: Path, tmp_path: Path) -> None:
    sound = ('-f', 'lavfi', '-i', 'sine=duration=0.9')
    options = ('-map', '1:a', '-map', '0:v', '-c:a', 'aac')
    video(video_of(set_v21, 1), range(50, 58), FPS, *options, beside=sound)
    assert checked(set_v21)[1].bad == [] and numbers(set_v21, 1) == list(range(50, 58))


def test_an_edit_list_that_hides_pictures_is_followed(set_v21: Path, tmp_path: Path) -> None:
    """ffmpeg cuts without encoding so: the first pictures are there to decode from, and are not shown."""
    import subprocess

    from act_ros.data.lerobot.video import ffmpeg

    whole = video(tmp_path / 'whole.mp4', range(50, 66), FPS, '-g', '16', '-bf', '0')
    cut = [
        '-ss',
        '0.3',
        '-i',
        str(whole),
        '-c',
        'copy',
        '-frames:v',
        '14',
        str(video_of(set_v21, 1)),
    ]
    subprocess.run([ffmpeg(), '-nostdin', '-loglevel', 'error', '-y', *cut], check=True)
    times = picture_times(video_of(set_v21, 1))
    assert times is not None and len(times) == 8
    assert checked(set_v21)[1].bad == [] and numbers(set_v21, 1) == list(range(56, 64))


def test_the_tables_of_an_mp4_say_what_ffmpeg_says(lerobot_folder: Path) -> None:
    path = video_of(lerobot_folder / 'v21', 0)
    np.testing.assert_allclose(picture_times(path), _demuxed(path), atol=1e-6)


def test_the_cached_frames_are_those_of_the_tables_of_today(set_v30: Path) -> None:
    windows(set_v30, (0, 10, 18), (10, 18, 27))
    first = Dataset(set_v30, (32, 64), 3)
    again = Dataset(set_v30, (32, 64), 3)
    assert again.frames.where == first.frames.where
    windows(set_v30, (0, 10.1, 18), (10, 18, 27))
    moved = Dataset(set_v30, (32, 64), 3)
    assert moved.frames.where != first.frames.where


def test_an_import_that_was_made_before_a_repair_is_not_taken_for_the_repaired(
    set_v21: Path, capsys: Any
) -> None:
    args = [str(set_v21), '--output', str(set_v21.parent / 'out'), '--images', 'raw']
    assert import_lerobot.main(args) == 0
    assert import_lerobot.main(args) == 0
    change(set_v21 / ROWS, action=lambda values: values[::-1])
    assert import_lerobot.main(args) == 1
    assert 'episode_1 has changed since' in capsys.readouterr().err
