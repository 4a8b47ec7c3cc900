# SPDX-License-Identifier: Apache-2.0
"""check_dataset finds what is wrong, says it, and goes on with the other episodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from act_ros.commands import check_dataset, visualize
from act_ros.data.check import Report, check_episode, compare
from act_ros.data.formats.collection import EpisodeRef
from act_ros.data.recording.episode_writer import EpisodeWriter
from act_ros.robot.spec import RobotSpec

SPEC = RobotSpec.load()
TICKS = 120
pytestmark = pytest.mark.usefixtures('inline')


def record(path: Path, ticks: int = TICKS) -> Path:
    """A sound episode: a slow motion inside the limits, another picture at every tick."""
    attrs = {'task': 'test', 'rate_hz': 50.0, 'sim': True}
    writer = EpisodeWriter(path, SPEC.joint_names, ('cam_high',), attrs)
    zero = np.zeros(14)
    for t in range(ticks):
        image = np.zeros((48, 64, 3), np.uint8)
        image[:, :, 0], image[t % 48, :, 1] = 100, 200
        action = SPEC.start + 0.001 * t * (SPEC.upper - SPEC.start)
        writer.append(
            action, zero, zero, action, {'cam_high': image}, 5 + 0.02 * t, {'cam_high': 0.01}
        )
    return writer.finish(success=True)


def checked(path: Path, **changes: Any) -> Report:
    """The report on an episode after datasets (names with /) or attributes were changed."""
    with h5py.File(path, 'r+') as root:
        for name, value in changes.items():
            if name not in root:
                root.attrs[name] = value
                continue
            root[name][...] = value(root[name][()])
    return check_episode(EpisodeRef(path), SPEC, pixels=True)


def test_a_sound_episode_is_ok(tmp_path: Path) -> None:
    report = checked(record(tmp_path / 'episode_0.hdf5'))
    assert (report.verdict, report.bad, report.warn, report.missing) == ('ok', [], [], [])
    assert report.measured_hz == pytest.approx(50) and report.gap_s == pytest.approx(0.02)
    assert (report.lost, report.outside, report.fast, report.repeated) == (0, 0, 0, 0)
    assert report.age_s == pytest.approx(0.01) and report.success is True


@pytest.mark.parametrize(('every', 'verdict'), [(3, 'bad'), (1000, 'warn')])
def test_poses_that_jump_as_no_arm_can_are_named(tmp_path: Path, every: int, verdict: str) -> None:
    def torn(qpos: np.ndarray) -> np.ndarray:
        qpos[every % len(qpos) :: every, 3] += 0.3
        return qpos

    report = checked(record(tmp_path / 'episode_0.hdf5'), **{'observations/qpos': torn})
    assert report.verdict == verdict
    assert 'first left_forearm_roll at tick' in [*report.bad, *report.warn][0]


def late(from_tick: int, by_s: float) -> Any:
    return lambda stamp: stamp + by_s * (np.arange(len(stamp)) >= from_tick)


def put(value: float, at: Any) -> Any:
    def change(values: np.ndarray) -> np.ndarray:
        values[at] = value
        return values

    return change


def again(rows: Any, upto: int) -> np.ndarray:
    """The first picture from there on up to tick `upto`."""
    rows[:upto] = rows[0]
    return np.asarray(rows)


@pytest.mark.parametrize(
    ('name', 'change', 'verdict', 'says'),
    [
        ('observations/stamp', late(50, 0.06), 'warn', '1 gaps, 3 rows lost; the longest 0.080 s before tick 50'),
        ('observations/stamp', late(50, 2.0), 'bad', '100 rows lost'),
        ('observations/stamp', late(50, -1.0), 'bad', 'do not rise at tick 50'),
        ('observations/stamp', lambda s: s[0] + (s - s[0]) * 1.2, 'bad', 'recorded at 41.67 Hz; nominal 50'),
        ('observations/image_age/cam_high', put(0.3, 7), 'warn', '1 frames older than 0.2 s'),
        ('observations/image_age/cam_high', put(4.0, slice(9, 99)), 'bad', 'the oldest 4.00 s'),
        ('observations/image_age/cam_high', put(np.nan, 3), 'bad', 'ages of frames not finite'),
        ('action', put(2.5, (30, 1)), 'warn', 'outside the limits in 1 rows, first left_shoulder at tick 30: 2.500'),
        ('action', put(2.5, (30, 1)), 'warn', '2 actions too fast in 2 rows'),
        ('action', put(np.inf, (30, 1)), 'bad', 'action: 1 entries not finite, first at tick 30'),
        ('observations/qpos', put(np.nan, 5), 'bad', 'qpos: 14 entries not finite'),
        ('observations/images/cam_high', put(0, 5), 'bad', '1 frames are no pictures, first at tick 5'),
        ('complete', False, 'warn', 'cut off while recording'),
        ('dropped_rows', 4, 'warn', 'the recorder notes dropped_rows: 4'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found(
    tmp_path: Path, name: str, change: Any, verdict: str, says: str
) -> None:
    report = checked(record(tmp_path / 'episode_0.hdf5'), **{name: change})
    found = report.bad if verdict == 'bad' else report.warn
    assert report.verdict == verdict
    assert any(says in text for text in found), found


def test_a_camera_that_hung_is_named_where_no_age_clears_it(tmp_path: Path) -> None:
    path = record(tmp_path / 'episode_0.hdf5')
    with h5py.File(path, 'r+') as root:
        lengths = root['compress_len'][()]
        lengths[:, :80] = lengths[:, :1]
        root['compress_len'][...] = lengths
    report = checked(path, **{'observations/images/cam_high': lambda rows: again(rows, 80)})
    assert report.warn == [] and report.repeated == pytest.approx(79 / 119)  # fresh: a still scene
    with h5py.File(path, 'r+') as root:
        del root['observations/image_age']
    report = checked(path)
    assert report.warn == [
        'cam_high: the same picture for 1.6 s: a still scene or a camera that hung'
    ]
    assert report.missing == ['image_age']


def test_episodes_of_another_kind_stand_out(tmp_path: Path) -> None:
    reports = [
        check_episode(EpisodeRef(record(tmp_path / f'episode_{i}.hdf5', 20)), SPEC, False)
        for i in range(2)
    ]
    with h5py.File(tmp_path / 'episode_0.hdf5', 'r+') as root:
        root.move('observations/images/cam_high', 'observations/images/top')
        root.attrs['cameras'] = ['top']
    reports.append(check_episode(EpisodeRef(tmp_path / 'episode_0.hdf5'), SPEC, False))
    compare(reports)
    assert reports[2].bad == [
        'has 14 actions, cameras top; most episodes have 14 actions, cameras cam_high'
    ]


def test_damaged_files_do_not_hide_the_others(tmp_path: Path, capsys: Any) -> None:
    for i in (0, 1, 2, 4):
        record(tmp_path / f'episode_{i}.hdf5', 20)
    whole = (tmp_path / 'episode_1.hdf5').read_bytes()
    (tmp_path / 'episode_1.hdf5').write_bytes(whole[: len(whole) // 2])
    (tmp_path / 'episode_2.hdf5').write_bytes(b'')
    assert check_dataset.main([str(tmp_path), '--json', str(tmp_path / 'found.json')]) == 1
    out = capsys.readouterr().out
    assert '4 episodes (act_ros), 40 ticks, 0 rows lost: 2 ok, 0 warn, 2 bad' in out
    assert 'BAD   episode_1.hdf5' in out and 'BAD   episode_2.hdf5' in out
    assert 'numbers without an episode: 1, first 3' in out
    found = json.loads((tmp_path / 'found.json').read_text())
    assert [report['verdict'] for report in found] == ['ok', 'bad', 'bad', 'ok']
    assert check_dataset.main([str(tmp_path), '--episodes', '0,4']) == 0


def test_a_place_without_episodes_is_an_error_in_one_line(tmp_path: Path, capsys: Any) -> None:
    assert check_dataset.main([str(tmp_path)]) == 2
    with pytest.raises(SystemExit, match='2'):
        check_dataset.main([str(tmp_path / 'nowhere')])
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_films_and_plots_are_made_of_every_episode_that_can_be_read(
    tmp_path: Path, capsys: Any
) -> None:
    from act_ros.data.lerobot.video import read_video

    record(tmp_path / 'episode_0.hdf5', 10)
    (tmp_path / 'episode_1.hdf5').write_bytes(b'nothing')
    out = tmp_path / 'look'
    assert visualize.main([str(tmp_path), '--output', str(out), '--width', '320']) == 1
    assert 'episode_1.hdf5' in capsys.readouterr().err
    assert sorted(p.name for p in out.iterdir()) == ['episode_0.mp4', 'episode_0.png']
    frames = list(read_video(out / 'episode_0.mp4', 0.0, 10, 50))
    assert frames[0].shape == (240 + 360, 320, 3)
    camera = frames[5][40:200, 20:300].reshape(-1, 3).mean(0)
    assert camera[0] > 80 > camera[2]  # RGB, not BGR
    assert np.abs(frames[0][240:].astype(int) - frames[9][240:]).max() > 100  # the line moved
