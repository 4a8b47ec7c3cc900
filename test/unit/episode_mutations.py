# SPDX-License-Identifier: Apache-2.0
"""Damaged and hostile episodes of every format: each gives an error, or is still an episode; nothing else.

`python -c 'import episode_mutations; episode_mutations.main(1000)'` tries so many of each format in a child process
with little memory, and says what came of them.
"""

from __future__ import annotations

import collections
import json
import resource
import shutil
import struct
import tempfile
import time
from contextlib import closing
from itertools import islice
from pathlib import Path
from random import Random
from typing import NamedTuple

import cv2
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import lerobot_sets as sets
from act_ros.data.child_processes import each
from act_ros.data.errors import EpisodeError
from act_ros.data.formats.collection import find_episodes
from damage import mutate_bytes, mutate_json

MEMORY = 3 << 30
"""Bytes of addresses that the child may have; it has half of them when it has imported what reads."""
PEAK = 1 << 30
SLOW_S = 20.0
CAMERA = 'observations/images/cam_high'


class Attempt(NamedTuple):
    """One mutation: of the format, drawn from the seed; `folder` has one of each, unharmed."""

    kind: str
    seed: int
    folder: Path


def picture() -> np.ndarray:
    return np.full((48, 64, 3), 90, np.uint8)


def hdf5(folder: Path, libver: str = 'earliest') -> Path:
    """An episode with tables in chunks, and pictures as JPEGs."""
    path = folder / 'episode_0.hdf5'
    row = cv2.imencode('.jpg', picture())[1].tobytes()
    values = 0.1 * np.sin(np.arange(8)[:, None] + np.arange(14)).astype(np.float32)
    with h5py.File(path, 'w', libver=libver) as root:
        root.attrs.update({'rate_hz': 50.0, 'jpeg_channels': 'rgb', 'cameras': ['cam_high']})
        for name in ('observations/qpos', 'observations/qvel', 'action'):
            root.create_dataset(name, data=values, chunks=(4, 14), compression='gzip')
        root['observations/stamp'] = np.arange(8) / 50
        rows = np.frombuffer(row.ljust(len(row) + 50, b'\0'), np.uint8)
        root.create_dataset(CAMERA, data=np.stack([rows] * 8), chunks=(1, len(rows)))
        root['compress_len'] = np.full((1, 8), len(row), np.float32)
    return path


def pictures(root: Path) -> Path:
    """A LeRobot dataset whose pictures are in its table."""
    sets.v21(root, (6,))
    info = json.loads((root / 'meta/info.json').read_text())
    info['features'][sets.KEY]['dtype'] = 'image'
    (root / 'meta/info.json').write_text(json.dumps(info))
    path = root / 'data/chunk-000/episode_000000.parquet'
    png = cv2.imencode('.png', picture())[1].tobytes()
    kind = pa.struct({'bytes': pa.binary(), 'path': pa.string()})
    column = pa.array([{'bytes': png, 'path': None}] * 6, kind)
    pq.write_table(pq.read_table(path).append_column(sets.KEY, column), path)
    return root


def make_whole(folder: Path) -> None:
    """One of each format, unharmed."""
    for name in ('earliest', 'latest'):
        (folder / name).mkdir()
        hdf5(folder / name, name)
    sets.v21(folder / 'v21', (6, 5))
    sets.v30(folder / 'v30', (6, 5), (0, 0))
    pictures(folder / 'pictures')


PLACES = {
    'hdf5': ('earliest', 'episode_0.hdf5'),
    'hdf5 latest': ('latest', 'episode_0.hdf5'),
    'info.json': ('v30', 'meta/info.json'),
    'v2.1 info.json': ('v21', 'meta/info.json'),
    'episodes.jsonl': ('v21', 'meta/episodes.jsonl'),
    'rows': ('v21', 'data/chunk-000/episode_000000.parquet'),
    'table of episodes': ('v30', sets.TABLE),
    'video': ('v30', f'videos/{sets.KEY}/chunk-000/file-000.mp4'),
    'pictures in a table': ('pictures', 'data/chunk-000/episode_000000.parquet'),
}
"""By format its dataset, and the file in it that is changed."""


def changed(kind: str, data: bytes, random: Random) -> bytes:
    """A mutation of a file's content, where its structure is."""
    if kind.endswith('info.json') and random.random() < 0.8:
        return json.dumps(mutate_json(json.loads(data), random)).encode('utf-8', 'replace')
    if kind == 'episodes.jsonl' and random.random() < 0.8:
        lines = [mutate_json(json.loads(line), random) for line in data.splitlines()]
        return '\n'.join(map(json.dumps, lines)).encode('utf-8', 'replace')
    if kind == 'video':
        begin = data.index(b'moov') if random.random() < 0.9 else 0
        return data[:begin] + touched(data[begin:], random)
    if 'hdf5' not in kind and kind not in ('info.json', 'episodes.jsonl'):
        footer = 8 + struct.unpack('<I', data[-8:-4])[0] if data[-4:] == b'PAR1' else 0
        if random.random() < 0.7:
            return data[:-footer] + touched(data[-footer:], random)
    return touched(data, random)


def touched(data: bytes, random: Random) -> bytes:
    """A few bytes that are others and may be plausible; or, half of the time, worse."""
    if random.random() < 0.5:
        return mutate_bytes(data, random)
    out = bytearray(data)
    for _ in range(random.randint(1, 3)):
        out[random.randrange(len(out))] = random.choice(
            [0, 1, 127, 128, 255, random.randrange(256)]
        )
    return bytes(out)


def peak_bytes() -> int:
    """The most memory that this program has taken; `ru_maxrss` begins with that of the one that started it."""
    status = Path('/proc/self/status').read_text()
    return 1024 * int(status.partition('VmHWM:')[2].split()[0])


def attempt(item: Attempt) -> tuple[str, int]:
    """'refused' or 'accepted', and the most bytes of memory so far; anything else that happens is raised."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, limits[1]))
    name, file = PLACES[item.kind]
    begin = time.process_time()
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(shutil.copytree(item.folder / name, Path(temporary) / 'set'))
        path = place / file
        path.write_bytes(changed(item.kind, path.read_bytes(), Random(item.seed)))
        try:
            read(place)
            outcome = 'accepted'
        except EpisodeError as error:
            assert '\n' not in str(error) and len(str(error)) < 30_000
            outcome = 'refused'
    if (took := time.process_time() - begin) > SLOW_S:
        raise AssertionError(f'took {took:.1f} s')
    return outcome, peak_bytes()


def read(place: Path) -> None:
    """All that a command reads of a dataset."""
    for ref in find_episodes(place):
        with ref.open() as episode:
            episode.faults()
            assert len(episode.qpos) < 1000 and episode.missing() is not None
            for camera in episode.cameras:
                for frame in islice(episode.images[camera], 4):
                    assert frame.ndim == 3


def tried(folder: Path, kind: str, count: int, first_seed: int = 0) -> collections.Counter[str]:
    """How many were 'refused' or 'accepted', 'died' with the library that read them, or were 'given up'.

    Raises:
        AssertionError: another thing happened; with the seed.
    """
    found, wrong = collections.Counter[str](), []
    items = [Attempt(kind, first_seed + i, folder) for i in range(count)]
    with closing(each(attempt, items, 1, 3 * SLOW_S)) as outcomes:
        for outcome in outcomes:
            if outcome.result is None:
                error = str(outcome.error)
                if 'ended by SIG' in error and 'SIGKILL' not in error:
                    found['died'] += 1
                elif 'it was given up' in error:  # HDF5's library can turn forever
                    found['given up'] += 1
                else:
                    wrong.append(f'{kind}, seed {outcome.item.seed}: {error}')
                continue
            said, peak = outcome.result
            found[said] += 1
            if peak > PEAK:
                wrong.append(f'{kind}, seed {outcome.item.seed}: took {peak / 1e9:.1f} GB')
    assert not wrong, '\n'.join(wrong[:20])
    return found


def main(count: int) -> None:
    """Try so many of each format."""
    with tempfile.TemporaryDirectory() as folder:
        make_whole(Path(folder))
        for kind in PLACES:
            try:
                print(kind, dict(tried(Path(folder), kind, count, 1_000_000)), flush=True)
            except AssertionError as error:
                print(kind, error, flush=True)
