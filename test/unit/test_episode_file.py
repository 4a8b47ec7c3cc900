# SPDX-License-Identifier: Apache-2.0
"""Episodes' files, made row by row while the log grows."""

from __future__ import annotations

import threading
import time
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.aloha import read_episode
from act_ros.data.recording.episode_file import EpisodeFile, padded
from act_ros.data.recording.episode_log import Header, Row, pack_end
from act_ros.data.recording.log import LogWriter
from act_ros.data.recording.log_to_hdf5 import finish_log, follow_log


@settings(max_examples=60)
@given(st.binary(max_size=300), st.integers(0, 3000), st.integers(0, 2))
def test_padding_is_a_zlib_stream_of_the_data_and_zeros(data, rest, blocks):
    data = data + bytes(range(256)) * 256 * blocks  # beyond one stored block
    assert zlib.decompress(padded(data, len(data) + rest)) == data + bytes(rest)


def row(t: int, length: int = 100, base: tuple[float, ...] = ()) -> Row:
    jpegs = tuple(bytes([1 + (t + k) % 255]) * (length + k) for k in range(2))
    vectors = np.full((4, 3), t, np.float32)
    return Row(0.02 * t, vectors, jpegs, (0.01, 0.02), (0.001 * t,), base)


def log(folder: Path, base: bool = False) -> LogWriter:
    made = LogWriter(folder / 'episode_0.hdf5.log')
    header = Header(('a', 'b', 'c'), ('left', 'right'), {'task': 'x'}, ('action_age',), base=base)
    made.append(header.pack())
    return made


def test_a_jpeg_longer_than_expected_makes_the_file_anew_and_wider(tmp_path):
    writer = log(tmp_path)
    lengths = [100, 120, 900, 100, 5000, 70_000, 30]
    for t, length in enumerate(lengths):
        writer.append(row(t, length).pack())
    writer.append(pack_end(True, {}))
    with h5py.File(finish_log(writer.path)) as file:
        for k, camera in enumerate(('left', 'right')):
            images = file[f'observations/images/{camera}']
            assert images.shape == (7, 70_001)
            for t, length in enumerate(lengths):
                expected = row(t, length).jpegs[k].ljust(70_001, b'\0')
                assert images[t].tobytes() == expected
        np.testing.assert_array_equal(file['compress_len'][0], lengths)
        np.testing.assert_allclose(file['action_age'], 0.001 * np.arange(7), atol=1e-6)


def test_the_file_is_as_large_as_its_jpegs_though_rows_are_wide(tmp_path):
    writer = log(tmp_path)
    for t in range(100):
        writer.append(row(t, 60_000 if t % 50 == 0 else 20_000).pack())
    writer.append(pack_end(True, {}))
    jpegs = 2 * (98 * 20_000 + 2 * 60_000)
    assert finish_log(writer.path).stat().st_size < 1.05 * jpegs


def test_a_mobile_base_is_stored_as_mobile_aloha_does(tmp_path):
    writer = log(tmp_path, base=True)
    for t in range(3):
        writer.append(row(t, base=(0.1 * t, -0.2)).pack())
    writer.append(pack_end(True, {}))
    with read_episode(finish_log(writer.path)) as episode:
        assert episode.base_action is not None and episode.base_action.shape == (3, 2)
        np.testing.assert_allclose(episode.base_action[2], [0.2, -0.2], atol=1e-6)
        np.testing.assert_allclose(episode.image_age['right'], 0.02)


def test_a_log_is_followed_while_it_grows(tmp_path):
    writer, asked = log(tmp_path), threading.Event()
    made: list[Path | None] = []

    def more() -> bool:
        asked.set()
        time.sleep(0.001)
        return True

    thread = threading.Thread(target=lambda: made.append(follow_log(writer.path, more)))
    thread.start()
    for t in range(20):
        writer.append(row(t).pack())
        asked.clear()
        assert asked.wait(10)  # it has read what there is
    assert (tmp_path / 'episode_0.hdf5.partial').exists()
    assert not (tmp_path / 'episode_0.hdf5').exists()
    writer.append(pack_end(True, {}))
    thread.join(10)
    assert made == [tmp_path / 'episode_0.hdf5'] and writer.path.exists()
    with h5py.File(tmp_path / 'episode_0.hdf5') as file:
        assert len(file['action']) == 20 and file.attrs['complete']


def test_an_end_that_comes_just_before_the_recorder_leaves_is_seen(tmp_path):
    writer = log(tmp_path)
    writer.append(row(0).pack())

    def more() -> bool:
        writer.append(pack_end(True, {}))
        return False

    assert follow_log(writer.path, more) == tmp_path / 'episode_0.hdf5'


def test_a_follower_that_is_left_alone_leaves_no_file(tmp_path):
    writer = log(tmp_path)
    writer.append(row(0).pack())
    assert follow_log(writer.path, lambda: False) is None
    assert [p.name for p in tmp_path.iterdir()] == ['episode_0.hdf5.log']


def test_a_disk_that_does_not_keep_what_was_written_is_found_out(tmp_path):
    file = EpisodeFile(tmp_path / 'a.hdf5', Header(('a', 'b', 'c'), ('left', 'right')))
    file.add(row(0))
    file._unread[0] = [0, 0]
    with pytest.raises(EpisodeError, match=r'row 0 of .* is not what was written'):
        file.finish(None)
    file.close()
