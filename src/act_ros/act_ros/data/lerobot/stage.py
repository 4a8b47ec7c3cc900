# SPDX-License-Identifier: Apache-2.0
"""One episode of an export: encoded aside, there whole or not at all, so that a killed run goes on."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.base import Episode
from act_ros.data.formats.collection import EpisodeRef
from act_ros.data.lerobot.layout import AGE, IMAGES, STAMP, SUCCESS
from act_ros.data.lerobot.plan import VECTORS, Plan, attributes
from act_ros.data.lerobot.stats import PictureCounts, picture_stats, vector_stats
from act_ros.data.lerobot.video import Codec, VideoWriter
from act_ros.data.names import path_inside

ROWS, NOTE = 'rows.parquet', 'episode.json'


@dataclass(frozen=True)
class StageJob:
    """One episode to stage.

    Attributes:
        index: its number in the dataset. first_row: rows of all episodes before it.
        task_index: of its task. folder: where the staged episode will be.
        features: of the rows, without the columns that every dataset has.
    """

    ref: EpisodeRef
    index: int
    first_row: int
    length: int
    task_index: int
    folder: Path
    features: dict[str, dict[str, Any]]
    cameras: tuple[str, ...]
    fps: int
    codec: Codec


def jobs(plan: Plan, folder: Path) -> list[StageJob]:
    """The work of a plan, staged below `folder`."""
    made, first_row = [], 0
    for index, brief in enumerate(plan.briefs):
        assert brief.task is not None
        job = StageJob(
            brief.ref,
            index,
            first_row,
            brief.length,
            plan.tasks.index(brief.task),
            folder / f'episode_{index:06d}',
            plan.features,
            tuple(plan.cameras),
            plan.fps,
            plan.codec,
        )
        made.append(job)
        first_row += brief.length
    return made


def stage(job: StageJob) -> int:
    """Encode an episode; returns its ticks.

    Raises:
        EpisodeError: it cannot be read or encoded.
        OSError: the disk is full or gone.
    """
    job.folder.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own: an encoder of a killed run may still write into the last one's.
    work = Path(tempfile.mkdtemp(prefix='.partial_', dir=job.folder.parent))
    try:
        with job.ref.open() as episode:
            if len(episode) != job.length:
                raise EpisodeError(f'{job.ref.path} changed while it was exported; begin anew')
            counts = _encode(job, episode, work)
            table = _rows(job, episode)
            note = {'attrs': attributes(episode), 'stats': _stats(table, job, counts)}
            note['counts'] = {name: c.counts.tolist() for name, c in counts.items()}
        pq.write_table(table, work / ROWS)
        (work / NOTE).write_text(json.dumps(note), encoding='utf-8')
        for file in work.iterdir():
            _sync(file)
        work.rename(job.folder)
        _sync(job.folder.parent)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return job.length


def _encode(job: StageJob, episode: Episode, work: Path) -> dict[str, PictureCounts]:
    """All cameras of an episode, tick by tick."""
    counts = {name: PictureCounts() for name in job.cameras}
    paths = {name: path_inside(work, f'{name}.mp4') for name in job.cameras}
    writers = {name: VideoWriter(path, job.fps, job.codec) for name, path in paths.items()}
    try:
        streams = {name: iter(episode.images[name]) for name in job.cameras}
        for t in range(job.length):
            for name, stream in streams.items():
                frame = next(stream, None)
                if frame is None:
                    raise EpisodeError(f'{job.ref.path}, camera {name}: no frame at tick {t}')
                writers[name].append(frame)
                counts[name].add(frame)
        for writer in writers.values():
            writer.close()
    finally:
        for writer in writers.values():
            writer.abort()
    return counts


def _rows(job: StageJob, episode: Episode) -> Any:
    """The table of an episode: a row a tick."""
    ticks = np.arange(job.length, dtype=np.int64)
    columns: dict[str, Any] = {}
    for key in job.features:
        if key in VECTORS:
            columns[key] = _vectors(getattr(episode, VECTORS[key]))
        elif key == STAMP:
            columns[key] = pa.array(np.asarray(episode.stamp, np.float64))
        elif key == SUCCESS:  # of the row that ended it, as in LeRobot's own simulated datasets
            columns[key] = pa.array((ticks == job.length - 1) & bool(episode.attrs['success']))
        elif key.startswith(AGE):
            age = episode.image_age[key.removeprefix(AGE)]
            columns[key] = pa.array(np.asarray(age, np.float32).ravel())
    columns['timestamp'] = pa.array((ticks / job.fps).astype(np.float32))
    columns['frame_index'] = pa.array(ticks)
    columns['episode_index'] = pa.array(np.full(job.length, job.index, np.int64))
    columns['index'] = pa.array(ticks + job.first_row)
    columns['task_index'] = pa.array(np.full(job.length, job.task_index, np.int64))
    return pa.table(columns)


def _vectors(values: Any) -> Any:
    rows = np.ascontiguousarray(values, np.float32)
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])


def column_values(column: Any) -> Any:
    """A column as an array: (T, n) of vectors, (T,) of numbers."""
    array = column.combine_chunks()
    if pa.types.is_fixed_size_list(array.type):
        return array.flatten().to_numpy().reshape(len(array), -1)
    return array.to_numpy(zero_copy_only=False)  # bits are no bytes


def _stats(table: Any, job: StageJob, counts: dict[str, PictureCounts]) -> dict[str, Any]:
    stats = {name: vector_stats(column_values(table.column(name))) for name in table.column_names}
    pictures = {IMAGES + n: picture_stats(counts[n].counts, counts[n].frames) for n in job.cameras}
    return {**stats, **pictures}


def leftovers(folder: Path) -> Sequence[Path]:
    """What runs that were killed left in the folder of staged episodes."""
    return sorted(folder.glob('.partial_*'))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
