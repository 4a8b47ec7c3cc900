# SPDX-License-Identifier: Apache-2.0
"""Episodes in every dialect of ALOHA's HDF5: read, written for other loaders, refused when damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_ros.data.dataset import Dataset
from act_ros.data.errors import EpisodeError
from act_ros.data.formats.aloha import read_episode
from act_ros.data.formats.collection import choose, find_episodes
from act_ros.data.formats.store import Storage, store_episode
from damage import changes, damaged
from synthetic import all_frames, write_episode

TICKS = 4


def picture(t: int) -> np.ndarray:
    """A red picture that differs from tick to tick: red and blue swapped is seen at once."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[..., 0], image[..., 1] = 220, 10 * t
    return image


def mobile(path: Path, **attrs: Any) -> Path:
    """As mobile ALOHA's recorder writes: no rate, no names, compress_len in an order it does not state."""
    jpegs = [cv2.imencode('.jpg', picture(t))[1] for t in range(TICKS)]
    width = max(map(len, jpegs)) + 40
    with h5py.File(path, 'w') as root:
        root.attrs.update({'sim': False, 'compress': True, **attrs})
        for name in ('observations/qpos', 'observations/qvel', 'observations/effort', 'action'):
            root[name] = np.arange(TICKS * 14, dtype=np.float32).reshape(TICKS, 14) / 100
        root['base_action'] = np.ones((TICKS, 2))
        for camera in ('cam_high', 'cam_left_wrist'):
            rows = [np.pad(j, (0, width - len(j))) for j in jpegs]
            data = root.create_dataset(
                f'observations/images/{camera}', (TICKS, width), 'u1', chunks=(1, width)
            )
            data[:] = rows
        root['compress_len'] = np.array([[len(j) for j in jpegs]] * 2, np.float32)
    return path


def test_a_mobile_episode_is_read_and_says_what_it_lacks(tmp_path: Path) -> None:
    with read_episode(mobile(tmp_path / 'episode_0.hdf5'), 'rgb') as episode:
        assert episode.kind == 'mobile ALOHA' and episode.cameras == ('cam_high', 'cam_left_wrist')
        assert episode.base_action is not None and episode.base_action.shape == (TICKS, 2)
        assert episode.missing() == [
            *('stamp', 'image_age', 'rate_hz', 'task', 'success', 'joint_names')
        ]
        assert episode.rate_hz is None and episode.joint_names is None
        np.testing.assert_allclose(episode.images['cam_high'][2], picture(2), atol=8)


def test_training_needs_the_channels_where_the_file_does_not_say(tmp_path: Path) -> None:
    mobile(tmp_path / 'episode_0.hdf5')
    for limit in (None, 0):
        with pytest.raises(EpisodeError, match='--jpeg-channels rgb'):
            Dataset(tmp_path, (48, 64), 3, cache_gb=limit)
    red = Dataset(tmp_path, (48, 64), 3, jpeg_channels='rgb')
    blue = Dataset(
        tmp_path, (48, 64), 3, jpeg_channels='bgr'
    )  # another cache, not the first one's
    assert all_frames(red)[0, 0, 0, 0, 0] > 200 > 100 > all_frames(blue)[0, 0, 0, 0, 0]
    assert any('base_action' in note for note in red.notes)
    assert any('50 Hz is taken' in note for note in red.notes) and red.rate_hz == 50.0


@pytest.mark.parametrize('pixels', ['raw', 'gzip'])
def test_raw_frames_are_what_the_original_loader_reads(tmp_path: Path, pixels: str) -> None:
    source = write_episode(tmp_path / 'episode_0.hdf5', TICKS)
    out = tmp_path / 'raw.hdf5'
    with read_episode(source) as episode:
        store_episode(episode, out, Storage(pixels))
        with h5py.File(out) as root:  # as EpisodicDataset.__getitem__ of tonyzhaozh/act does
            assert root.attrs['sim'] and not root.attrs['compress']
            assert root['/observations/qpos'][1].dtype == np.float32
            assert root['/observations/qvel'][1].shape == (14,)
            image = root['/observations/images/cam_high'][1]
            assert image.shape == (96, 128, 3) and image.dtype == np.uint8
            np.testing.assert_array_equal(image, episode.images['cam_high'][1])
            np.testing.assert_array_equal(root['/action'][:], episode.action)


def test_a_file_stored_as_jpeg_reads_like_its_source(tmp_path: Path) -> None:
    """And the JPEGs are the same bytes: nothing is encoded twice."""
    source, out = mobile(tmp_path / 'episode_0.hdf5'), tmp_path / 'ours.hdf5'
    with read_episode(source, 'rgb') as episode:
        store_episode(episode, out, Storage('jpeg'))
        with read_episode(out) as again:
            assert again.attrs['jpeg_channels'] == 'rgb' and again.attrs['sim'] is False
            assert again.attrs['converted_from'] == 'mobile ALOHA'
            assert again.stamp is None and 'rate_hz' not in again.attrs
            np.testing.assert_array_equal(again.base_action, episode.base_action)
            for camera in episode.cameras:
                for t in range(TICKS):
                    np.testing.assert_array_equal(
                        again.images[camera][t], episode.images[camera][t]
                    )
        with pytest.raises(FileExistsError, match='never overwritten'):
            store_episode(episode, out, Storage('jpeg'))
    assert not list(tmp_path.glob('.partial*'))


def test_bgr_jpegs_are_stored_as_rgb(tmp_path: Path) -> None:
    source, out = mobile(tmp_path / 'episode_0.hdf5'), tmp_path / 'ours.hdf5'
    with read_episode(source, 'bgr') as episode:
        store_episode(episode, out, Storage('jpeg'))
        with read_episode(out) as again:
            np.testing.assert_allclose(
                again.images['cam_high'][1], episode.images['cam_high'][1], atol=8
            )


def test_a_jpeg_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = mobile(tmp_path / 'episode_0.hdf5')
    with h5py.File(path, 'r+') as root:
        root['observations/images/cam_high'][2, 300:] = 0
    with read_episode(path, 'rgb') as episode:
        with pytest.raises(EpisodeError, match=r'cam_high: frame 2 is no whole JPEG'):
            episode.images['cam_high'][2]
        assert episode.images['cam_high'][1].shape == (48, 64, 3)


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        (np.zeros((4, 5, 5), np.uint8), r'uint8 \(4, 5, 5\)'),
        (np.zeros((4, 5, 5, 4), np.uint8), r'uint8 \(4, 5, 5, 4\)'),
        (np.zeros((4, 9), np.float32), r'float32 \(4, 9\)'),
    ],
)
def test_pictures_of_another_kind_are_named(
    tmp_path: Path, values: np.ndarray, message: str
) -> None:
    path = mobile(tmp_path / 'episode_0.hdf5')
    with h5py.File(path, 'r+') as root:
        del root['observations/images/cam_high']
        root['observations/images/cam_high'] = values
    with pytest.raises(
        EpisodeError, match=f'no camera cam_high; it has cam_left_wrist.*{message}'
    ):
        Dataset(tmp_path, (48, 64), 3, ['cam_high'])


def test_actions_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    path = mobile(tmp_path / 'episode_0.hdf5')
    with h5py.File(path, 'r+') as root:
        del root['action']
        root['action'] = np.array([b'a', b'b'])
    with pytest.raises(EpisodeError, match='expected numbers'):
        read_episode(path)


def test_a_channel_order_that_is_none_is_refused(tmp_path: Path) -> None:
    path = mobile(tmp_path / 'episode_0.hdf5', jpeg_channels='gbr')
    with pytest.raises(EpisodeError, match="attribute jpeg_channels is 'gbr'"):
        read_episode(path)


@settings(max_examples=60)
@given(changes=changes(8), share=st.just(1.0) | st.floats(0, 1))
def test_a_damaged_file_gives_an_error_or_its_data(
    tmp_path: Path, changes: list[tuple[float, int]], share: float
) -> None:
    """Bytes changed or cut anywhere: an EpisodeError, or an episode whose parts can be used."""
    whole = tmp_path / 'whole.hdf5'
    if not whole.exists():
        mobile(whole)
    # Where its structure is: in the first bytes.
    raw = damaged(whole.read_bytes(), changes, share, most=12_000)
    path = tmp_path / 'damaged.hdf5'
    path.unlink(missing_ok=True)
    path.write_bytes(raw)
    try:
        with read_episode(path, 'rgb') as episode:
            for camera in episode.cameras:
                for frame in episode.images[camera]:
                    assert frame.ndim == 3
    except EpisodeError as error:
        assert 'damaged.hdf5' in str(error) and '\n' not in str(error)


def test_a_folder_of_episodes_that_end_in_h5_is_read(tmp_path: Path) -> None:
    for i in (0, 10, 9):
        (tmp_path / f'episode_{i}.h5').touch()
    refs = find_episodes(tmp_path)
    assert [ref.stem for ref in refs] == ['episode_0', 'episode_9', 'episode_10']
    assert [ref.name for ref in choose(refs, '9-10')] == ['episode_9.h5', 'episode_10.h5']
    (
        tmp_path / 'episode_1.hdf5'
    ).touch()  # then the others are something else, as they always were
    assert [ref.name for ref in find_episodes(tmp_path)] == ['episode_1.hdf5']


def test_a_folder_of_folders_of_episodes_names_them(tmp_path: Path) -> None:
    for day in ('monday', 'tuesday'):
        (tmp_path / day).mkdir()
        (tmp_path / day / 'episode_0.hdf5').touch()
    with pytest.raises(EpisodeError, match='its folders do: name one of monday, tuesday'):
        find_episodes(tmp_path)


def test_episodes_are_chosen_by_their_numbers(tmp_path: Path) -> None:
    for i in (0, 2, 3, 11):
        (tmp_path / f'episode_{i}.hdf5').touch()
    refs = find_episodes(tmp_path)

    def chosen(text: str | None) -> list[str]:
        return [ref.path.stem.removeprefix('episode_') for ref in choose(refs, text)]

    assert chosen(None) == ['0', '2', '3', '11']
    assert chosen('2-3,11') == ['2', '3', '11']
    for wrong, message in (('1', 'no episode 1'), ('a', 'names no episodes'), ('3-', 'names no')):
        with pytest.raises(EpisodeError, match=message):
            choose(refs, wrong)
    assert [r.path for r in find_episodes(tmp_path / 'episode_2.hdf5')] == [
        tmp_path / 'episode_2.hdf5'
    ]
