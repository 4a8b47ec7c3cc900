# SPDX-License-Identifier: Apache-2.0
"""The clock of a video: when each of its pictures is shown."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.caps import MOST_PICTURES, regular_file
from act_ros.data.lerobot.mp4 import picture_times
from act_ros.data.lerobot.video import BOUNDS, VideoError, ffmpeg, video_input
from act_ros.git_lfs import pointer_said


@dataclass(frozen=True, eq=False)
class VideoTimes:
    """Attributes: times (n,) seconds from the first picture on, rising; first_s: of that one, in the file."""

    times: NDArray[np.float64]
    first_s: float

    def __len__(self) -> int:
        return len(self.times)

    @property
    def rate_hz(self) -> float | None:
        """Pictures a second on average, None of a single picture."""
        return (len(self) - 1) / float(self.times[-1]) if len(self) > 1 else None

    def step_s(self, usual: float) -> float:
        """The usual time between two pictures; `usual` of a single picture."""
        return float(np.median(np.diff(self.times))) if len(self) > 1 else usual

    def nearest(self, wanted: NDArray[np.float64]) -> NDArray[np.int64]:
        """For each time the number of the picture that is nearest."""
        after = np.clip(np.searchsorted(self.times, wanted), 1, max(len(self) - 1, 1))
        before = after - 1
        after = np.minimum(after, len(self) - 1)
        nearer = wanted - self.times[before] <= self.times[after] - wanted
        return np.where(nearer, before, after)


def video_times(path: Path) -> VideoTimes:
    """The clock of a video file, read once while the file stays as it is.

    Raises:
        VideoError: the video is missing or damaged, or has no picture.
    """
    try:
        regular_file(path)
        stat = path.stat()
    except OSError as error:
        raise VideoError(f'there is no video {path}') from error
    except EpisodeError as error:
        raise VideoError(str(error)) from error
    return _read(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(256)
def _read(path: Path, size: int, changed_ns: int) -> VideoTimes:
    try:
        times = picture_times(path)
    except (OSError, ValueError) as error:
        raise VideoError(f'{path} cannot be read: {pointer_said(path, error)}') from error
    if times is None:
        times = _demuxed(path)
    if not len(times):
        raise VideoError(f'{path} has no picture')
    if len(times) > 1 and not times[-1] > times[0]:
        raise VideoError(f'{path}: its {len(times)} pictures are all at {times[0]:g} s')
    return VideoTimes(times - times[0], float(times[0]))


def _demuxed(path: Path) -> NDArray[np.float64]:
    """The same by ffmpeg, of any container; the pictures are not decoded."""
    command = [
        *(ffmpeg(), '-nostdin', '-loglevel', 'error', *BOUNDS, '-copyts', *video_input(path)),
        *('-map', '0:v:0', '-c', 'copy', '-frames:v', str(MOST_PICTURES + 1)),
        *('-f', 'framecrc', 'pipe:1'),
    ]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    base, ticks = 0.0, []
    for line in done.stdout.decode(errors='replace').splitlines():
        if line.startswith('#tb 0:'):
            above, _, below = line.split(':')[1].partition('/')
            base = int(above) / int(below)
        elif not line.startswith('#'):
            ticks.append(int(line.split(',')[2]))
    if done.returncode != 0 or not base:
        said = ' '.join(done.stderr.decode(errors='replace').split())[-300:]
        raise VideoError(f'{path} cannot be read: {pointer_said(path, said)}')
    if len(ticks) > MOST_PICTURES:
        raise VideoError(f'{path} has more than {MOST_PICTURES} pictures, a day at 60 Hz')
    return np.sort(np.array(ticks, np.float64)) * base
