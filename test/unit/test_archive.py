# SPDX-License-Identifier: Apache-2.0
"""Rows out of what was heard at different times, and episodes written beside it."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from act_ros.data.errors import EpisodeError
from act_ros.data.recording import archive as archive_module
from act_ros.data.recording.archive import Archive
from act_ros.data.recording.episode_writer import EpisodeWriter, read_episode
from act_ros.data.recording.grid import COMMAND, Heard, Picture, RowData
from act_ros.data.recording.open_episode import OpenEpisode

NAMES = [f'joint_{i}' for i in range(14)]
FRAME = np.zeros((24, 32, 3), np.uint8)


def arm(value: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return tuple(np.full(7, value + k, np.float32) for k in range(3))


def heard() -> Heard:
    """Joint states every 10 ms, frames and commands every 20 ms, from 1 s to 2 s."""
    made = Heard(['left', 'right'], ['cam_high'], 50.0)
    for i in range(101):
        made.joints['left'].add(1 + i / 100, arm(i))
        made.joints['right'].add(1 + i / 100 - 0.004, arm(100 + i))
    for i in range(51):
        made.frames['cam_high'].add(1 + i / 50 + 0.003, Picture(np.full_like(FRAME, i)))
        made.commands.add(1 + i / 50, np.full(14, i, np.float32))
    return made


def row(value: float = 0.0) -> RowData:
    vector = np.full(14, value, np.float32)
    ages = dict.fromkeys(['left', 'right', 'cam_high', COMMAND], 0.0)
    return RowData(value, np.stack([vector] * 4), {'cam_high': Picture(FRAME)}, ages)


def test_a_row_takes_the_newest_of_each_that_is_not_newer_than_the_tick():
    made = heard().row(90)  # 1.8 s
    assert isinstance(made, RowData)
    assert made.stamp_s == pytest.approx(1.8)
    np.testing.assert_array_equal(made.vectors[0], [80] * 7 + [180] * 7)
    np.testing.assert_array_equal(made.vectors[2], [82] * 7 + [182] * 7)
    assert made.pictures['cam_high']._frame[0, 0, 0] == 39  # the frame of 1.803 s is newer
    assert made.ages_s['cam_high'] == pytest.approx(0.017)
    np.testing.assert_array_equal(made.vectors[3], [40] * 14)
    assert not made.stale
    assert made.ages_s['right'] == pytest.approx(0.004) and made.ages_s[COMMAND] == 0


def test_sources_that_lack_or_fell_silent_are_named():
    made = Heard(['left', 'right'], ['cam_high', 'cam_low'], 50.0)
    made.joints['left'].add(1.0, arm(0))
    made.joints['right'].add(1.0, arm(0))
    made.frames['cam_high'].add(1.0, Picture(FRAME))
    assert made.row(51) == ['cam_low', 'act/command']
    assert 'left' in made.row(150)


def test_a_frozen_camera_makes_a_stale_row():
    made = heard()
    for i in range(30):
        made.joints['left'].add(2 + i / 100, arm(0))
        made.joints['right'].add(2 + i / 100, arm(0))
        made.commands.add(2.02 + i / 50, np.zeros(14, np.float32))
    late = made.row(110)  # 2.2 s, the last frame is of 2.003 s
    assert isinstance(late, RowData) and late.stale == ['cam_high']


def archive(folder) -> Archive:
    return Archive(folder, NAMES, ['left', 'right'], ['cam_high'], 90)


def killed(recorder: Archive, session: OpenEpisode) -> None:
    """Leave the folder as a recorder does that is killed: the open episode neither ended nor discarded."""
    recorder.close()
    session.follower.give_up()


def test_a_kept_episode_is_finished_and_the_next_has_the_next_number(tmp_path):
    made = archive(tmp_path)
    for number in range(2):
        session = made.begin(0, 0, {'task': 'transfer_cube'})
        for t in range(3):
            made.add(session, row(t))
        made.end(session, keep=True, success=True)
        outcome = session.done.result(timeout=60)
        assert outcome.path == tmp_path / f'episode_{number}.hdf5', outcome.message
    made.close()
    with read_episode(tmp_path / 'episode_1.hdf5') as episode:
        assert len(episode) == 3 and episode.attrs['success'] is True
        assert episode.attrs['dropped_rows'] == 0


def test_an_episode_that_is_not_kept_leaves_nothing(tmp_path):
    made = archive(tmp_path)
    session = made.begin(0, 0, {})
    made.add(session, row())
    made.end(session, keep=False, success=False, why='the task was not done')
    outcome = session.done.result(timeout=10)
    made.close()
    assert outcome.path is None and 'the task was not done' in outcome.message
    assert [p.name for p in tmp_path.iterdir()] == ['.recorder.lock']


def test_a_full_queue_loses_rows_and_counts_them(tmp_path, monkeypatch):
    monkeypatch.setattr(archive_module, 'QUEUE_ROWS', 4)
    import threading

    gate = threading.Event()
    whole = EpisodeWriter.append_row
    monkeypatch.setattr(EpisodeWriter, 'append_row', lambda *a: (gate.wait(10), whole(*a))[1])
    made = archive(tmp_path)
    session = made.begin(0, 0, {})
    for t in range(20):
        made.add(session, row(t))
    lost = session.dropped
    gate.set()
    made.end(session, keep=False, success=False)
    assert session.done.result(timeout=10).dropped == lost
    made.close()
    assert 14 <= lost <= 16 and session.rows == 20 - lost


def test_a_disk_that_fills_up_keeps_what_was_recorded_and_says_so(tmp_path, monkeypatch):
    made = archive(tmp_path)
    session = made.begin(0, 0, {})
    made.add(session, row())

    def full(*_):
        raise OSError(28, 'No space left on device')

    while session.writer.rows == 0:
        pass
    monkeypatch.setattr(EpisodeWriter, 'append_row', full)
    made.add(session, row(1))
    made.end(session, keep=True, success=True)
    outcome = session.done.result(timeout=60)
    made.close()
    assert outcome.rows == 1 and 'No space left' in outcome.message
    with read_episode(outcome.path) as episode:
        assert len(episode) == 1


def test_no_episode_begins_without_room(tmp_path):
    made = Archive(tmp_path, NAMES, ['left', 'right'], ['cam_high'], 90, min_free=1 << 62)
    with pytest.raises(EpisodeError, match='MB free'):
        made.begin(0, 0, {})
    made.close()


def test_an_interrupted_recording_is_finished_and_set_aside(tmp_path):
    first = archive(tmp_path)
    session = first.begin(0, 0, {})
    first.add(session, row())
    killed(first, session)

    second = archive(tmp_path)
    (line,) = second.recover()
    second.close()
    assert 'set aside' in line
    with read_episode(tmp_path / 'interrupted' / 'episode_0.hdf5') as episode:
        assert episode.attrs['complete'] is False and len(episode) == 1


def test_a_session_is_over_when_full_or_at_its_end(tmp_path):
    made = archive(tmp_path)
    session = made.begin(10, 3, {})
    assert not session.due(500)
    session.end_tick = 20
    assert not session.due(19) and session.due(20)
    session.end_tick, session.rows = None, 3
    assert session.due(12)
    made.end(session, keep=False, success=False)
    made.close()


def test_a_frame_that_two_ticks_use_is_encoded_once(tmp_path, monkeypatch):
    from act_ros.data.recording import grid

    calls, whole = [], grid.encode
    monkeypatch.setattr(grid, 'encode', lambda *a: (calls.append(1), whole(*a))[1])
    made, one = archive(tmp_path), row()
    session = made.begin(0, 0, {})
    for _ in range(3):
        made.add(session, one)
    made.end(session, keep=True, success=True)
    assert session.done.result(timeout=60).rows == 3 and len(calls) == 1
    made.close()


def test_raw_images_and_all_ages_are_stored(tmp_path):
    made = Archive(tmp_path, NAMES, ['left', 'right'], ['cam_high'], 0)
    session = made.begin(0, 0, {})
    frame = np.random.default_rng(1).integers(0, 255, FRAME.shape, np.uint8)
    ages = {'left': 0.25, 'right': 0.5, 'cam_high': 0.125, COMMAND: 0.0625}
    made.add(session, RowData(3.0, row().vectors, {'cam_high': Picture(frame)}, ages))
    session.mark('old: right')
    made.end(session, keep=True, success=True)
    path = session.done.result(timeout=60).path
    made.close()
    with read_episode(path) as episode:
        np.testing.assert_array_equal(episode.images['cam_high'][0], frame)
        assert episode.attrs['compress'] is False and episode.attrs['stale_rows'] == 1
        assert episode.attrs['faults'] == ['row 1: old: right']
        assert episode.image_age['cam_high'][0] == 0.125
    with h5py.File(path) as file:
        assert file['observations/joint_age/right'][0] == 0.5 and file['action_age'][0] == 0.0625


def test_a_source_whose_clock_was_set_back_is_heard_again():
    made = heard()
    made.commands.add(0.2, np.zeros(14, np.float32))
    assert made.commands.at(0.2) is not None and made.commands.at(1.0)[0] == pytest.approx(0.8)


def test_a_sealed_log_becomes_its_episode_and_a_finished_one_is_not_doubled(tmp_path):
    made = archive(tmp_path)
    session = made.begin(0, 0, {})
    made.add(session, row())
    killed(made, session)
    log = session.writer.seal(True)
    kept = log.read_bytes()
    again = archive(tmp_path)
    assert 'had ended' in again.recover()[0] and (tmp_path / 'episode_0.hdf5').exists()
    log.write_bytes(kept)  # killed between the file's name and the log's end
    assert 'only its log was left' in again.recover()[0] and not log.exists()
    again.close()
    assert not (tmp_path / 'interrupted').exists()


def test_numbers_of_interrupted_recordings_are_not_used_again(tmp_path):
    for number in range(2):
        made = archive(tmp_path)
        made.recover()
        session = made.begin(0, 0, {})
        assert session.number == number
        made.add(session, row())
        killed(made, session)
    archive(tmp_path).recover()
    names = sorted(p.name for p in (tmp_path / 'interrupted').iterdir())
    assert names == ['episode_0.hdf5', 'episode_1.hdf5']
