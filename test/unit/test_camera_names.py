# SPDX-License-Identifier: Apache-2.0
"""A camera's name becomes the name of files: one that leads out of their folder is refused where it enters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lerobot_sets as sets
from act_ros.commands import export_lerobot, import_lerobot, visualize
from act_ros.data.errors import EpisodeError
from act_ros.data.formats.aloha import read_episode
from act_ros.data.formats.collection import find_episodes
from act_ros.data.lerobot import layout
from act_ros.data.names import path_inside

UNFIT = ('../../x/PWNED', '/x/PWNED', 'a/b', '.', '..', '', 'a\0b', 'a\x1b[31m', 'long' * 40)
TICKS = 6
pytestmark = pytest.mark.usefixtures('inline')


def dataset(root: Path, camera: str) -> Path:
    """LeRobot v2.1 with the pictures of a camera in its table."""
    sets.v21(root, (TICKS,))
    info = json.loads((root / 'meta/info.json').read_text())
    del info['features'][sets.KEY]
    key = f'observation.images.{camera}'
    info['features'][key] = {'dtype': 'image', 'shape': [32, 32, 3], 'names': None}
    (root / 'meta/info.json').write_text(json.dumps(info))
    path = root / 'data/chunk-000/episode_000000.parquet'
    png = cv2.imencode('.png', np.full((32, 32, 3), 99, np.uint8))[1].tobytes()
    pictures = pa.array([{'bytes': png, 'path': None}] * TICKS)
    pq.write_table(pq.read_table(path).append_column(key, pictures), path)
    return root


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob('*') if path.is_file()}


@pytest.mark.parametrize('name', UNFIT)
def test_a_dataset_whose_camera_cannot_be_a_file_is_refused(tmp_path: Path, name: str) -> None:
    root = dataset(tmp_path / 'set', name)
    with pytest.raises(
        EpisodeError, match=r'info\.json: a feature of pictures: .*rename it there'
    ):
        find_episodes(root)[0].open()


@pytest.mark.parametrize('command', [export_lerobot, import_lerobot, visualize])
def test_nothing_is_written_outside_the_output(
    command: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = dataset(tmp_path / 'set', '../../../PWNED')
    before = files(tmp_path)
    assert command.main([str(root), '--output', str(tmp_path / 'a/b/out')]) != 0
    assert files(tmp_path) - before <= files(tmp_path / 'a/b/out')
    assert 'PWNED' in capsys.readouterr().err


def test_a_name_that_gets_past_the_reader_is_not_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second line: as if the reader had let it in."""
    monkeypatch.setattr(layout, 'refuse_names', lambda where, cameras: None)
    root = dataset(tmp_path / 'set', '../../../PWNED')
    before = files(tmp_path)
    out = tmp_path / 'a/b/out'
    assert export_lerobot.main([str(root), '--output', str(out), '--codec', 'h264']) != 0
    assert files(tmp_path) - before <= files(out)
    assert 'leads out of' in capsys.readouterr().err


def test_a_usual_name_is_exported(tmp_path: Path) -> None:
    root, out = dataset(tmp_path / 'set', 'cam.high-1 é'), tmp_path / 'out'
    assert export_lerobot.main([str(root), '--output', str(out), '--codec', 'h264']) == 0
    with find_episodes(out)[0].open() as episode:
        assert episode.cameras == ('cam.high-1 é',)


@pytest.mark.parametrize('name', ['..', 'a\x1b[31m', 'long' * 40])
def test_in_hdf5_it_is_no_camera_and_refused_where_the_file_states_it(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / 'episode_0.hdf5'
    with h5py.File(path, 'w') as root:
        for table in ('observations/qpos', 'action'):
            root[table] = np.zeros((TICKS, 14), np.float32)
        images = root.create_group('observations/images')
        images['cam_high'] = images[name] = np.zeros((TICKS, 8, 8, 3), np.uint8)
    with read_episode(path) as episode:
        assert set(episode.images) == {'cam_high'} and len(episode.left_out) == 1
    with h5py.File(path, 'r+') as root:
        root.attrs['cameras'] = ['cam_high', '..']
    if name == '..':
        with pytest.raises(
            EpisodeError, match=r"camera \.\. is no camera: '\.\.' cannot be the name"
        ):
            read_episode(path)


@pytest.mark.parametrize('relative', ['../x.mp4', '/x.mp4', 'videos/../../x.mp4'])
def test_a_path_out_of_its_folder_is_refused(tmp_path: Path, relative: str) -> None:
    assert path_inside(tmp_path, 'videos/a..b.mp4') == tmp_path / 'videos/a..b.mp4'
    with pytest.raises(EpisodeError, match='leads out of'):
        path_inside(tmp_path, relative)
