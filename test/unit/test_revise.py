# SPDX-License-Identifier: Apache-2.0
"""Second thoughts on an episode that is on the disk: another verdict, out of the dataset, less of its end."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from act_ros.data.errors import EpisodeError
from act_ros.data.recording.archive import Archive
from act_ros.data.recording.episode_writer import next_index, read_episode
from act_ros.data.recording.revise import DISCARDED, discard_episode, set_success
from test_episode import begun


def _digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_discarded_episode_is_moved_whole_and_its_number_is_free(tmp_path):
    for attempt in range(3):
        path = begun(tmp_path / 'episode_0.hdf5', 3).finish(success=True)
        digest = _digest(path)
        moved = discard_episode(path)
        assert moved.parent.name == DISCARDED and _digest(moved) == digest
        assert next_index(tmp_path) == 0
        assert len(list(moved.parent.iterdir())) == attempt + 1  # none took the place of another
    names = sorted(p.name for p in moved.parent.iterdir())
    assert names == ['episode_0.1.hdf5', 'episode_0.2.hdf5', 'episode_0.hdf5']


def test_a_verdict_is_changed_and_nothing_else(tmp_path):
    path = begun(tmp_path / 'episode_0.hdf5', 3, task='fold').finish(success=True)
    with read_episode(path) as before:
        action = before.action.copy()
    command = [sys.executable, '-m', 'act_ros.data.recording.revise', str(path), 'false']
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with read_episode(path) as after:
        assert not after.attrs['success'] and after.attrs['task'] == 'fold'
        np.testing.assert_array_equal(after.action, action)
    assert list(tmp_path.iterdir()) == [path]


def test_a_verdict_on_what_is_no_episode_leaves_the_file_as_it_is(tmp_path):
    import h5py

    path = tmp_path / 'other.hdf5'
    with h5py.File(path, 'w') as file:
        file.attrs['x'] = 1
    digest = _digest(path)
    with pytest.raises(EpisodeError, match='no dataset action'):
        set_success(path, True)
    assert _digest(path) == digest and list(tmp_path.iterdir()) == [path]
    command = [
        sys.executable,
        '-m',
        'act_ros.data.recording.revise',
        str(tmp_path / 'gone.hdf5'),
        'true',
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and 'gone.hdf5' in done.stderr and 'Traceback' not in done.stderr


@pytest.mark.parametrize(('keep', 'rows'), [(7, 7), (50, 10), (0, 10)])
def test_rows_at_the_end_are_left_out(tmp_path, keep, rows):
    from test_archive import NAMES, row

    archive = Archive(tmp_path, NAMES, ['left', 'right'], ['cam_high'], 95, min_free=1)
    session = archive.begin(0, 0, {'task': 'fold', 'rate_hz': 50.0})
    for i in range(10):
        archive.add(session, row(float(i)))
    session.keep_rows = keep
    archive.end(session, keep=True, success=True)
    outcome = session.done.result(timeout=60)
    archive.close()
    assert outcome.path is not None and outcome.rows == rows
    with read_episode(outcome.path) as episode:
        assert len(episode) == len(episode.images['cam_high']) == rows
        np.testing.assert_array_equal(episode.action[:, 0], np.arange(rows))
        assert episode.attrs.get('cut_rows', 0) == 10 - rows and episode.attrs['success']
    assert not list(tmp_path.glob('*.log'))
