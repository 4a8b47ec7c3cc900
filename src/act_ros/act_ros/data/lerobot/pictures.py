# SPDX-License-Identifier: Apache-2.0
"""The pictures of an episode of a LeRobot dataset: in a video, or in a column of its table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.base import Frames
from act_ros.data.formats.pixels import depth_png, not_to_decode
from act_ros.data.lerobot.columns import parquet, some_rows
from act_ros.data.lerobot.layout import DAMAGE, Layout
from act_ros.data.lerobot.placement import RowPictures, Window, pair_pictures
from act_ros.data.lerobot.tables import LayoutError
from act_ros.data.lerobot.video import read_video
from act_ros.data.lerobot.video_times import VideoTimes, video_times
from act_ros.git_lfs import pointer_said
from act_ros.robot.types import Frame

_SOME = 8
"""Pictures that are read at once: each may be as large as the file."""


class VideoFrames(Frames):
    """Frames in a video; read one after the other they cost a decoding each, at random a seek."""

    def __init__(self, path: Path, window: Window, times: NDArray[np.float64], fps: float) -> None:
        """The pictures of `path` at the `times` (rows,) of an episode that lies in `window`."""
        self._path, self._window, self._times, self._fps = path, window, times, fps

    @cached_property
    def video(self) -> VideoTimes:
        """The clock of the file.

        Raises:
            VideoError: there is none, or it is damaged.
        """
        return video_times(self._path)

    @cached_property
    def placement(self) -> RowPictures:
        """Which picture each row has, and what does not fit.

        Raises:
            VideoError: there is no video, or it is damaged.
        """
        if not len(self._times):
            return RowPictures(np.empty(0, np.int64), (), ())
        return pair_pictures(self.video, self._window, self._times, self._fps)

    def __len__(self) -> int:
        return len(self._times)

    def __getitem__(self, index: int) -> Frame:
        if not 0 <= index < len(self):
            raise IndexError(index)
        (frame,) = self._read(int(self.placement.pictures[index]), 1)
        return frame

    def __iter__(self) -> Iterator[Frame]:
        wanted = self.placement.pictures
        first = int(wanted[0]) if len(wanted) else 0
        shown, number = None, first - 1
        stream = self._read(first, int(wanted[-1]) - first + 1) if len(wanted) else iter(())
        for picture in wanted.tolist():
            while number < picture:
                shown, number = next(stream), number + 1
            assert shown is not None
            yield shown

    def _read(self, first: int, count: int) -> Iterator[Frame]:
        video = self.video
        begin_s = video.first_s + float(video.times[first])
        # Half way from the picture before: rounding of times can then never pick a neighbour.
        before_s = float(video.times[first] - video.times[first - 1]) if first else 1 / self._fps
        return read_video(self._path, begin_s, count, 1 / before_s)


class TableFrames(Frames):
    """Frames in a column of pictures (PNG or JPEG, as LeRobot stores `image` features)."""

    def __init__(self, paths: Sequence[Path], key: str, index: int, count: int) -> None:
        """The pictures of episode `index` in column `key`."""
        self._paths, self._key, self._index, self._count = paths, key, index, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Frame:
        if not 0 <= index < self._count:
            raise IndexError(index)
        for t, frame in enumerate(self):
            if t == index:
                return frame
        raise LayoutError(
            f'{self._paths[0]}: {self._key} has no row {index} of episode {self._index}'
        )

    def __iter__(self) -> Iterator[Frame]:
        t = 0
        for number, item in self._items():
            if number == self._index:
                yield self._decode(item, t)
                t += 1

    def _items(self) -> Iterator[tuple[int, Any]]:
        for path in self._paths:
            try:
                with parquet(path) as file:
                    for batch in some_rows(path, file, ['episode_index', self._key], _SOME):
                        numbers = batch.column('episode_index').to_pylist()
                        yield from zip(numbers, batch.column(self._key).to_pylist(), strict=True)
            except DAMAGE as error:
                raise LayoutError(
                    f'{path}: {self._key} cannot be read: {pointer_said(path, error)}'
                ) from error

    def _decode(self, item: Any, t: int) -> Frame:
        where = f'{self._paths[0]}: {self._key}, row {t} of episode {self._index}'
        data = _stored(item)
        if why := depth_png(data):
            raise LayoutError(f'{where}: {why}; leave it out with --cameras')
        if data and (why := not_to_decode(data)):
            raise LayoutError(f'{where} {why}')
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
        if image is None:
            raise LayoutError(
                f'{where} is no picture in the table; pictures beside the table are not read'
            )
        return np.asarray(image[:, :, ::-1], np.uint8)


def no_colours(layout: Layout, key: str) -> str | None:
    """Why the pictures in a column of a dataset's tables are no camera's, by the first one; else None."""
    path = layout.entries[0].data
    if layout.features[key].get('dtype') != 'image' or not path.is_file():
        return None
    return _first_shows(path, key, path.stat().st_mtime_ns)


@lru_cache(64)
def _first_shows(path: Path, key: str, changed_ns: int) -> str | None:
    try:
        with parquet(path) as file:
            batch = next(some_rows(path, file, [key], 1), None)
            return depth_png(_stored(batch.column(key)[0].as_py())) if batch else None
    except (*DAMAGE, EpisodeError):
        return None  # said when the pictures are read


def _stored(item: Any) -> bytes:
    """The bytes of a picture: LeRobot's pair of bytes and path, or bytes alone; b'' where there are none."""
    data = item.get('bytes') if isinstance(item, dict) else item
    return data if isinstance(data, bytes) else b''
