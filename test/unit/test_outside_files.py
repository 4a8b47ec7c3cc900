# SPDX-License-Identifier: Apache-2.0
"""What leads out of an HDF5 file is named and not followed; nor are the lists of files that ffmpeg knows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest

import lerobot_sets as sets
from act_ros.data.check import check_episode
from act_ros.data.errors import EpisodeError
from act_ros.data.formats.aloha import read_episode
from act_ros.data.formats.collection import EpisodeRef, find_episodes
from act_ros.data.formats.store import Storage, store_episode
from act_ros.robot.spec import RobotSpec

TICKS, CAMERA = 6, 'observations/images/cam_high'
VALUES = 0.1 * np.ones((TICKS, 14), np.float32)
PICTURES = np.full((TICKS, 8, 8, 3), 77, np.uint8)


def episode(path: Path) -> Path:
    with h5py.File(path, 'w') as root:
        for name in ('observations/qpos', 'observations/qvel', 'action'):
            root[name] = VALUES
        root[CAMERA] = PICTURES
    return path


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Another file of the machine: HDF5, and as bytes long enough for everything."""
    path = tmp_path / 'secret.hdf5'
    with h5py.File(path, 'w') as root:
        root['values'], root['pictures'] = VALUES + 1, PICTURES + 1
    (tmp_path / 'secret.bin').write_bytes(b'secret' * 1000)
    return path


def external_link(root: Any, name: str, secret: Path, what: str) -> None:
    root[name] = h5py.ExternalLink(str(secret), what)


def link_through_a_link(root: Any, name: str, secret: Path, what: str) -> None:
    root['there'] = h5py.ExternalLink(str(secret), '/')
    root[name] = h5py.SoftLink(f'/there/{what}')


def virtual(root: Any, name: str, secret: Path, what: str) -> None:
    with h5py.File(secret) as other:
        source = h5py.VirtualSource(other[what])
        layout = h5py.VirtualLayout(other[what].shape, other[what].dtype)
    layout[...] = source
    root.create_virtual_dataset(name, layout)


def external_storage(root: Any, name: str, secret: Path, what: str) -> None:
    like = VALUES if what == 'values' else PICTURES
    file = str(secret.with_suffix('.bin'))
    root.create_dataset(name, like.shape, like.dtype, external=[(file, 0, h5py.h5f.UNLIMITED)])


WAYS = [external_link, link_through_a_link, virtual, external_storage]


def replace(path: Path, name: str, secret: Path, what: str, way: Callable[..., None]) -> None:
    with h5py.File(path, 'r+') as root:
        del root[name]
        way(root, name, secret, what)
        root.flush()
    with h5py.File(path, 'r') as root:  # HDF5 itself follows it
        assert root[name].shape == (VALUES if what == 'values' else PICTURES).shape


@pytest.mark.parametrize('name', ['action', 'observations/qpos'])
@pytest.mark.parametrize('way', WAYS)
def test_a_table_in_another_file_is_refused(
    tmp_path: Path, secret: Path, name: str, way: Callable[..., None]
) -> None:
    path = episode(tmp_path / 'episode_0.hdf5')
    replace(path, name, secret, 'values', way)
    with pytest.raises(EpisodeError, match=r'leads to another file \(.*secret'):
        read_episode(path)


@pytest.mark.parametrize('way', WAYS)
def test_pictures_in_another_file_are_no_camera_and_are_not_exported(
    tmp_path: Path, secret: Path, way: Callable[..., None]
) -> None:
    path = episode(tmp_path / 'episode_0.hdf5')
    with h5py.File(path, 'r+') as root:
        way(root, 'observations/images/cam_low', secret, 'pictures')
    with read_episode(path) as one:
        assert one.cameras == ('cam_high',)
        assert 'another file' in one.left_out['cam_low']
        store_episode(one, tmp_path / 'stored.hdf5', Storage('raw'))
    with h5py.File(tmp_path / 'stored.hdf5') as root:
        assert list(root['observations/images']) == ['cam_high']
    report = check_episode(EpisodeRef(path), RobotSpec.load(), pixels=True)
    assert any('cam_low' in text and 'secret' in text for text in report.left_out)


@pytest.mark.parametrize('way', WAYS)
def test_velocities_in_another_file_are_left_out(
    tmp_path: Path, secret: Path, way: Callable[..., None]
) -> None:
    path = episode(tmp_path / 'episode_0.hdf5')
    replace(path, 'observations/qvel', secret, 'values', way)
    with read_episode(path) as one:
        assert one.qvel is None and 'another file' in one.left_out['qvel']


def test_a_link_to_a_pipe_is_not_opened(tmp_path: Path) -> None:
    """HDF5 would wait for somebody to write into it."""
    path = episode(tmp_path / 'episode_0.hdf5')
    os.mkfifo(tmp_path / 'pipe')
    with h5py.File(path, 'r+') as root:
        root['observations/images/cam_low'] = h5py.ExternalLink(str(tmp_path / 'pipe'), '/x')
        root['observations/image_age'] = h5py.ExternalLink(str(tmp_path / 'pipe'), '/x')
    with read_episode(path) as one:
        assert one.cameras == ('cam_high',) and set(one.left_out) == {'cam_low', 'image_age'}


def test_links_in_the_file_itself_are_followed_also_in_circles(tmp_path: Path) -> None:
    path = episode(tmp_path / 'episode_0.hdf5')
    with h5py.File(path, 'r+') as root:
        root.move('action', 'commands')
        root['alias'] = h5py.SoftLink('commands')
        root['action'] = h5py.SoftLink('/alias')
        root['observations/images/cam_low'] = h5py.SoftLink('./cam_high')
        root['observations/images/round'] = h5py.SoftLink('/observations/images/round')
    with read_episode(path) as one:
        assert np.array_equal(one.action, VALUES)
        assert one.cameras == ('cam_high', 'cam_low')
        assert 'where nothing is' in one.left_out['round']


LISTS = {
    'concat': "ffconcat version 1.0\nfile '{}'\n",
    'hls': '#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n',
}


@pytest.mark.parametrize('kind', LISTS)
def test_a_video_that_is_a_list_of_other_files_shows_none_of_them(
    tmp_path: Path, kind: str
) -> None:
    root = sets.v21(tmp_path / 'set', (6,))
    path = sets.video_of(root, 0)
    secret = sets.video(path.with_name('secret.ts'), range(6), sets.FPS)
    path.write_text(LISTS[kind].format(secret.name))
    with find_episodes(root)[0].open() as one:
        assert one.faults().bad
        with pytest.raises(EpisodeError):
            list(one.images['cam_high'])


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.avi'])
def test_videos_of_the_usual_containers_are_read(tmp_path: Path, suffix: str) -> None:
    root = sets.v21(tmp_path / 'set', (6,))
    path = sets.video_of(root, 0)
    made = sets.video(path.with_name(f'other{suffix}'), range(6), sets.FPS, '-bf', '0')
    made.rename(path)
    with find_episodes(root)[0].open() as one:
        assert sets.seen(one.images['cam_high']) == list(range(6))


def test_a_jpeg_says_its_size_before_it_is_decoded() -> None:
    from act_ros.data.formats.pixels import size_of

    for height, width in ((1, 1), (48, 64), (720, 1280), (33, 4001)):
        noise = np.random.default_rng(height).integers(0, 255, (height, width, 3), np.uint8)
        for picture in (noise, noise[:, :, 0]):
            for options in (
                [],
                [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
                [cv2.IMWRITE_JPEG_RST_INTERVAL, 2],
            ):
                jpeg = cv2.imencode('.jpg', picture, options)[1].tobytes()
                thumbnail = cv2.imencode('.jpg', np.zeros((9, 9, 3), np.uint8))[1].tobytes()
                more = b'\xff\xe1' + (2 + len(thumbnail)).to_bytes(2, 'big') + thumbnail
                for data in (jpeg, jpeg[:2] + more + jpeg[2:]):
                    assert size_of(data) == (width, height)
            assert size_of(cv2.imencode('.png', picture)[1].tobytes()) == (width, height)
