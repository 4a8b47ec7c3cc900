# SPDX-License-Identifier: Apache-2.0
"""Reads ALOHA's HDF5: our files, the original's (raw frames), Interbotix's and mobile ALOHA's (JPEG).

Layouts: tonyzhaozh/act `record_sim_episodes.py`, Interbotix/aloha and MarkFzp/mobile-aloha
`record_episodes.py`. A JPEG there was made by cv2 from whatever array the recorder had: RGB from
ALOHA's own recorders, BGR from others. The pixels cannot tell, so a file of JPEGs that doesn't say
(`jpeg_channels`, ours do) is only decoded when the caller says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.base import Episode, Frames
from act_ros.robot.types import Floats, Frame
from act_ros.text import printable_data

CHANNELS = ('rgb', 'bgr')
"""The orders of channels that decoding a JPEG with cv2 may give."""
_DAMAGE = (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, MemoryError)
"""What h5py raises on a damaged file, depending on where the damage is."""


class HDF5Frames(Frames):
    """Frames in a dataset of HDF5: raw (T, H, W, 3), or JPEGs (T, width), a zero-padded one a row."""

    def __init__(
        self, dataset: Any, lengths: NDArray[np.float32] | None, channels: str | None
    ) -> None:
        """Read from `dataset`; `lengths` (T,) of the JPEGs; `channels` that decoding gives, if known."""
        self._dataset = dataset
        self._lengths = lengths
        self._channels = channels
        self._where = f'{dataset.file.filename}: {dataset.name}'
        if dataset.dtype != np.uint8 or dataset.ndim not in (2, 4):
            raise EpisodeError(
                f'{self._where} is {dataset.dtype} {dataset.shape}; expected uint8, '
                '(ticks, height, width, 3) raw or (ticks, bytes) JPEG'
            )
        if dataset.ndim == 4 and dataset.shape[3] != 3:
            raise EpisodeError(f'{self._where} has {dataset.shape[3]} channels; expected 3, RGB')

    def __len__(self) -> int:
        return int(self._dataset.shape[0])

    @property
    def jpeg(self) -> bool:
        """Whether the frames are JPEGs."""
        return bool(self._dataset.ndim == 2)

    @property
    def channels(self) -> str | None:
        """The order that decoding a JPEG with cv2 gives, if known."""
        return self._channels

    def stored(self, index: int) -> NDArray[np.uint8]:
        """A frame as it is stored: (H, W, 3), or the bytes of its JPEG."""
        try:
            row: NDArray[np.uint8] = self._dataset[index]
        except IndexError:
            raise
        except _DAMAGE as error:
            raise EpisodeError(
                f'{self._where}: frame {index} cannot be read: {_line(error)}'
            ) from error
        if self.jpeg and self._lengths is not None and index < len(self._lengths):
            length = self._lengths[index]
            if not 0 < length <= row.size:
                raise EpisodeError(
                    f'{self._where}: compress_len says {length} bytes for frame {index}, '
                    f'but a row has {row.size}'
                )
            row = row[: int(length)]
        return row

    def __getitem__(self, index: int) -> Frame:
        row = self.stored(index)
        if not self.jpeg:
            return row
        if self._channels is None:
            raise EpisodeError(
                f'{self._where} holds JPEGs, and the file does not say in which order decoding gives '
                'their channels; say --jpeg-channels rgb (recorded by Interbotix/aloha or mobile-aloha, '
                'which hand RGB to cv2) or bgr (by a recorder that hands it BGR), and look at a picture '
                'with visualize'
            )
        image = decode(row)
        if image is None:
            raise EpisodeError(f'{self._where}: frame {index} is no whole JPEG')
        return np.asarray(image[:, :, ::-1] if self._channels == 'bgr' else image, dtype=np.uint8)

    def duplicates(self) -> NDArray[np.bool_]:
        """By tick whether the stored bytes equal those of the tick before."""
        same = np.zeros(len(self), np.bool_)
        last: NDArray[np.uint8] | None = None
        for t in range(len(self)):
            row = self.stored(t)
            same[t] = last is not None and np.array_equal(row, last)
            last = row
        return same


class HDF5Episode(Episode):
    """An episode in one HDF5 file; see `Episode`."""

    def __init__(self, path: Path, jpeg_channels: str | None) -> None:
        """Open `path`; use `read_episode`."""
        if jpeg_channels not in (None, *CHANNELS):
            raise EpisodeError(f"jpeg_channels is '{jpeg_channels}'; expected 'rgb' or 'bgr'")
        self.path = Path(path)
        try:
            self._file = h5py.File(self.path, 'r')
        except (OSError, RuntimeError) as error:
            raise EpisodeError(_unreadable(self.path, error)) from error
        try:
            self._read(jpeg_channels)
        except KeyError as error:
            self._file.close()
            raise EpisodeError(
                f'{self.path} is not an ALOHA episode: {_line(error)}; expected /action, '
                '/observations/qpos and /observations/images'
            ) from error
        except EpisodeError:
            self._file.close()
            raise
        except _DAMAGE as error:
            self._file.close()
            raise EpisodeError(f'{self.path} is damaged: {_line(error)}') from error
        except BaseException:
            self._file.close()
            raise

    def _read(self, jpeg_channels: str | None) -> None:
        file, seen = self._file, self._file['observations']
        self.attrs = printable_data({k: plain(value) for k, value in file.attrs.items()})
        for name in ('joint_names', 'action_names'):  # some write them as a dataset
            if name in file and name not in self.attrs:
                self.attrs[name] = printable_data(plain(file[name][()]))
        self.action, self.qpos = self._table(file['action']), self._table(seen['qpos'])
        self.qvel = self._table(seen['qvel']) if 'qvel' in seen else None
        self.effort = self._table(seen['effort']) if 'effort' in seen else None
        self.base_action = self._table(file['base_action']) if 'base_action' in file else None
        self.stamp = seen['stamp'][()].astype(np.float64) if 'stamp' in seen else None
        self.image_age = {k: self._table(v) for k, v in seen.get('image_age', {}).items()}
        # Only our own files say which camera each row of compress_len is of; padding is harmless.
        order = list(self.attrs.get('cameras', []))
        table = file['compress_len'] if 'compress_len' in file and order else None
        lengths = {name: table[i] for i, name in enumerate(order)} if table is not None else {}
        channels = jpeg_channels or self.attrs.get('jpeg_channels')
        if channels not in (None, *CHANNELS):
            raise EpisodeError(
                f"{self.path}: attribute jpeg_channels is '{channels}'; expected 'rgb' or 'bgr'"
            )
        self.images: dict[str, HDF5Frames] = {
            name: HDF5Frames(data, lengths.get(name), channels)
            for name, data in seen['images'].items()
        }
        self.kind = self._dialect()

    def _table(self, dataset: Any) -> Floats:
        if not np.issubdtype(dataset.dtype, np.number):
            raise EpisodeError(f'{self.path}: {dataset.name} is {dataset.dtype}; expected numbers')
        return np.asarray(dataset[()], np.float32)

    def _dialect(self) -> str:
        if 'act_ros_version' in self.attrs:
            return 'act_ros'
        jpeg = any(frames.jpeg for frames in self.images.values())
        if self.base_action is not None:
            return 'mobile ALOHA'
        return 'Interbotix ALOHA' if jpeg else 'original ALOHA'

    def close(self) -> None:
        """Close the file; frames can't be read any more."""
        self._file.close()


def read_episode(path: str | Path, jpeg_channels: str | None = None) -> HDF5Episode:
    """Open an episode: ours, the original's (raw frames), Interbotix's or mobile ALOHA's (JPEG).

    Args:
        path: the HDF5 file.
        jpeg_channels: order of the channels that decoding a JPEG with cv2 gives: 'rgb' where the
            recorder handed RGB to cv2 (ours, Interbotix), 'bgr' where it handed BGR (openpi). By
            default what the file says; where it doesn't, decoding a frame is refused.

    Raises:
        EpisodeError: it is no ALOHA episode, or cannot be read.
    """
    return HDF5Episode(Path(path), jpeg_channels)


def decode(row: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The picture of a JPEG (bytes,), (H, W, 3) in the order it was encoded from.

    None where it is no JPEG or is cut off: cv2 would fill the rest with grey and say nothing.
    """
    if not row.tobytes().rstrip(b'\0').endswith(b'\xff\xd9'):
        return None
    try:
        image = cv2.imdecode(row, cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if image is None else np.asarray(image, np.uint8)


def plain(value: Any) -> Any:
    """An attribute as a Python value: strings decoded, numpy scalars and arrays unwrapped."""
    if isinstance(value, bytes):
        return value.decode(errors='replace')
    if isinstance(value, np.ndarray):
        return [plain(item) for item in value.tolist()]
    return value.item() if isinstance(value, np.generic) else value


def _unreadable(path: Path, error: Exception) -> str:
    if not path.exists():
        return f'there is no file {path}'
    return f'{path} cannot be read: {_line(error)}; is it finished, and an HDF5 file?'


def _line(error: BaseException) -> str:
    """An error's message in one line; a KeyError's without the quotes around it."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return ' '.join(text.split()) or type(error).__name__
