# SPDX-License-Identifier: Apache-2.0
"""Episodes: what the recorder writes is ALOHA's HDF5, whole or absent, and all of it reads back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from act_ros.data.errors import EpisodeError
from act_ros.data.recording.dataset_folder import FolderLock
from act_ros.data.recording.episode_writer import EpisodeWriter, next_index, read_episode
from act_ros.data.recording.log_to_hdf5 import finish_log, log_path

NAMES = [f'{side}_{joint}' for side in ('left', 'right') for joint in 'abcdefg']
CAMERAS = ['cam_low', 'cam_high']
# A child process finds the package where this one does.
ENV = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}


def frame(t: int, camera: str) -> np.ndarray:
    """A smooth picture whose channels differ, other at every tick and camera."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[..., 0] = 200 - t
    image[..., 1] = np.arange(64)
    image[..., 2] = 30 if camera == 'cam_low' else 90
    return image


def vectors(t: int) -> list[np.ndarray]:
    return [np.linspace(k, k + t, 14) for k in range(4)]


def begun(path: Path, rows: int, **attrs) -> EpisodeWriter:
    writer = EpisodeWriter(
        path, NAMES, CAMERAS, {'task': 'transfer_cube', 'seed': 7, 'sim': True, **attrs}
    )
    for t in range(rows):
        images = {camera: frame(t, camera) for camera in CAMERAS}
        writer.append(
            *vectors(t), images, 100 + 0.02 * t, {'cam_low': 0.001, 'cam_high': 0.002 * t}
        )
    return writer


def test_an_episode_reads_back_as_it_was_written(tmp_path):
    path = begun(tmp_path / 'episode_0.hdf5', 6).finish(success=True)

    with read_episode(path) as episode:
        assert len(episode) == 6
        for t in range(6):
            qpos, qvel, effort, action = (v.astype(np.float32) for v in vectors(t))
            np.testing.assert_array_equal(episode.qpos[t], qpos)
            np.testing.assert_array_equal(episode.qvel[t], qvel)
            np.testing.assert_array_equal(episode.effort[t], effort)
            np.testing.assert_array_equal(episode.action[t], action)
            for camera in CAMERAS:
                error = episode.images[camera][t].astype(int) - frame(t, camera)
                assert np.abs(error).max() <= 8
        np.testing.assert_array_equal(episode.stamp, 100 + 0.02 * np.arange(6))
        np.testing.assert_allclose(episode.image_age['cam_high'], 0.002 * np.arange(6))
        assert episode.attrs['task'] == 'transfer_cube' and episode.attrs['seed'] == 7
        assert episode.attrs['success'] is True and episode.attrs['complete'] is True
        assert episode.attrs['joint_names'] == NAMES and episode.attrs['cameras'] == CAMERAS


def test_the_file_is_what_aloha_loaders_expect(tmp_path):
    """Read as tonyzhaozh/act's and Interbotix/act's loaders do: these names, types and shapes."""
    path = begun(tmp_path / 'episode_0.hdf5', 5).finish(success=True)

    with h5py.File(path, 'r') as root:
        assert root.attrs['sim'] and root.attrs['compress']
        for name in (
            '/observations/qpos',
            '/observations/qvel',
            '/observations/effort',
            '/action',
        ):
            assert root[name].shape == (5, 14) and root[name].dtype == np.float32
        lengths = root['/compress_len']
        assert lengths.shape == (2, 5) and lengths.dtype == np.float32
        width = int(lengths[()].max())
        for i, camera in enumerate(CAMERAS):
            rows = root[f'/observations/images/{camera}']
            assert rows.shape == (5, width) and rows.dtype == np.uint8
            assert rows.chunks[0] == 1 and rows.chunks[1] >= width  # a frame is read alone
            assert not rows[3][int(lengths[i, 3]) :].any()
            decoded = cv2.imdecode(rows[3], 1)
            assert np.abs(decoded.astype(int) - frame(3, camera)).max() <= 8  # RGB, unchanged


def test_nothing_of_the_recording_is_left_beside_a_finished_episode(tmp_path):
    begun(tmp_path / 'episode_0.hdf5', 2).finish(success=True)
    assert [item.name for item in tmp_path.iterdir()] == ['episode_0.hdf5']


def test_a_finished_episode_is_never_overwritten(tmp_path):
    path = begun(tmp_path / 'episode_0.hdf5', 2).finish(success=True)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match='never overwritten'):
        begun(path, 1)
    assert path.read_bytes() == before


def test_an_episode_that_appears_meanwhile_is_kept_and_so_is_the_log(tmp_path):
    path = tmp_path / 'episode_0.hdf5'
    writer = begun(path, 2)
    path.write_bytes(b'of somebody else')
    with pytest.raises(FileExistsError):
        writer.finish(success=True)
    assert path.read_bytes() == b'of somebody else'
    assert log_path(path).exists() and not path.with_name('episode_0.hdf5.partial').exists()


def test_a_running_recording_is_not_begun_twice(tmp_path):
    begun(tmp_path / 'episode_0.hdf5', 1)
    with pytest.raises(FileExistsError):
        begun(tmp_path / 'episode_0.hdf5', 1)


def test_discard_leaves_nothing(tmp_path):
    begun(tmp_path / 'episode_0.hdf5', 3).discard()
    assert list(tmp_path.iterdir()) == []


def test_a_recording_cut_off_by_a_kill_is_finished_and_marked(tmp_path):
    path = tmp_path / 'episode_4.hdf5'
    begun(path, 5)  # neither finished nor closed
    log = log_path(path)
    log.write_bytes(log.read_bytes()[:-10])  # the kernel had not all of the last row
    (tmp_path / 'rejected').mkdir()

    finished = finish_log(log, into=tmp_path / 'rejected')

    with read_episode(finished) as episode:
        assert len(episode) == 4
        assert episode.attrs['complete'] is False and episode.attrs['success'] is False
    assert finished == tmp_path / 'rejected' / 'episode_4.hdf5' and not log.exists()


def test_an_empty_recording_says_so_and_is_kept(tmp_path):
    with pytest.raises(EpisodeError, match='holds no row'):
        begun(tmp_path / 'episode_0.hdf5', 0).finish(success=True)
    assert (tmp_path / 'episode_0.hdf5.log').exists()


def test_a_failed_episode_is_marked(tmp_path):
    with read_episode(begun(tmp_path / 'episode_0.hdf5', 1).finish(success=False)) as episode:
        assert episode.attrs['success'] is False and episode.attrs['complete'] is True


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'qpos': np.zeros(13)}, r'qpos has shape \(13,\); expected \(14,\)'),
        ({'images': {'cam_low': frame(0, 'cam_low')}}, 'has no frame of cam_high'),
        (
            {'images': {c: np.zeros((4, 4), np.uint8) for c in CAMERAS}},
            r'expected uint8 \(height, width, 3\)',
        ),
    ],
)
def test_a_row_that_does_not_fit_is_refused(tmp_path, change, message):
    writer = begun(tmp_path / 'episode_0.hdf5', 0)
    row = dict(zip(('qpos', 'qvel', 'effort', 'action'), vectors(0), strict=True))
    row |= {
        'images': {c: frame(0, c) for c in CAMERAS},
        'stamp_s': 0.0,
        'image_ages_s': dict.fromkeys(CAMERAS, 0.0),
    }
    with pytest.raises(EpisodeError, match=message):
        writer.append(**(row | change))
    assert writer.rows == 0


def test_the_child_process_finishes_a_log(tmp_path):
    log = begun(tmp_path / 'episode_0.hdf5', 3).seal(success=True)
    command = [sys.executable, '-m', 'act_ros.data.recording.log_to_hdf5', str(log)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENV)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / 'episode_0.hdf5')


def test_a_full_disk_while_finishing_keeps_the_log(tmp_path):
    """HDF5's library may crash on a full disk; that takes the child only, and the log stays."""
    log = begun(tmp_path / 'episode_0.hdf5', 30).seal(success=True)
    code = (
        'import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000));'
        'from act_ros.data.recording.log_to_hdf5 import main; sys.exit(main())'
    )
    done = subprocess.run(
        [sys.executable, '-c', code, str(log)], capture_output=True, check=False, env=ENV
    )
    assert done.returncode in (1, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGXFSZ)
    assert not (tmp_path / 'episode_0.hdf5').exists()
    finish_log(log)  # with room again
    with read_episode(tmp_path / 'episode_0.hdf5') as episode:
        assert len(episode) == 30 and episode.attrs['success'] is True


def test_the_original_raw_format_is_read(tmp_path):
    path = tmp_path / 'episode_0.hdf5'
    with h5py.File(path, 'w') as root:
        root.attrs['sim'] = True
        root['observations/qpos'] = np.ones((2, 14))
        root['observations/images/top'] = np.stack([frame(t, 'top') for t in range(2)])
        root['action'] = np.zeros((2, 14), np.float32)
    with read_episode(path) as episode:
        np.testing.assert_array_equal(episode.images['top'][1], frame(1, 'top'))
        assert episode.qpos.dtype == np.float32
        assert episode.qvel is None and episode.effort is None and episode.stamp is None


@pytest.mark.parametrize(('channels', 'swapped'), [('rgb', False), ('bgr', True)])
def test_the_interbotix_format_is_read_with_either_channel_order(tmp_path, channels, swapped):
    path, picture = tmp_path / 'episode_0.hdf5', frame(1, 'top')
    jpeg = cv2.imencode('.jpg', picture[:, :, ::-1] if swapped else picture)[1]
    with h5py.File(path, 'w') as root:
        root.attrs['sim'], root.attrs['compress'] = False, True
        root['observations/qpos'] = root['observations/qvel'] = np.zeros((1, 14), np.float32)
        root['observations/effort'] = root['action'] = np.zeros((1, 14), np.float32)
        root['base_action'] = np.zeros((1, 2), np.float32)
        root['observations/images/cam_high'] = np.pad(jpeg, (0, 99))[None]
        root['compress_len'] = np.array([[len(jpeg)]], np.float32)
    with read_episode(path, jpeg_channels=channels) as episode:
        assert np.abs(episode.images['cam_high'][0].astype(int) - picture).max() <= 8
    with read_episode(path) as episode:
        assert len(episode) == 1  # the vectors need no order
        with pytest.raises(EpisodeError, match='does not say in which order.*--jpeg-channels rgb'):
            episode.images['cam_high'][0]


def test_a_file_that_is_no_episode_is_refused_by_name(tmp_path):
    path = tmp_path / 'other.hdf5'
    with h5py.File(path, 'w') as root:
        root['something'] = 1
    with pytest.raises(EpisodeError, match=r'other\.hdf5 is not an ALOHA episode'):
        read_episode(path)


def test_numbering_goes_on_above_all_that_is_there(tmp_path):
    assert next_index(tmp_path / 'new') == 0
    for name in (
        'episode_2.hdf5',
        'episode_10.hdf5',
        'episode_11.hdf5.log',
        'notes.txt',
        'episode_x.hdf5',
    ):
        (tmp_path / name).touch()
    assert next_index(tmp_path) == 12


def test_a_second_recorder_is_refused_and_told_who_has_the_folder(tmp_path):
    first = FolderLock(tmp_path)
    code = (
        'import pathlib, sys; from act_ros.data.recording.dataset_folder import FolderLock;'
        'FolderLock(pathlib.Path(sys.argv[1]))'
    )
    command = [sys.executable, '-c', code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENV)
    assert done.returncode == 1 and 'another recorder' in done.stderr
    first.release()
    assert subprocess.run(command, check=False, env=ENV).returncode == 0
