# SPDX-License-Identifier: Apache-2.0
"""Cameras in HDF5: kept in every usual way, and apart from what lies beside them and is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest

from act_ros.commands import check_dataset, import_lerobot
from act_ros.data.check import check_episode
from act_ros.data.dataset import Dataset
from act_ros.data.errors import EpisodeError
from act_ros.data.formats.aloha import read_episode
from act_ros.data.formats.collection import EpisodeRef, find_episodes
from act_ros.data.formats.store import Storage, store_episode
from act_ros.data.playback import read_recording
from act_ros.robot.spec import RobotSpec
from synthetic import all_frames

SPEC = RobotSpec.load()
TICKS, CAMERA = 6, 'observations/images/cam_high'
pytestmark = pytest.mark.usefixtures('inline')


def picture(t: int) -> np.ndarray:
    """Red, and brighter from tick to tick."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[..., 0], image[..., 1] = 100 + 20 * t, 30
    return image


def episode(path: Path) -> Path:
    """As the original's recorder writes one: raw pictures, nothing said about anything."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = 0.1 * np.sin(np.arange(TICKS)[:, None] + np.arange(14)).astype(np.float32)
    values[:, [6, 13]] = 0.5
    with h5py.File(path, 'w') as root:
        for name in ('observations/qpos', 'observations/qvel', 'observations/effort', 'action'):
            root[name] = values
        root[CAMERA] = np.stack([picture(t) for t in range(TICKS)])
    return path


def encoded(kind: str) -> list[bytes]:
    options = [cv2.IMWRITE_JPEG_QUALITY, 95] if kind == '.jpg' else []
    return [cv2.imencode(kind, picture(t), options)[1].tobytes() for t in range(TICKS)]


def padded(rows: list[bytes]) -> np.ndarray:
    width = max(map(len, rows)) + 9
    return np.stack([np.frombuffer(row.ljust(width, b'\0'), np.uint8) for row in rows])


def byte_strings(rows: list[bytes]) -> np.ndarray:
    return np.array(rows, dtype=f'S{max(map(len, rows))}')


def opaque(rows: list[bytes]) -> np.ndarray:
    return np.array([row.ljust(4000, b'\0') for row in rows], dtype='V4000')


def arrays(rows: list[bytes]) -> tuple[Any, Any]:
    values = np.empty(len(rows), object)
    values[:] = [np.frombuffer(row, np.uint8) for row in rows]
    return values, h5py.vlen_dtype(np.uint8)


def keep(path: Path, values: Any) -> None:
    with h5py.File(path, 'r+') as root:
        del root[CAMERA]
        data, kind = values if isinstance(values, tuple) else (values, None)
        root.create_dataset(CAMERA, data=data, dtype=kind)


@pytest.mark.parametrize('kind', ['.jpg', '.png'])
@pytest.mark.parametrize('way', [padded, byte_strings, opaque, arrays])
def test_pictures_are_read_however_their_bytes_are_kept(
    tmp_path: Path, kind: str, way: Callable[[list[bytes]], Any]
) -> None:
    path = episode(tmp_path / 'episode_0.hdf5')
    keep(path, way(encoded(kind)))
    with read_episode(path, 'rgb') as one:
        assert one.cameras == ('cam_high',) and one.left_out == {}
        for t, frame in enumerate(one.images['cam_high']):
            np.testing.assert_allclose(frame, picture(t), atol=6 if kind == '.jpg' else 0)
        store_episode(one, tmp_path / 'ours.hdf5', Storage('jpeg'))
    assert all_frames(Dataset(tmp_path, (48, 64), 3, jpeg_channels='rgb'))[0, 0, 0, 0, 0] > 80
    report = check_episode(EpisodeRef(path, 'rgb'), SPEC, pixels=True)
    assert (report.bad, report.repeated) == ([], 0)
    with read_episode(tmp_path / 'ours.hdf5') as ours:
        np.testing.assert_allclose(ours.images['cam_high'][3], picture(3), atol=6)


def test_raw_pictures_with_the_channels_first_are_read(tmp_path: Path) -> None:
    path = episode(tmp_path / 'episode_0.hdf5')
    keep(path, np.stack([np.moveaxis(picture(t), -1, 0) for t in range(TICKS)]))
    with read_episode(path) as one:
        np.testing.assert_array_equal(one.images['cam_high'][2], picture(2))


def put(name: str, values: Any) -> Callable[[Any], None]:
    def change(root: Any) -> None:
        root[name] = values

    return change


def soft_link(root: Any) -> None:
    root['observations/images/cam_lost'] = h5py.SoftLink('/nowhere')


def depth_pngs(root: Any) -> None:
    png = cv2.imencode('.png', np.full((48, 64), 900, np.uint16))[1].tobytes()
    root['observations/images/cam_ir'] = padded([png] * TICKS)


BESIDE = {
    'cam_depth': put('observations/images/cam_depth', np.full((TICKS, 48, 64), 900, np.uint16)),
    'cam_range': put('observations/images/cam_range', np.ones((TICKS, 48, 64), np.float32)),
    'mask': put('observations/images/mask', np.zeros((TICKS, 48, 64), np.uint8)),
    'cloud': put('observations/images/cloud', np.zeros((TICKS, 99, 3), np.float32)),
    'fresh': put('observations/images/fresh', np.ones((TICKS, 1), np.uint8)),
    'words': put('observations/images/words', ['a picture'] * TICKS),
    'note': put('observations/images/note', 'from the left'),
    'group': put('observations/images/group/color', np.zeros((TICKS, 48, 64, 3), np.uint8)),
    'none': put('observations/images/none', h5py.Empty('f')),
    'rgbd': put('observations/images/rgbd', np.zeros((TICKS, 48, 64, 4), np.uint8)),
    'cam_lost': soft_link,
    'cam_ir': depth_pngs,
    'effort_names': put('observations/image_age/effort_names', ['a'] * TICKS),
}


@pytest.mark.parametrize('what', BESIDE)
def test_what_is_no_camera_is_not_in_the_way_and_is_named_once(
    tmp_path: Path, what: str, capsys: Any
) -> None:
    folder = tmp_path / 'data'
    for e in range(2):
        with h5py.File(episode(folder / f'episode_{e}.hdf5'), 'r+') as root:
            BESIDE[what](root)
    data = Dataset(folder, (48, 64), 3)
    assert data.cameras == ('cam_high',) and len(data) == 2 * TICKS
    assert sum(what in note for note in data.notes) == 1
    assert not any(what in note for note in Dataset(folder, (48, 64), 3, ['cam_high']).notes)
    assert check_dataset.main([str(folder)]) == 0
    assert capsys.readouterr().out.count(f'in the files, and not read: {what} (') == 1
    assert import_lerobot.main([str(folder), '--output', str(tmp_path / 'out')]) == 0
    assert capsys.readouterr().err.count(f'{what} (') == 1
    if what != 'effort_names':
        with pytest.raises(EpisodeError, match=f'no camera {what}; .*{what}: '):
            Dataset(folder, (48, 64), 3, [what])


def test_velocities_that_are_no_numbers_are_in_nobodys_way(tmp_path: Path) -> None:
    path = episode(tmp_path / 'episode_0.hdf5')
    with h5py.File(path, 'r+') as root:
        del root['observations/qvel'], root['observations/effort']
        root['observations/qvel'], root['observations/effort/left'] = 'none', np.zeros(TICKS)
    with read_episode(path) as one:
        assert one.qvel is None and one.effort is None and set(one.left_out) == {'qvel', 'effort'}
    assert len(Dataset(tmp_path, (48, 64), 3)) == TICKS


def test_a_camera_named_as_depth_is_taken_only_by_its_name(tmp_path: Path) -> None:
    path = episode(tmp_path / 'episode_0.hdf5')
    with h5py.File(path, 'r+') as root:
        root.copy(root[CAMERA], 'observations/images/cam_high_Depth')
    assert Dataset(tmp_path, (48, 64), 3).cameras == ('cam_high',)
    assert Dataset(tmp_path, (48, 64), 3, ['cam_high_Depth']).cameras == ('cam_high_Depth',)


def test_a_camera_that_the_file_states_must_be_one(tmp_path: Path) -> None:
    path = episode(tmp_path / 'episode_0.hdf5')
    with h5py.File(path, 'r+') as root:
        root.attrs['cameras'] = ['cam_high', 'cam_low']
        root['observations/images/cam_low'] = np.zeros((TICKS, 5), np.float32)
    with pytest.raises(EpisodeError, match=r'camera cam_low is float32 \(6, 5\)'):
        read_episode(path)


def test_damaged_pictures_of_a_camera_do_not_hide_it(tmp_path: Path) -> None:
    path = episode(tmp_path / 'episode_0.hdf5')
    keep(path, np.zeros((TICKS, 900), np.uint8))
    report = check_episode(EpisodeRef(path, 'rgb'), SPEC, pixels=True)
    assert report.bad == ['cam_high: 6 frames are no pictures, first at tick 0']


def test_hidden_files_are_no_episodes(tmp_path: Path) -> None:
    episode(tmp_path / 'episode_0.hdf5')
    (tmp_path / '._episode_0.hdf5').write_bytes(b'\0\5\26\7' + bytes(4092))
    assert [ref.name for ref in find_episodes(tmp_path)] == ['episode_0.hdf5']
    (tmp_path / 'episode_0.hdf5').unlink()
    with pytest.raises(EpisodeError, match='holds no .hdf5 episode'):
        find_episodes(tmp_path)


@pytest.mark.parametrize(
    ('stamp', 'says'),
    [
        (lambda t: t / 30, 'recorded at 30.00 Hz; nominal 50 Hz'),
        (lambda t: t / 50 + (t > 2), '1 gaps, 50 rows lost; the longest 1.020 s before tick 3'),
        (lambda t: t / 50 - (t > 2), 'stamps do not rise at tick 3'),
        (lambda t: np.where(t == 1, np.nan, t / 50), 'stamp: 1 entries not finite, first at tick 1'),
        (lambda t: t[:-1] / 50, r'stamp has shape \(5,\); expected 6 rows'),
    ],
)  # fmt: skip
def test_stamps_that_do_not_go_with_the_rate_are_refused_by_all(
    tmp_path: Path, stamp: Any, says: str, capsys: Any
) -> None:
    path = episode(tmp_path / 'data/episode_0.hdf5')
    with h5py.File(path, 'r+') as root:
        root.attrs['rate_hz'] = 50.0
        root['observations/stamp'] = stamp(np.arange(TICKS))
    assert check_dataset.main([str(path)]) == 1
    with pytest.raises(EpisodeError, match=f'{says}.*take it out of the folder'):
        Dataset(path.parent, (48, 64), 3)
    with pytest.raises(EpisodeError, match=says):
        read_recording(path, SPEC)
    assert import_lerobot.main([str(path), '--output', str(tmp_path / 'out')]) == 1
    assert 'take it out of the folder' in capsys.readouterr().err
    assert not list((tmp_path / 'out').glob('*.hdf5'))
