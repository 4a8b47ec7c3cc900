# SPDX-License-Identifier: Apache-2.0
"""Staged episodes become a LeRobotDataset v3.0; `meta/info.json` comes last and makes it one.

Done anew after a kill, it writes the same files again: nothing is appended to.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from act_ros.data.lerobot.layout import ATTRS, IMAGES, INFO
from act_ros.data.lerobot.plan import Plan
from act_ros.data.lerobot.stage import NOTE, ROWS, StageJob, column_values
from act_ros.data.lerobot.stats import picture_stats, vector_stats
from act_ros.data.lerobot.video import join_videos
from act_ros.data.names import path_inside

CHUNKS, DATA_MB, VIDEO_MB = 1000, 100, 200
"""Files a folder, and their sizes at most, as LeRobot's own default."""
DATA_PATH = 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet'
VIDEO_PATH = 'videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4'
EPISODES_PATH = 'meta/episodes/chunk-000/file-000.parquet'


def assemble(
    plan: Plan, jobs: Sequence[StageJob], root: Path, tick: Callable[[str], None]
) -> None:
    """Put the staged episodes of `jobs` together in `root`; `tick` hears of each file made.

    Raises:
        EpisodeError: a video cannot be joined.
        OSError: the disk is full or gone.
    """
    notes = [json.loads((job.folder / NOTE).read_text(encoding='utf-8')) for job in jobs]
    rows = [_row(plan, job, note) for job, note in zip(jobs, notes, strict=True)]
    _data(jobs, rows, root, tick)
    for camera in plan.cameras:
        _videos(plan, jobs, rows, root, camera, tick)
    _write(root / EPISODES_PATH, lambda path: pq.write_table(pa.Table.from_pylist(rows), path))
    _write(root / 'meta/tasks.parquet', lambda path: pq.write_table(_tasks(plan.tasks), path))
    _json(root / 'meta/stats.json', _total_stats(plan, jobs, notes))
    _json(root / INFO, _info(plan))


def _row(plan: Plan, job: StageJob, note: dict[str, Any]) -> dict[str, Any]:
    """A row of the table of episodes, without the places that the files give."""
    row: dict[str, Any] = {
        'episode_index': job.index,
        'tasks': [plan.tasks[job.task_index]],
        'length': job.length,
        'dataset_from_index': job.first_row,
        'dataset_to_index': job.first_row + job.length,
        'meta/episodes/chunk_index': 0,
        'meta/episodes/file_index': 0,
        ATTRS: json.dumps({'source': job.ref.name, **note['attrs']}),
    }
    for feature, stats in note['stats'].items():
        row.update({f'stats/{feature}/{name}': values for name, values in stats.items()})
    return row


def _groups(sizes: Sequence[int], limit_mb: int) -> list[range]:
    """Consecutive items that share a file: as many as stay below the limit, one at least."""
    groups, begin, total = [], 0, 0
    for i, size in enumerate(sizes):
        if i > begin and total + size >= limit_mb * 1024**2:
            groups.append(range(begin, i))
            begin, total = i, 0
        total += size
    return [*groups, range(begin, len(sizes))]


def _place(number: int) -> dict[str, int]:
    return {'chunk_index': number // CHUNKS, 'file_index': number % CHUNKS}


def _data(
    jobs: Sequence[StageJob], rows: list[dict[str, Any]], root: Path, tick: Callable[[str], None]
) -> None:
    parts = [job.folder / ROWS for job in jobs]
    schema = pq.read_schema(parts[0])
    for number, group in enumerate(_groups([p.stat().st_size for p in parts], DATA_MB)):
        place = _place(number)

        def write(path: Path, group: range = group) -> None:
            # A row group an episode, as LeRobot writes them: one can be read without the others.
            with pq.ParquetWriter(path, schema, compression='snappy') as writer:
                for i in group:
                    writer.write_table(pq.read_table(parts[i]))

        _write(root / DATA_PATH.format(**place), write)
        for i in group:
            rows[i].update({f'data/{key}': value for key, value in place.items()})
        tick('data')


def _videos(
    plan: Plan,
    jobs: Sequence[StageJob],
    rows: list[dict[str, Any]],
    root: Path,
    camera: str,
    tick: Callable[[str], None],
) -> None:
    key = IMAGES + camera
    parts = [path_inside(job.folder, f'{camera}.mp4') for job in jobs]
    for number, group in enumerate(_groups([p.stat().st_size for p in parts], VIDEO_MB)):
        place = _place(number)
        path = path_inside(root, VIDEO_PATH.format(video_key=key, **place))
        path.parent.mkdir(parents=True, exist_ok=True)
        join_videos([parts[i] for i in group], path)
        frames = 0
        for i in group:
            rows[i].update({f'videos/{key}/{name}': value for name, value in place.items()})
            rows[i][f'videos/{key}/from_timestamp'] = frames / plan.fps
            frames += jobs[i].length
            rows[i][f'videos/{key}/to_timestamp'] = frames / plan.fps
        tick(camera)


def _tasks(tasks: Sequence[str]) -> Any:
    """The table of tasks as pandas stores it with the words as its index, which LeRobot reads."""
    table = pa.table({'task_index': pa.array(range(len(tasks)), pa.int64()), 'task': list(tasks)})
    number = {'pandas_type': 'int64', 'numpy_type': 'int64', 'metadata': None}
    words = {'pandas_type': 'unicode', 'numpy_type': 'object', 'metadata': None}
    described = {
        'index_columns': ['task'],
        'column_indexes': [],
        'columns': [
            {'name': 'task_index', 'field_name': 'task_index', **number},
            {'name': 'task', 'field_name': 'task', **words},
        ],
        'pandas_version': '2.0.0',
    }
    return table.replace_schema_metadata({b'pandas': json.dumps(described).encode()})


def _total_stats(
    plan: Plan, jobs: Sequence[StageJob], notes: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Over all episodes, from the rows and the counts of pixels themselves: nothing is estimated."""
    total: dict[str, Any] = {}
    for name in pq.read_schema(jobs[0].folder / ROWS).names:
        columns = [pq.read_table(job.folder / ROWS, columns=[name]).column(0) for job in jobs]
        total[name] = vector_stats(np.concatenate([column_values(c) for c in columns]))
    for camera in plan.cameras:
        counts = np.sum([note['counts'][camera] for note in notes], axis=0)
        total[IMAGES + camera] = picture_stats(counts, sum(job.length for job in jobs))
    return total


def _info(plan: Plan) -> dict[str, Any]:
    features: dict[str, dict[str, Any]] = {}
    for key, feature in plan.features.items():
        features[key] = dict(feature)
        if feature['dtype'] == 'video':
            height, width, channels = feature['shape']
            features[key]['info'] = {
                'video.height': height,
                'video.width': width,
                'video.codec': plan.codec.name,
                'video.pix_fmt': 'yuv420p',
                'video.fps': plan.fps,
                'video.channels': channels,
                'video.crf': plan.codec.crf,
                'has_audio': False,
                'is_depth_map': False,
            }
    features['timestamp'] = {'dtype': 'float32', 'shape': [1], 'names': None}
    for name in ('frame_index', 'episode_index', 'index', 'task_index'):
        features[name] = {'dtype': 'int64', 'shape': [1], 'names': None}
    count = len(plan.briefs)
    return {
        'codebase_version': 'v3.0',
        'robot_type': plan.robot_type,
        'total_episodes': count,
        'total_frames': sum(brief.length for brief in plan.briefs),
        'total_tasks': len(plan.tasks),
        'chunks_size': CHUNKS,
        'data_files_size_in_mb': DATA_MB,
        'video_files_size_in_mb': VIDEO_MB,
        'fps': plan.fps,
        'splits': {'train': f'0:{count}'},
        'data_path': DATA_PATH,
        'video_path': VIDEO_PATH,
        'features': features,
    }


def _json(path: Path, value: Any) -> None:
    _write(path, lambda p: p.write_text(json.dumps(value, indent=2) + '\n', encoding='utf-8'))


def _write(path: Path, write: Callable[[Path], Any]) -> None:
    """Make a file that is there whole or not at all, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'.{path.name}.partial')
    write(partial)
    with partial.open('rb') as file:
        os.fsync(file.fileno())
    partial.replace(path)
