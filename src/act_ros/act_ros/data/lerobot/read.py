# SPDX-License-Identifier: Apache-2.0
"""An episode of a LeRobot dataset, read like one of ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from act_ros.data.formats.base import Episode, Frames
from act_ros.data.lerobot.layout import (
    ACTION,
    AGE,
    BASE,
    DAMAGE,
    EFFORT,
    STAMP,
    STATE,
    VELOCITY,
    EpisodeEntry,
    Layout,
    LayoutError,
)
from act_ros.data.lerobot.video import read_video
from act_ros.robot.types import Frame
from act_ros.text import printable_data


class VideoFrames(Frames):
    """Frames in a video; read one after the other they cost a decoding each, at random a seek."""

    def __init__(self, path: Path, start_s: float, count: int, fps: float) -> None:
        """The `count` frames of `path` from `start_s` on."""
        self._path, self._start_s, self._count, self._fps = path, start_s, count, fps

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Frame:
        if not 0 <= index < self._count:
            raise IndexError(index)
        (frame,) = read_video(self._path, self._start_s + index / self._fps, 1, self._fps)
        return frame

    def __iter__(self) -> Iterator[Frame]:
        return read_video(self._path, self._start_s, self._count, self._fps)


class TableFrames(Frames):
    """Frames in a column of pictures (PNG or JPEG, as LeRobot stores `image` features)."""

    def __init__(self, path: Path, key: str, index: int, count: int) -> None:
        """The pictures of episode `index` in column `key`."""
        self._path, self._key, self._index, self._count = path, key, index, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Frame:
        if not 0 <= index < self._count:
            raise IndexError(index)
        for t, frame in enumerate(self):
            if t == index:
                return frame
        raise LayoutError(f'{self._path}: {self._key} has no row {index} of episode {self._index}')

    def __iter__(self) -> Iterator[Frame]:
        t = 0
        for number, item in self._items():
            if number == self._index:
                yield self._decode(item, t)
                t += 1

    def _items(self) -> Iterator[tuple[int, Any]]:
        try:
            with pq.ParquetFile(self._path) as file:
                for batch in file.iter_batches(32, columns=['episode_index', self._key]):
                    numbers = batch.column('episode_index').to_pylist()
                    yield from zip(numbers, batch.column(self._key).to_pylist(), strict=True)
        except DAMAGE as error:
            raise LayoutError(
                f'{self._path}: {self._key} cannot be read: {" ".join(str(error).split())}'
            ) from error

    def _decode(self, item: Any, t: int) -> Frame:
        data = item.get('bytes') if isinstance(item, dict) else None
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
        if image is None:
            raise LayoutError(
                f'{self._path}: {self._key}, row {t} of episode {self._index} is no picture in the '
                'table; pictures beside the table are not read'
            )
        return np.asarray(image[:, :, ::-1], np.uint8)


class LeRobotEpisode(Episode):
    """An episode of a LeRobot dataset; see `Episode`."""

    def __init__(self, layout: Layout, entry: EpisodeEntry) -> None:
        """Read its vectors.

        Raises:
            LayoutError: its rows are missing, damaged, or not as many as the tables say.
        """
        self.path = layout.root / f'episode_{entry.index}'
        self.kind = f'LeRobot {layout.version}'
        table = self._rows(layout, entry)
        for key in (STATE, ACTION):
            if key not in table.column_names:
                raise LayoutError(
                    f'{entry.data} has no column {key}; it has {", ".join(table.column_names)}'
                )

        def vectors(key: str) -> NDArray[np.float32] | None:
            return _matrix(table, key, entry.data) if key in table.column_names else None

        action, qpos = vectors(ACTION), vectors(STATE)
        assert action is not None and qpos is not None
        self.action, self.qpos = action, qpos
        self.qvel, self.effort, self.base_action = (
            vectors(VELOCITY),
            vectors(EFFORT),
            vectors(BASE),
        )
        self.stamp = (
            table.column(STAMP).to_numpy().astype(np.float64)
            if STAMP in table.column_names
            else None
        )
        self.images = _frames(layout, entry)
        ages = {name: vectors(AGE + name) for name in self.images}
        self.image_age = {name: age[:, 0] for name, age in ages.items() if age is not None}
        self.attrs = self._attributes(layout, entry)

    def _rows(self, layout: Layout, entry: EpisodeEntry) -> Any:
        pictures = {k for k, f in layout.features.items() if f.get('dtype') in ('image', 'video')}
        try:
            names = [n for n in pq.read_schema(entry.data).names if n not in pictures]
            mine = [('episode_index', '=', entry.index)]
            table = pq.read_table(entry.data, columns=names, filters=mine)
            ticks = table.column('frame_index').to_numpy()
        except FileNotFoundError as error:
            raise LayoutError(
                f'{self.path}: its rows are missing: no file {entry.data}'
            ) from error
        except DAMAGE as error:
            raise LayoutError(
                f'{self.path}: its rows in {entry.data} cannot be read: {" ".join(str(error).split())}'
            ) from error
        if not np.array_equal(ticks, np.arange(entry.length)):
            raise LayoutError(
                f'{self.path}: {entry.data} has {len(ticks)} rows of it; expected ticks 0 to '
                f'{entry.length - 1} in order'
            )
        return table

    def _attributes(self, layout: Layout, entry: EpisodeEntry) -> dict[str, Any]:
        attrs: dict[str, Any] = {'rate_hz': layout.fps, 'cameras': list(self.images)}
        stated: dict[str, Any] = {'rate_hz': layout.fps, 'cameras': list(self.images)}
        state, action = layout.names(STATE), layout.names(ACTION)
        if state or action:
            stated['joint_names'] = state or action
            stated['action_names'] = action if action and action != state and state else None
        if entry.tasks:
            attrs['task'] = '; '.join(entry.tasks)
        if layout.robot_type:
            attrs['robot_type'] = layout.robot_type
        # What our exporter noted is nearer to the recording than what LeRobot's tables hold.
        return cast(dict[str, Any], printable_data({**attrs, **entry.attrs, **stated}))

    def close(self) -> None:
        """Nothing is held open."""


def _frames(layout: Layout, entry: EpisodeEntry) -> Mapping[str, Frames]:
    found: dict[str, Frames] = {}
    for name, key in layout.cameras().items():
        if key in entry.videos:
            path, start_s = entry.videos[key]
            found[name] = VideoFrames(path, start_s, entry.length, layout.fps)
        else:
            found[name] = TableFrames(entry.data, key, entry.index, entry.length)
    return found


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
