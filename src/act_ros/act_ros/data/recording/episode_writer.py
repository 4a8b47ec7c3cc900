# SPDX-License-Identifier: Apache-2.0
"""Episodes in ALOHA's HDF5, written while they happen; `act_ros.data.formats` reads them back.

  /observations/qpos, qvel, effort   (T, dof) float32      /action  (T, dof) float32
  /observations/images/CAM           (T, width) uint8: a JPEG a row, zero padded; or (T, H, W, 3) raw;
                                     a chunk a row (of JPEGs: see `act_ros.data.recording.episode_file`)
  /base_action                       (T, 2) float32: linear, angular velocity; of a mobile base only
  /compress_len                      (cameras, T) float32: JPEG lengths, ordered as in `cameras`
  attributes                         sim, compress
and what the original lacks:
  /observations/stamp                (T,) float64, seconds
  /observations/image_age/CAM        (T,) float32, seconds: stamp minus age is the frame's own stamp
  /observations/joint_age/ARM        (T,) float32, seconds; /action_age, /base_age the same
                                     (recorder node)
  attributes                         task, seed, success, complete, joint_names, cameras,
                                     rate_hz, jpeg_channels, jpeg_quality, act_ros_version
                                     dropped_rows, overflow_rows, stale_rows, frozen_rows,
                                     faults, not_measured: what is 0 since no driver sends it
                                     (recorder node)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.aloha import read_episode
from act_ros.data.formats.base import Episode, Frames
from act_ros.data.recording.episode_log import (
    RAW,
    VECTORS,
    Header,
    Row,
    encode,
    pack_end,
    vector,
)
from act_ros.data.recording.log import LogWriter
from act_ros.data.recording.log_to_hdf5 import INTERRUPTED, finish_log, log_path
from act_ros.robot.types import Frame

__all__ = ['Episode', 'EpisodeError', 'EpisodeWriter', 'Frames', 'next_index', 'read_episode']


class EpisodeWriter:
    """Writes one episode: rows go to a log on disk at once, `finish` turns the log into HDF5.

    Memory does not grow with the episode. What a crash leaves is the log, `<path>.log`, from which
    `act_ros.data.recording.log_to_hdf5` makes the episode up to its last row.
    """

    def __init__(
        self,
        path: Path,
        joint_names: Sequence[str],
        cameras: Sequence[str],
        attrs: Mapping[str, Any],
        jpeg_quality: int = 95,
        sources: Sequence[str] = (),
        base: bool = False,
    ) -> None:
        """Begin the episode that will be `path` ('.../episode_7.hdf5').

        Args:
            path: the finished file; neither it nor its log may exist. Its folder must exist.
            joint_names: names of the vectors' entries, in order.
            cameras: the cameras of every row, in the order of `compress_len`.
            attrs: attributes of the file (task, seed, sim, rate_hz, ...): JSON's types.
            jpeg_quality: 1..100, as in cv2; 0: frames are stored raw.
            sources: datasets for the ages of other sources, one for each of a row's `source_ages_s`.
            base: whether rows have the velocities of a mobile base.

        Raises:
            FileExistsError: the episode or its log is there already.
        """
        self.path = Path(path)
        if self.path.exists():
            raise FileExistsError(
                f'{self.path} exists and is never overwritten; take next_index() of the folder'
            )
        self.rows = 0
        raw = jpeg_quality == RAW
        attrs = {**attrs, **({} if raw else {'jpeg_quality': jpeg_quality})}
        self._header = Header(tuple(joint_names), tuple(cameras), attrs, tuple(sources), raw, base)
        self._quality = jpeg_quality
        self._log = LogWriter(log_path(self.path))
        self._log.append(self._header.pack())

    @property
    def log(self) -> LogWriter:
        """Where the rows are."""
        return self._log

    def append(
        self,
        qpos: ArrayLike,
        qvel: ArrayLike,
        effort: ArrayLike,
        action: ArrayLike,
        images: Mapping[str, Frame],
        stamp_s: float,
        image_ages_s: Mapping[str, float],
    ) -> None:
        """Write one tick.

        Args:
            qpos: (dof,) positions: radians, grippers 0..1.
            qvel: (dof,) velocities as the driver gives them, rad/s.
            effort: (dof,) efforts as the driver gives them.
            action: (dof,) what was sent to the arms at this tick.
            images: an RGB frame (H, W, 3) for each camera.
            stamp_s: ROS time of the tick, in seconds.
            image_ages_s: by camera, how much older than the tick its frame is, in seconds.

        Raises:
            EpisodeError: a vector of another length, a camera without a frame.
            OSError: the disk is full or gone; what was appended before is safe.
        """
        given = zip(VECTORS, (qpos, qvel, effort, action), strict=True)
        vectors = np.stack([vector(name, v, self._header.joint_names) for name, v in given])
        missing = [camera for camera in self._header.cameras if camera not in images]
        if missing:
            raise EpisodeError(
                f'row {self.rows} of {self.path} has no frame of {", ".join(missing)}'
            )
        jpegs = tuple(encode(images[camera], self._quality) for camera in self._header.cameras)
        ages = tuple(float(image_ages_s[camera]) for camera in self._header.cameras)
        self.append_row(Row(float(stamp_s), vectors, jpegs, ages))

    def append_row(self, row: Row) -> None:
        """Write one tick whose frames are encoded already.

        Raises:
            OSError: the disk is full or gone; what was appended before is safe.
        """
        self._log.append(row.pack())
        self.rows += 1

    def seal(self, success: bool, attrs: Mapping[str, Any] | None = None) -> Path:
        """Write the end, close the log and return its path, for `act_ros.data.recording.log_to_hdf5`.

        Args:
            success: whether the task was done.
            attrs: attributes of the file that are known only now.
        """
        self._log.append(pack_end(success, attrs or {}))
        self._log.close()
        return self._log.path

    def finish(self, success: bool) -> Path:
        """End the episode and make its HDF5 file in this process; returns its path.

        On a full disk HDF5's library can take the process down with it: where that matters, `seal`
        the log and let `act_ros.data.recording.log_follower` make the file, as the recorder node does.

        Raises:
            EpisodeError: no row was written, or the file didn't verify; the log is kept.
            FileExistsError: another process made the file meanwhile; the log is kept.
        """
        return finish_log(self.seal(success))

    def discard(self) -> None:
        """End the episode and delete what was written."""
        self._log.delete()


def next_index(folder: str | Path) -> int:
    """The number after the highest episode in `folder`, finished, interrupted or not (0 in a new one)."""
    found = [
        re.match(r'episode_(\d+)\.hdf5', item.name)
        for path in (Path(folder), Path(folder) / INTERRUPTED)
        if path.is_dir()
        for item in path.iterdir()
    ]
    return max((int(match[1]) for match in found if match), default=-1) + 1
