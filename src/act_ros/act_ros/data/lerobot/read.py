# SPDX-License-Identifier: Apache-2.0
"""An episode of a LeRobot dataset, read like one of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from act_ros.data.formats.base import Episode, Frames
from act_ros.data.formats.pixels import names_depth
from act_ros.data.lerobot.layout import (
    ACTION,
    AGE,
    BASE,
    DAMAGE,
    EFFORT,
    OBSERVED,
    STAMP,
    STATE,
    SUCCESS,
    TIMESTAMP,
    VELOCITY,
    EpisodeEntry,
    Layout,
)
from act_ros.data.lerobot.neighbours import row_faults, video_faults
from act_ros.data.lerobot.pictures import TableFrames, VideoFrames, no_colours
from act_ros.data.lerobot.rows import read_rows
from act_ros.data.lerobot.tables import LayoutError
from act_ros.data.lerobot.video import VideoError
from act_ros.data.times import Findings, stamp_findings
from act_ros.text import printable_data


class LeRobotEpisode(Episode):
    """An episode of a LeRobot dataset; see `Episode`."""

    REMEDY = 'repair the dataset, or leave the episode out: import_lerobot --episodes makes HDF5 of the others'

    def __init__(self, layout: Layout, entry: EpisodeEntry) -> None:
        """Read its vectors.

        Raises:
            LayoutError: its rows are missing, damaged, or not as many as the tables say.
        """
        self.path = layout.root / f'episode_{entry.index}'
        self.kind = f'LeRobot {layout.version}'
        self._layout, self._entry = layout, entry
        pictures = {k for k, f in layout.features.items() if f.get('dtype') in ('image', 'video')}
        table, paths, self._odd = read_rows(layout, entry, pictures)
        if not len(table):
            raise LayoutError(
                f'{self.path} has no tick: it was stopped at once; take it out of the dataset'
            )
        for key in (STATE, ACTION):
            if key not in table.column_names:
                raise LayoutError(
                    f'{paths[0]} has no column {key}; it has {", ".join(table.column_names)}'
                )

        def vectors(key: str) -> NDArray[np.float32] | None:
            return _matrix(table, key, paths[0]) if key in table.column_names else None

        action, qpos = vectors(ACTION), vectors(STATE)
        assert action is not None and qpos is not None
        self.action, self.qpos = action, qpos
        self.qvel, self.effort, self.base_action = (
            _first(vectors(VELOCITY), vectors(OBSERVED + VELOCITY)),
            _first(vectors(EFFORT), vectors(OBSERVED + EFFORT)),
            vectors(BASE),
        )
        self.stamp, self._timestamps = _seconds(table, STAMP), _seconds(table, TIMESTAMP)
        self._first_index = table.column('index')[0].as_py() if _has(table, 'index') else None
        self.images, self.left_out = self._frames(layout, entry, paths)
        ages = {name: vectors(AGE + name) for name in self.images}
        self.image_age = {name: age[:, 0] for name, age in ages.items() if age is not None}
        success = _ever(table, SUCCESS)
        self.attrs = self._attributes(layout, entry, success)

    def _times(self) -> NDArray[np.float64]:
        """Seconds (rows,) of the rows: their own where these can be used, else by counting."""
        times, fps = self._timestamps, self._layout.fps
        if times is None or not (np.isfinite(times).all() and (np.diff(times) > 0).all()):
            return np.arange(len(self)) / fps
        return times

    def _frames(
        self, layout: Layout, entry: EpisodeEntry, paths: tuple[Path, ...]
    ) -> tuple[Mapping[str, Frames], dict[str, str]]:
        """The cameras, and what looks like one and is none."""
        found: dict[str, Frames] = {}
        left_out = layout.no_cameras()
        for name, key in layout.cameras().items():
            if key in entry.videos:
                path, window = entry.videos[key]
                found[name] = VideoFrames(path, window, self._times(), layout.fps)
            elif why := no_colours(layout, key):
                left_out[name] = why
            else:
                found[name] = TableFrames(paths, key, entry.index, entry.length)
        return found, left_out

    def faults(
        self, cameras: Iterable[str] | None = None, rate_hz: float | None = None
    ) -> Findings:
        """See `Episode`: the rows' times, their place in the tables, and each camera's video."""
        layout, entry = self._layout, self._entry
        rate = rate_hz or layout.fps
        found = stamp_findings(self._timestamps, len(self), rate, TIMESTAMP)
        if self.stamp is not None:
            measured = stamp_findings(self.stamp, len(self), rate)
            measured.add(found.bad, found.warn)
            measured.gaps += found.gaps
            found = measured
        found.add(*row_faults(layout, entry, self._first_index))
        found.add(warn=[*self._odd, *entry.notes])
        for name in self.cameras if cameras is None else cameras:
            frames = self.images.get(name)
            if isinstance(frames, VideoFrames):
                self._video(found, name, frames)
        return found

    def _video(self, found: Findings, name: str, frames: VideoFrames) -> None:
        try:
            placed, video = frames.placement, frames.video
        except VideoError as error:
            found.add([f'{name}: {error}'])
            return
        key = self._layout.cameras()[name]
        bad, warn = video_faults(self._layout, self._entry, key, video, placed.pictures)
        found.add(
            [f'{name}: {text}' for text in (*placed.bad, *bad)],
            [f'{name}: {text}' for text in (*placed.warn, *warn)],
        )

    def _attributes(
        self, layout: Layout, entry: EpisodeEntry, success: bool | None
    ) -> dict[str, Any]:
        attrs: dict[str, Any] = {} if success is None else {'success': success}
        if entry.tasks:
            attrs['task'] = '; '.join(entry.tasks)
        if layout.robot_type:
            attrs['robot_type'] = layout.robot_type
        # What our exporter noted is nearer to the recording than what LeRobot's tables hold.
        cameras = [name for name in self.images if not names_depth(name)]
        stated: dict[str, Any] = {'rate_hz': layout.fps, 'cameras': cameras}
        state, action = layout.names(STATE), layout.names(ACTION)
        if state or action:
            stated['joint_names'] = state or action
            stated['action_names'] = action if action and action != state and state else None
        return cast(dict[str, Any], printable_data({**attrs, **entry.attrs, **stated}))

    def close(self) -> None:
        """Nothing is held open."""


def _has(table: Any, name: str) -> bool:
    return name in table.column_names and len(table) > 0


def _ever(table: Any, name: str) -> bool | None:
    """Whether a column of yes and no is yes in any row; None where it isn't there, or says nothing."""
    if not _has(table, name):
        return None
    values = table.column(name).combine_chunks()
    if isinstance(values, pa.ListArray | pa.FixedSizeListArray):
        values = values.flatten()
    if not pa.types.is_primitive(values.type):
        return None
    said = [bool(value) for value in values.to_pylist() if value is not None]
    return any(said) if said else None


def _seconds(table: Any, name: str) -> NDArray[np.float64] | None:
    """A column of times (rows,), None where there is none; an empty row is not a number."""
    if not _has(table, name):
        return None
    column = table.column(name).combine_chunks()
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        return np.asarray(_matrix(table, name, Path(name))[:, 0], np.float64)
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)


def _matrix(table: Any, key: str, path: Path) -> NDArray[np.float32]:
    """A column of vectors or numbers as (T, n) float32, bit for bit where it is float32."""
    column = table.column(key).combine_chunks()
    if column.null_count:
        raise LayoutError(f'{path}: {key} has {column.null_count} empty rows')
    kind = column.type
    try:
        if (
            pa.types.is_fixed_size_list(kind)
            or pa.types.is_list(kind)
            or pa.types.is_large_list(kind)
        ):
            flat = column.flatten().to_numpy(zero_copy_only=False)
            return np.asarray(flat, np.float32).reshape(len(column), -1)
        return np.asarray(column.to_numpy(zero_copy_only=False), np.float32).reshape(-1, 1)
    except DAMAGE as error:
        raise LayoutError(f'{path}: {key} is no table of numbers: {error}') from error


def _first(*found: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    return next((values for values in found if values is not None), None)
