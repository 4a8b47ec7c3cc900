# SPDX-License-Identifier: Apache-2.0
"""Episodes that their recorder marked as faulty are bad, and left out of training unless they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from act_ros.data.check import check_episode
from act_ros.data.dataset import Dataset
from act_ros.data.errors import EpisodeError
from act_ros.data.formats.collection import find_episodes
from act_ros.data.recording.episode_writer import EpisodeWriter
from act_ros.data.recording.log_follower import LogFollower
from act_ros.data.recording.open_episode import MOST_FAULTS, OpenEpisode
from act_ros.data.recording.source_watch import Wrong, in_words
from act_ros.data.spoilt import spoilt
from act_ros.robot.spec import RobotSpec
from synthetic import JOINTS, write_episode

SIZE = (48, 64)


def fault(wrong: Wrong, about: str = 'cam_high') -> dict[str, Any]:
    return {'faults': [f'row 7: {in_words([(wrong, about)])}']}


@pytest.mark.parametrize(
    ('attrs', 'rows', 'why'),
    [
        ({'dropped_rows': 319}, 681, '319 of 1000 rows were lost'),
        ({'dropped_rows': 319.0}, 9681, '319 of 10000 rows were lost'),
        ({'dropped_rows': 6}, 60, '6 of 66 rows were lost'),
        ({'frozen_rows': 51}, 1000, 'the same picture in 51 of 1000 rows'),
        ({'stale_rows': 1000, 'faults': ['row 1: old: cam_high']}, 1000, 'were old in 1000 of 1000 rows'),
        ({'stale_rows': 51}, 180_000, 'were old in 51 of 180000 rows'),
        (fault(Wrong.CONTESTED, 'act/command (left_waist is not a finite number)'), 500, 'left_waist'),
        ({'faults': ['row 3: leader_left fell silent']}, 500, 'leader_left fell silent'),
        ({'faults': ['the clock jumped by +3.0 s']}, 500, 'the clock jumped'),
        ({'faults': ['row 3: old: cam_high; not to be believed: follower_left']}, 500, 'follower_left'),
    ],
)  # fmt: skip
def test_what_a_recorder_could_not_follow_spoils_an_episode(
    attrs: dict[str, Any], rows: int, why: str
) -> None:
    (reason,) = spoilt(attrs, rows, 50.0)
    assert why in reason


@pytest.mark.parametrize(
    ('attrs', 'rows'),
    [
        ({}, 0),
        ({'faults': [], 'dropped_rows': 0, 'frozen_rows': 0}, 100),
        ({'dropped_rows': 4}, 120),
        ({'dropped_rows': 200}, 180_000),
        ({'dropped_rows': float('nan'), 'faults': None}, 100),
        ({'frozen_rows': 30, **fault(Wrong.FROZEN)}, 1000),
        ({'stale_rows': 50}, 1000),
        ({'stale_rows': 3, **fault(Wrong.OLD, 'cam_high, cam_low')}, 1000),
        ({'dropped_rows': 2, **fault(Wrong.LACKING, 'cam_high (/a, 0 publishers)')}, 1000),
    ],
)
def test_what_lasted_for_a_moment_does_not(attrs: dict[str, Any], rows: int) -> None:
    assert spoilt(attrs, rows, 50.0) == []


@pytest.fixture
def episode(tmp_path: Path) -> Iterator[OpenEpisode]:
    writer = EpisodeWriter(tmp_path / 'episode_9.hdf5', JOINTS, ('cam_high',), {'rate_hz': 50.0})
    made = OpenEpisode(9, writer, LogFollower(writer.log.path), 0, 0)
    yield made
    made.follower.give_up()
    made.writer.discard()


def test_a_fault_that_spoils_is_noted_after_many_that_do_not(episode: OpenEpisode) -> None:
    for i in range(200):
        episode.rows = 10 * i
        episode.mark('old: cam_high')
    assert (
        len(episode.faults) == MOST_FAULTS and spoilt({'faults': episode.faults}, 2000, 50.0) == []
    )
    doubted = 'not to be believed: follower_left (/joint_states has 2 publishers (a, b); stop one)'
    assert episode.mark(doubted) and episode.mark(
        f'old: cam_low; {doubted.replace("left", "right")}'
    )
    assert episode.mark('the clock jumped by +3.0 s, the episode ends here')
    found = spoilt({'faults': episode.faults}, 2000, 50.0)
    assert [name in text for name, text in zip(('left', 'right', 'clock'), found, strict=True)] == [
        True, True, True,
    ]  # fmt: skip


def test_of_each_kind_that_spoils_the_first_is_noted_and_all_of_them_are_bounded(
    episode: OpenEpisode,
) -> None:
    for i in range(MOST_FAULTS):
        episode.rows = i
        episode.mark('frozen: cam_high')
    kept = [episode.mark(f'the clock jumped by {t:+.1f} s') for t in (0.5, -3.0, 40.0)]
    assert kept == [True, False, False]
    for i in range(26 * 26):
        episode.mark(f'somebody said {chr(97 + i // 26)}{chr(97 + i % 26)}')
    assert len(episode.faults) == 2 * MOST_FAULTS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three episodes, the one in the middle marked."""
    for i in range(3):
        attrs = {'faults': ['row 5: leader_left fell silent']} if i == 1 else {}
        write_episode(tmp_path / f'episode_{i}.hdf5', seed=i, attrs=attrs)
    return tmp_path


def test_a_marked_episode_is_bad(folder: Path) -> None:
    reports = [check_episode(ref, RobotSpec.load(), False) for ref in find_episodes(folder)]
    assert ['leader_left fell silent' in str(report.bad) for report in reports] == [
        False, True, False,
    ]  # fmt: skip


def test_a_marked_episode_is_left_out_of_training_and_named(folder: Path) -> None:
    data = Dataset(folder, SIZE, 3)
    assert [path.name for path in data.paths] == ['episode_0.hdf5', 'episode_2.hdf5']
    assert data.notes[0] == (
        '1 of 3 episodes are left out, their recorder marked them as faulty (--keep-faulty takes them, too): '
        'episode_1.hdf5 (the recorder marked row 5: leader_left fell silent)'
    )
    assert len(data) == data.frames.shape[0] == 24


def test_a_marked_episode_is_trained_on_where_it_is_asked_for(folder: Path) -> None:
    data = Dataset(folder, SIZE, 3, keep_faulty=True)
    assert len(data.paths) == 3
    assert any('trained on, though' in note and 'episode_1' in note for note in data.notes)


def test_a_dataset_of_nothing_else_is_refused(folder: Path) -> None:
    for i in (0, 2):
        (folder / f'episode_{i}.hdf5').unlink()
    with pytest.raises(EpisodeError, match='marked every episode as faulty: episode_1.*--keep-f'):
        Dataset(folder, SIZE, 3)


def test_rows_that_were_lost_in_one_go_are_left_out_or_taken_as_asked(tmp_path: Path) -> None:
    """The gap would refuse an episode of which the recorder says nothing."""
    for e, attrs in enumerate(({}, {'dropped_rows': 319})):
        writer = EpisodeWriter(
            tmp_path / f'episode_{e}.hdf5', JOINTS, ('cam_high',), {'rate_hz': 50.0, **attrs}
        )
        zero, frame = np.zeros(14), np.zeros((48, 64, 3), np.uint8)
        for t in range(40):
            late = 319 * 0.02 * (e == 1 and t > 20)
            writer.append(
                *(zero, zero, zero, zero, {'cam_high': frame}, t * 0.02 + late, {'cam_high': 0.0})
            )
        writer.finish(success=True)
    assert len(Dataset(tmp_path, SIZE, 3).paths) == 1
    assert len(Dataset(tmp_path, SIZE, 3, keep_faulty=True).paths) == 2
