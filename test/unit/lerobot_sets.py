# SPDX-License-Identifier: Apache-2.0
"""Small LeRobot datasets whose pictures show which row they belong to, and changes to their tables."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from act_ros.data.formats.base import Frames
from act_ros.data.lerobot.video import ffmpeg

FPS = 20
KEY = 'observation.images.cam_high'
WINDOWS = f'videos/{KEY}'
TABLE = 'meta/episodes/chunk-000/file-000.parquet'
CELL = 16


def showing(number: int) -> np.ndarray:
    """A picture in which a number below 256 is written: a cell a bit, in two lines of four."""
    bits = np.array([number >> bit & 1 for bit in range(8)], np.uint8).reshape(2, 4)
    cells = np.where(bits, 230, 25).astype(np.uint8)
    return np.repeat(np.repeat(cells, CELL, 0), CELL, 1)[:, :, None].repeat(3, 2)


def shown(picture: np.ndarray) -> int:
    """The number in a picture."""
    middle = picture[CELL // 2 :: CELL, CELL // 2 :: CELL].mean(axis=2).ravel() > 128
    return sum(int(bit) << i for i, bit in enumerate(middle))


def seen(frames: Frames) -> list[int]:
    """The numbers in all pictures of a camera, read in order; and the last one, read by itself."""
    numbers = [shown(frame) for frame in frames]
    assert shown(frames[len(frames) - 1]) == numbers[-1]
    return numbers


def video(
    path: Path, numbers: Sequence[int], fps: float, *options: str, beside: Sequence[str] = ()
) -> Path:
    """A video of such pictures; `options` of ffmpeg for what is written, `beside` for other inputs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = f'{4 * CELL}x{2 * CELL}'
    command = [
        *(ffmpeg(), '-nostdin', '-loglevel', 'error', '-y', '-f', 'rawvideo', '-pix_fmt', 'rgb24'),
        *('-s', size, '-r', str(fps), '-i', 'pipe:0', *beside, '-c:v', 'libx264'),
        *('-preset', 'veryfast', '-pix_fmt', 'yuv420p', '-crf', '12', *options, str(path)),
    ]
    pictures = b''.join(showing(number).tobytes() for number in numbers)
    subprocess.run(command, input=pictures, check=True)
    return path


def rows(episode: int, length: int, first: int, fps: float = FPS) -> pa.Table:
    """The rows of an episode: a slow motion."""
    ticks = np.arange(length)
    values = 0.2 * np.sin(ticks[:, None] / 9 + np.arange(14)) + 0.01 * episode
    values[:, [6, 13]] = 0.5
    vectors = pa.array(values.astype(np.float32).tolist(), pa.list_(pa.float32()))
    return pa.table(
        {
            'observation.state': vectors,
            'action': vectors,
            'timestamp': pa.array((ticks / fps).astype(np.float32)),
            'frame_index': pa.array(ticks),
            'episode_index': pa.array([episode] * length, pa.int64()),
            'index': pa.array(ticks + first),
            'task_index': pa.array([0] * length, pa.int64()),
        }
    )


def _info(root: Path, version: str, fps: float, **places: str) -> None:
    vector = {'dtype': 'float32', 'shape': [14], 'names': None}
    picture = {'dtype': 'video', 'shape': [2 * CELL, 4 * CELL, 3], 'names': None}
    features = {'observation.state': vector, 'action': vector, KEY: picture}
    info = {'codebase_version': version, 'fps': fps, 'chunks_size': 1000, 'features': features}
    (root / 'meta').mkdir(parents=True, exist_ok=True)
    (root / 'meta/info.json').write_text(json.dumps({**info, **places}))


def v21(root: Path, lengths: Sequence[int] = (10, 8), fps: float = FPS) -> Path:
    """A file of rows and a video for each episode; picture t of episode e shows 50 e + t."""
    data, seen_in = (
        'data/chunk-{episode_chunk:03d}',
        'videos/chunk-{episode_chunk:03d}/{video_key}',
    )
    name = 'episode_{episode_index:06d}'
    _info(
        root, 'v2.1', fps, data_path=f'{data}/{name}.parquet', video_path=f'{seen_in}/{name}.mp4'
    )
    for e, length in enumerate(lengths):
        path = root / f'data/chunk-000/episode_{e:06d}.parquet'
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows(e, length, sum(lengths[:e]), fps), path)
        video(video_of(root, e), range(50 * e, 50 * e + length), fps)
    listed = [{'episode_index': e, 'tasks': ['t'], 'length': n} for e, n in enumerate(lengths)]
    (root / 'meta/episodes.jsonl').write_text('\n'.join(map(json.dumps, listed)) + '\n')
    return root


def video_of(root: Path, episode: int) -> Path:
    """The video of an episode of `v21`."""
    return root / f'videos/chunk-000/{KEY}/episode_{episode:06d}.mp4'


def v30(root: Path, lengths: Sequence[int] = (10, 8, 9), files: Sequence[int] = (0, 0, 0)) -> Path:
    """Rows in `files` (one number an episode), all pictures in one video."""
    file = '{chunk_index:03d}/file-{file_index:03d}'
    _info(
        root,
        'v3.0',
        FPS,
        data_path=f'data/chunk-{file}.parquet',
        video_path='videos/{video_key}/chunk-' + f'{file}.mp4',
    )
    firsts = [sum(lengths[:e]) for e in range(len(lengths))]
    for number in sorted(set(files)):
        parts = [rows(e, n, firsts[e]) for e, n in enumerate(lengths) if files[e] == number]
        path = root / f'data/chunk-000/file-{number:03d}.parquet'
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.concat_tables(parts), path)
    numbers = [50 * e + t for e, n in enumerate(lengths) for t in range(n)]
    video(root / f'videos/{KEY}/chunk-000/file-000.mp4', numbers, FPS)
    ends = [first + n for first, n in zip(firsts, lengths, strict=True)]
    columns = {
        'episode_index': range(len(lengths)),
        'tasks': [['t']] * len(lengths),
        'length': lengths,
        'dataset_from_index': firsts,
        'dataset_to_index': ends,
        'data/chunk_index': [0] * len(lengths),
        'data/file_index': files,
        f'{WINDOWS}/chunk_index': [0] * len(lengths),
        f'{WINDOWS}/file_index': [0] * len(lengths),
        f'{WINDOWS}/from_timestamp': [first / FPS for first in firsts],
        f'{WINDOWS}/to_timestamp': [end / FPS for end in ends],
    }
    (root / TABLE).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        pa.table({name: list(values) for name, values in columns.items()}), root / TABLE
    )
    return root


def change(path: Path, **columns: Callable[[list[Any]], list[Any]]) -> None:
    """Write a table anew with columns changed; `__` in a name stands for `/`."""
    table = pq.read_table(path)
    values = {name: table.column(name).to_pylist() for name in table.column_names}
    for name, function in columns.items():
        values[name.replace('__', '/')] = function(values[name.replace('__', '/')])
    pq.write_table(pa.table(values), path)


def windows(root: Path, begins: Sequence[float], ends: Sequence[float] | None = None) -> None:
    """Say other times of the episodes in the video of `v30`, in pictures."""
    table = pq.read_table(root / TABLE).to_pydict()
    table[f'{WINDOWS}/from_timestamp'] = [begin / FPS for begin in begins]
    if ends is not None:
        table[f'{WINDOWS}/to_timestamp'] = [end / FPS for end in ends]
    pq.write_table(pa.table(table), root / TABLE)
