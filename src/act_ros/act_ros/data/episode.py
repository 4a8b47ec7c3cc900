# SPDX-License-Identifier: Apache-2.0
"""Episodes in ALOHA's HDF5: written while they happen, read back lazily.

  /observations/qpos, qvel, effort   (T, dof) float32      /action  (T, dof) float32
  /observations/images/CAM           (T, width) uint8: a JPEG a row, zero padded
  /compress_len                      (cameras, T) float32: JPEG lengths, ordered as in `cameras`
  attributes                         sim, compress
and what the original lacks:
  /observations/stamp                (T,) float64, seconds
  /observations/image_age/CAM        (T,) float32, seconds
  attributes                         task, seed, success, complete, joint_names, cameras,
                                     rate_hz, jpeg_channels, jpeg_quality, act_ros_version
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from act_ros.data.finish import finish_log, log_path
from act_ros.data.log import LogWriter
from act_ros.data.rows import VECTORS, EpisodeError, Header, Row, pack_end, vector
from act_ros.robot.types import Floats, Frame

__all__ = ['Episode', 'EpisodeError', 'EpisodeWriter', 'Frames', 'next_index', 'read_episode']


class EpisodeWriter:
    """Writes one episode: rows go to a log on disk at once, `finish` turns the log into HDF5.

    Memory does not grow with the episode. What a crash leaves is the log, `<path>.log`, from which
    `act_ros.data.finish` makes the episode up to its last row.
    """

    def __init__(
        self,
        path: Path,
        joint_names: Sequence[str],
        cameras: Sequence[str],
        attrs: Mapping[str, Any],
        jpeg_quality: int = 95,
    ) -> None:
        """Begin the episode that will be `path` ('.../episode_7.hdf5').

        Args:
            path: the finished file; neither it nor its log may exist. Its folder must exist.
            joint_names: names of the vectors' entries, in order.
            cameras: the cameras of every row, in the order of `compress_len`.
            attrs: attributes of the file (task, seed, sim, rate_hz, ...): JSON's types.
            jpeg_quality: 1..100, as in cv2.

        Raises:
            FileExistsError: the episode or its log is there already.
        """
        self.path = Path(path)
        if self.path.exists():
            raise FileExistsError(
                f'{self.path} exists and is never overwritten; take next_index() of the folder'
            )
        self.rows = 0
        attrs = {**attrs, 'jpeg_quality': jpeg_quality}
        self._header = Header(tuple(joint_names), tuple(cameras), attrs)
        self._encode = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality]
        self._log = LogWriter(log_path(self.path))
        self._log.append(self._header.pack())

    @property
    def size(self) -> int:
        """Bytes on disk so far."""
        return self._log.size

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
        jpegs = tuple(self._jpeg(images[camera]) for camera in self._header.cameras)
        ages = tuple(float(image_ages_s[camera]) for camera in self._header.cameras)
        self._log.append(Row(float(stamp_s), vectors, jpegs, ages).pack())
        self.rows += 1

    def seal(self, success: bool, attrs: Mapping[str, Any] | None = None) -> Path:
        """Write the end, close the log and return its path, for `act_ros.data.finish`.

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
        the log and run `python -m act_ros.data.finish LOG` instead, as the recorder node does.

        Raises:
            EpisodeError: no row was written, or the file didn't verify; the log is kept.
            FileExistsError: another process made the file meanwhile; the log is kept.
        """
        return finish_log(self.seal(success))

    def discard(self) -> None:
        """End the episode and delete what was written."""
        self._log.close()
        self._log.path.unlink()

    def _jpeg(self, image: Frame) -> bytes:
        # cv2 gets the RGB array unchanged, as from ALOHA's recorder: imdecode gives RGB back.
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise EpisodeError(
                f'frame is {image.dtype} {image.shape}; expected uint8 (height, width, 3), RGB'
            )
        return bytes(cv2.imencode('.jpg', image, self._encode)[1])


class Frames:
    """The frames of one camera, decoded when asked for: `frames[t]` is (H, W, 3) uint8, RGB."""

    def __init__(self, dataset: Any, lengths: NDArray[np.float32] | None, swap: bool) -> None:
        """Read from a dataset; `lengths` (T,) of the JPEGs, `swap` where decoding gives BGR."""
        self._dataset = dataset
        self._lengths = lengths
        self._swap = swap

    def __len__(self) -> int:
        return int(self._dataset.shape[0])

    def __getitem__(self, index: int) -> Frame:
        row: NDArray[np.uint8] = self._dataset[index]
        if row.ndim == 3:
            return row
        if self._lengths is not None:
            row = row[: int(self._lengths[index])]
        image = cv2.imdecode(row, cv2.IMREAD_COLOR)
        if image is None:
            raise EpisodeError(
                f'{self._dataset.file.filename}: frame {index} of {self._dataset.name} is no JPEG'
            )
        return np.asarray(image[:, :, ::-1] if self._swap else image, dtype=np.uint8)


class Episode:
    """An episode on disk: vectors in memory, frames read when asked for. Close it after use.

    Attributes:
        qpos, action: (T, dof) float32. qvel, effort: the same, or None where the file has none.
        stamp: (T,) float64 seconds, or None. image_age: by camera (T,) float32 seconds (ours).
        images: by camera its `Frames`. attrs: the file's attributes.
    """

    def __init__(self, path: Path, jpeg_channels: str | None) -> None:
        """Open `path`; use `read_episode`."""
        self.path = Path(path)
        self._file = h5py.File(self.path, 'r')
        try:
            self._read(jpeg_channels)
        except KeyError as error:
            self._file.close()
            raise EpisodeError(f'{self.path} is not an ALOHA episode: {error.args[0]}') from error
        except BaseException:
            self._file.close()
            raise

    def _read(self, jpeg_channels: str | None) -> None:
        file, seen = self._file, self._file['observations']
        self.attrs: dict[str, Any] = {key: _plain(value) for key, value in file.attrs.items()}
        channels = jpeg_channels or self.attrs.get('jpeg_channels', 'rgb')
        if channels not in ('rgb', 'bgr'):
            raise EpisodeError(f"jpeg_channels is '{channels}'; expected 'rgb' or 'bgr'")
        self.action: Floats = file['action'][()].astype(np.float32)
        self.qpos: Floats = seen['qpos'][()].astype(np.float32)
        self.qvel: Floats | None = seen['qvel'][()].astype(np.float32) if 'qvel' in seen else None
        self.effort: Floats | None = (
            seen['effort'][()].astype(np.float32) if 'effort' in seen else None
        )
        self.stamp: NDArray[np.float64] | None = seen['stamp'][()] if 'stamp' in seen else None
        self.image_age: dict[str, Floats] = {
            k: v[()] for k, v in seen.get('image_age', {}).items()
        }
        # Only our own files say which camera each row of compress_len is of; padding is harmless.
        order = list(self.attrs.get('cameras', []))
        lengths = {name: file['compress_len'][i] for i, name in enumerate(order)} if order else {}
        self.images: dict[str, Frames] = {
            name: Frames(data, lengths.get(name), channels == 'bgr')
            for name, data in seen['images'].items()
        }

    def __len__(self) -> int:
        return len(self.action)

    def __enter__(self) -> Episode:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; frames can't be read any more."""
        self._file.close()


def read_episode(path: str | Path, jpeg_channels: str | None = None) -> Episode:
    """Open an episode: ours, the original's (raw frames), Interbotix's or mobile ALOHA's (JPEG).

    Args:
        path: the HDF5 file.
        jpeg_channels: order of the channels that decoding a JPEG gives: 'rgb' where the recorder
            handed RGB to cv2 (ours, Interbotix), 'bgr' where it handed BGR (openpi). By default
            what the file says, else 'rgb'.

    Raises:
        EpisodeError: it is no ALOHA episode.
        OSError: it cannot be read.
    """
    return Episode(Path(path), jpeg_channels)


def next_index(folder: str | Path) -> int:
    """The number after the highest episode in `folder`, finished or not (0 in a new one)."""
    path = Path(folder)
    names = [item.name for item in path.iterdir()] if path.is_dir() else []
    found = [re.match(r'episode_(\d+)\.hdf5', name) for name in names]
    return max((int(match[1]) for match in found if match), default=-1) + 1


def _plain(value: Any) -> Any:
    """An attribute as a Python value: strings decoded, numpy scalars and arrays unwrapped."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value.tolist()]
    return value.item() if isinstance(value, np.generic) else value
