# SPDX-License-Identifier: Apache-2.0
"""Where the episodes of a LeRobot dataset are: v3.0 (files of many episodes) and v2.1 (a file each)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from act_ros.data.errors import EpisodeError
from act_ros.robot.joint_names import names_in

INFO = 'meta/info.json'
STATE, ACTION = 'observation.state', 'action'
VELOCITY, EFFORT = 'observation.velocity', 'observation.effort'
IMAGES = 'observation.images.'
BASE, STAMP, AGE = 'base_action', 'stamp', 'frame_age.'
"""Features that are ours; none has 'image' in its name, from which LeRobot would infer a shape."""
ATTRS = 'act_ros/attrs'
"""Column of the episodes' table with the attributes of our HDF5 file, as JSON."""

DAMAGE = (
    *(OSError, ValueError, KeyError, TypeError, IndexError, AttributeError),
    pa.ArrowException,
)
"""What reading a damaged table raises: pyarrow also lets through what Python says to its bytes."""


class LayoutError(EpisodeError):
    """A folder that is no LeRobot dataset of a version that is read; the message says what is wrong."""


@dataclass(frozen=True)
class EpisodeEntry:
    """Where one episode is.

    Attributes:
        index: its number. length: its ticks.
        tasks: what was done, in words.
        data: the parquet file of its rows (others may be in it).
        videos: by feature its file, and where in it the episode begins, in seconds.
        attrs: what our exporter noted, empty where another wrote the dataset.
    """

    index: int
    length: int
    tasks: tuple[str, ...]
    data: Path
    videos: Mapping[str, tuple[Path, float]] = field(default_factory=dict)
    attrs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """A dataset: what each row has, and where each episode is."""

    root: Path
    version: str
    fps: float
    robot_type: str | None
    features: Mapping[str, Mapping[str, Any]]
    entries: tuple[EpisodeEntry, ...]

    def cameras(self) -> dict[str, str]:
        """By name of a camera ('cam_high') its feature ('observation.images.cam_high')."""
        found = {}
        for key, feature in self.features.items():
            if feature.get('dtype') in ('video', 'image') and not _is_depth(feature):
                found[key.removeprefix(IMAGES).removeprefix('observation.')] = key
        return found

    def names(self, key: str) -> list[str]:
        """Names that are stated for the entries of a vector feature, whether they fit or not."""
        return list(names_in(self.features.get(key, {}).get('names')))


def is_lerobot(folder: Path) -> bool:
    """Whether a folder looks like a LeRobot dataset (its `meta` is there)."""
    return (folder / INFO).is_file() or (folder / 'meta').is_dir()


def read_layout(root: Path) -> Layout:
    """Read the tables of a dataset; neither rows nor videos are touched.

    Raises:
        LayoutError: a table is missing or damaged, or the version is not read.
    """
    try:
        info = json.loads((root / INFO).read_text(encoding='utf-8'))
        version = str(info['codebase_version'])
        fps, features = float(info['fps']), info['features']
        if not fps > 0:
            raise LayoutError(f'{root / INFO}: fps is {fps}; expected a positive number')
        if version.startswith('v3.'):
            entries = tuple(_entries_v3(root, info))
        elif version in ('v2.0', 'v2.1'):
            entries = tuple(_entries_v2(root, info))
        else:
            raise LayoutError(
                f'{root / INFO}: codebase_version is {version}; read are v2.0, v2.1 and v3.0; convert it '
                'with the scripts of LeRobot'
            )
    except LayoutError:
        raise
    except FileNotFoundError as error:
        raise LayoutError(
            f'{root} is not a whole LeRobot dataset: {error.filename or error} is missing'
        ) from error
    except DAMAGE as error:
        what = f'entry {error} is missing' if isinstance(error, KeyError) else _line(error)
        raise LayoutError(f'the tables of {root} cannot be read: {what}') from error
    if not entries:
        raise LayoutError(f'{root} holds no episode')
    robot = info.get('robot_type')
    return Layout(root, version, fps, robot if isinstance(robot, str) else None, features, entries)


def _entries_v3(root: Path, info: Mapping[str, Any]) -> Iterator[EpisodeEntry]:
    videos = [key for key, feature in info['features'].items() if feature['dtype'] == 'video']
    tables = sorted((root / 'meta' / 'episodes').glob('*/*.parquet'))
    if not tables:
        raise LayoutError(f'{root}/meta/episodes has no table; was the dataset finalized?')
    for path in tables:
        schema = pq.read_schema(path)
        columns = [n for n in schema.names if not n.startswith('stats/')]
        for row in pq.read_table(path, columns=columns).to_pylist():
            yield EpisodeEntry(
                int(row['episode_index']),
                int(row['length']),
                tuple(map(str, row['tasks'])),
                _inside(root, info['data_path'], row, 'data'),
                {
                    key: (
                        _inside(root, info['video_path'], row, f'videos/{key}', video_key=key),
                        float(row[f'videos/{key}/from_timestamp']),
                    )
                    for key in videos
                },
                json.loads(row.get(ATTRS) or '{}'),
            )


def _entries_v2(root: Path, info: Mapping[str, Any]) -> Iterator[EpisodeEntry]:
    videos = [key for key, feature in info['features'].items() if feature['dtype'] == 'video']
    chunk = int(info.get('chunks_size', 1000))
    for number, line in enumerate(
        (root / 'meta' / 'episodes.jsonl').read_text(encoding='utf-8').splitlines(), 1
    ):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise LayoutError(f'{root}/meta/episodes.jsonl, line {number}: {error}') from error
        place = {
            'episode_index': int(row['episode_index']),
            'episode_chunk': int(row['episode_index']) // chunk,
        }
        yield EpisodeEntry(
            place['episode_index'],
            int(row['length']),
            tuple(map(str, row.get('tasks', []))),
            _within(root, info['data_path'].format(**place)),
            {
                key: (_within(root, info['video_path'].format(video_key=key, **place)), 0.0)
                for key in videos
            },
        )


def _inside(root: Path, template: str, row: Mapping[str, Any], prefix: str, **more: str) -> Path:
    """A file of v3.0 by its chunk and file index in a row of the episodes' table."""
    chunk, file = int(row[f'{prefix}/chunk_index']), int(row[f'{prefix}/file_index'])
    return _within(root, template.format(chunk_index=chunk, file_index=file, **more))


def _within(root: Path, relative: str) -> Path:
    path = root / relative
    if not path.resolve().is_relative_to(root.resolve()):
        raise LayoutError(f'{root / INFO} leads out of the dataset: {relative}')
    return path


def _is_depth(feature: Mapping[str, Any]) -> bool:
    info = feature.get('info') or feature.get('video_info') or {}
    return bool(info.get('is_depth_map') or info.get('video.is_depth_map'))


def _line(error: BaseException) -> str:
    return ' '.join(str(error).split()) or type(error).__name__
