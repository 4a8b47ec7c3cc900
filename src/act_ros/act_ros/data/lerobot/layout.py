# SPDX-License-Identifier: Apache-2.0
"""Where the episodes of a LeRobot dataset are: v3.0 (files of many episodes) and v2.1 (a file each)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.caps import MOST_EPISODES
from act_ros.data.lerobot.columns import table_rows
from act_ros.data.lerobot.depth import no_colour
from act_ros.data.lerobot.placement import Window
from act_ros.data.lerobot.tables import (
    LayoutError,
    TaskTexts,
    load_json,
    read_json,
    read_lines,
    refuse_names,
    seconds,
    whole,
)
from act_ros.data.lerobot.templates import place_of
from act_ros.git_lfs import pointer_said
from act_ros.robot.joint_names import names_in

INFO = 'meta/info.json'
STATE, ACTION = 'observation.state', 'action'
VELOCITY, EFFORT = 'velocity', 'effort'
"""Not `observation.…`, as LeRobot's own converter of ALOHA has them: LeRobot's policies take those as inputs."""
OBSERVED = 'observation.'
"""Read before those names, too."""
IMAGES = 'observation.images.'
TIMESTAMP = 'timestamp'
BASE, STAMP, AGE = 'base_action', 'stamp', 'frame_age.'
"""Features that are ours; none has 'image' in its name, from which LeRobot would infer a shape."""
SUCCESS = 'next.success'
"""LeRobot's own name; unlike the columns of the episodes' table its tools carry it along."""
ATTRS = 'act_ros/attrs'
"""Column of the episodes' table with the attributes of our HDF5 file, as JSON."""

DAMAGE = (
    *(OSError, ValueError, KeyError, TypeError, IndexError, AttributeError),
    pa.ArrowException,
)
"""What reading a damaged table raises: pyarrow also lets through what Python says to its bytes."""


@dataclass(frozen=True)
class EpisodeEntry:
    """Where one episode is, as the tables say.

    Attributes:
        index: its number. length: its ticks.
        tasks: what was done, in words.
        data: the parquet file of its rows (others may be in it).
        videos: by feature its file, and where in it the episode lies.
        attrs: what our exporter noted, empty where another wrote the dataset.
        rows: its first row among those of all episodes, and the one after its last; None: not stated.
        notes: what of it is elsewhere than the tables say, for people.
    """

    index: int
    length: int
    tasks: tuple[str, ...]
    data: Path
    videos: Mapping[str, tuple[Path, Window]] = field(default_factory=dict)
    attrs: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()


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
        return {n: key for n, key in self._pictures.items() if not no_colour(self.features[key])}

    def no_cameras(self) -> dict[str, str]:
        """By name of what looks like a camera and shows no colours the reason, for people."""
        reasons = {n: no_colour(self.features[key]) for n, key in self._pictures.items()}
        return {name: why for name, why in reasons.items() if why}

    @cached_property
    def _pictures(self) -> dict[str, str]:
        return _cameras(self.features)

    @cached_property
    def by_index(self) -> dict[int, EpisodeEntry]:
        """The entries by their numbers."""
        return {entry.index: entry for entry in self.entries}

    @cached_property
    def by_row(self) -> list[EpisodeEntry]:
        """The entries that state their rows, in the order of these."""
        stated = [entry for entry in self.entries if entry.rows is not None]
        return sorted(stated, key=lambda entry: (entry.rows or (0, 0), entry.index))

    def sharing(self, key: str, path: Path) -> list[EpisodeEntry]:
        """The episodes that state where in a video file they are, in their order there."""
        return self._sharing.get((key, path), [])

    @cached_property
    def _sharing(self) -> dict[tuple[str, Path], list[EpisodeEntry]]:
        found: dict[tuple[str, Path], list[EpisodeEntry]] = {}
        for entry in self.entries:
            for key, (path, window) in entry.videos.items():
                if window.end_s is None or not math.isfinite(window.begin_s + window.end_s):
                    continue
                found.setdefault((key, path), []).append(entry)
        for (key, _), several in found.items():
            several.sort(key=lambda entry: (entry.videos[key][1].begin_s, entry.index))
        return found

    def names(self, key: str) -> list[str]:
        """Names that are stated for the entries of a vector feature, whether they fit or not."""
        return list(names_in(self.features.get(key, {}).get('names')))


def is_lerobot_dataset(folder: Path) -> bool:
    """Whether a folder looks like a LeRobot dataset (its `meta` is there)."""
    return (folder / INFO).is_file() or (folder / 'meta').is_dir()


def read_layout(root: Path) -> Layout:
    """Read the tables of a dataset; neither rows nor videos are touched.

    Raises:
        LayoutError: a table is missing or damaged, or the version is not read.
    """
    try:
        info = read_json(root / INFO)
        version = str(info['codebase_version'])
        fps, features = float(info['fps']), info['features']
        if not 0 < fps < math.inf:
            raise LayoutError(f'{root / INFO}: fps is {fps}; expected a positive number')
        refuse_names(root / INFO, _cameras(features))
        if version.startswith('v3.'):
            entries = _all_of(root, _entries_v3(root, info))
        elif version in ('v2.0', 'v2.1'):
            entries = _all_of(root, _entries_v2(root, info))
        else:
            raise LayoutError(
                f'{root / INFO}: codebase_version is {version[:40]}; read are v2.0, v2.1 and v3.0; convert it '
                'with the scripts of LeRobot'
            )
    except EpisodeError:
        raise
    except FileNotFoundError as error:
        raise LayoutError(
            f'{root} is not a whole LeRobot dataset: {error.filename or error} is missing'
        ) from error
    except DAMAGE as error:
        what = f'entry {error} is missing' if isinstance(error, KeyError) else _line(error)
        for path in sorted((root / 'meta').rglob('*.*')):
            if said := pointer_said(path):
                what = f'{path.relative_to(root)}: {said}'
                break
        raise LayoutError(f'the tables of {root} cannot be read: {what}') from error
    if not entries:
        raise LayoutError(f'{root} holds no episode')
    _listed_once(root, entries)
    robot = info.get('robot_type')
    return Layout(root, version, fps, robot if isinstance(robot, str) else None, features, entries)


def _all_of(root: Path, entries: Iterator[EpisodeEntry]) -> tuple[EpisodeEntry, ...]:
    found = tuple(islice(entries, MOST_EPISODES + 1))
    if len(found) > MOST_EPISODES:
        raise LayoutError(f'{root} lists more than {MOST_EPISODES} episodes')
    return found


def _cameras(features: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    pictures = [key for key, one in features.items() if one.get('dtype') in ('video', 'image')]
    return {key.removeprefix(IMAGES).removeprefix(OBSERVED): key for key in pictures}


def _listed_once(root: Path, entries: Sequence[EpisodeEntry]) -> None:
    counts = Counter(entry.index for entry in entries)
    twice = sorted(index for index, count in counts.items() if count > 1)
    if twice:
        listed = ', '.join(map(str, twice[:10])) + (', …' if len(twice) > 10 else '')
        times = {2: 'twice'}.get(counts[twice[0]], f'{counts[twice[0]]} times')
        raise LayoutError(
            f'{root}: its table of episodes (meta/episodes…) lists episode {listed} {times}; leave one row of '
            'each in it'
        )


def _videos(info: Mapping[str, Any]) -> list[str]:
    return [key for key, feature in info['features'].items() if feature.get('dtype') == 'video']


def _entries_v3(root: Path, info: Mapping[str, Any]) -> Iterator[EpisodeEntry]:
    tables = [
        path
        for path in sorted((root / 'meta' / 'episodes').glob('*/*.parquet'))
        if not path.name.startswith('.')
    ]
    if not tables:
        raise LayoutError(f'{root}/meta/episodes has no table; was the dataset finalized?')
    words = TaskTexts(root)
    for path in tables:
        for number, row in enumerate(table_rows(path, leave='stats/')):
            where = f'{path}, row {number}'
            index = whole(row, 'episode_index', where)
            begin, end = (seconds(row.get(f'dataset_{name}_index')) for name in ('from', 'to'))
            yield EpisodeEntry(
                index,
                whole(row, 'length', where),
                words.of(row, where),
                _inside(root, info['data_path'], row, 'data', where),
                {key: _part(root, info, row, key, where) for key in _videos(info)},
                load_json(row.get(ATTRS) or '{}'),
                (int(begin), int(end)) if math.isfinite(begin) and math.isfinite(end) else None,
            )


def _part(
    root: Path, info: Mapping[str, Any], row: Mapping[str, Any], key: str, where: str
) -> tuple[Path, Window]:
    """The file of a camera's video, and where in it the episode of a row lies."""
    path = _inside(root, info['video_path'], row, f'videos/{key}', where, video_key=key)
    end = row.get(f'videos/{key}/to_timestamp')
    begin_s = seconds(row[f'videos/{key}/from_timestamp'])
    return path, Window(begin_s, None if end is None else seconds(end))


def _entries_v2(root: Path, info: Mapping[str, Any]) -> Iterator[EpisodeEntry]:
    chunk = int(info.get('chunks_size', 1000))
    words = TaskTexts(root)
    table = root / 'meta' / 'episodes.jsonl'
    for number, row in read_lines(table):
        where = f'{table}, line {number}'
        index = whole(row, 'episode_index', where)
        place = {'episode_index': index, 'episode_chunk': index // chunk}
        notes: list[str] = []
        videos = {}
        for key in _videos(info):
            stated = _within(root, place_of(info['video_path'], video_key=key, **place))
            path = stated if stated.exists() else _elsewhere(root, stated, key)
            if path != stated:
                notes.append(
                    f'its video of {key} is {path.relative_to(root)}, not {stated.relative_to(root)}'
                )
            videos[key] = (path, Window(0.0))
        yield EpisodeEntry(
            index,
            whole(row, 'length', where),
            words.of(row, where),
            _within(root, place_of(info['data_path'], **place)),
            videos,
            notes=tuple(notes),
        )


def _elsewhere(root: Path, stated: Path, key: str) -> Path:
    """The one video of that name and camera in the dataset; what was stated where there is none."""
    found = [p for p in (root / 'videos').rglob(stated.name) if key in p.relative_to(root).parts]
    return _within(root, str(found[0].relative_to(root))) if len(found) == 1 else stated


def _inside(
    root: Path, template: str, row: Mapping[str, Any], prefix: str, where: str, **more: str
) -> Path:
    """A file of v3.0 by its chunk and file index in a row of the episodes' table."""
    chunk, file = (whole(row, f'{prefix}/{name}_index', where) for name in ('chunk', 'file'))
    return _within(root, place_of(template, chunk_index=chunk, file_index=file, **more))


def _within(root: Path, relative: str) -> Path:
    path = root / relative
    if not path.resolve().is_relative_to(root.resolve()):
        raise LayoutError(f'{root / INFO} leads out of the dataset: {relative}')
    return path


def _line(error: BaseException) -> str:
    return ' '.join(str(error).split()) or type(error).__name__
