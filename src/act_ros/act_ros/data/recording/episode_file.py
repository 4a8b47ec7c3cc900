# SPDX-License-Identifier: Apache-2.0
"""The HDF5 file of an episode, made row by row, so that little is left to do when the episode ends.

A JPEG is stored as a chunk of HDF5's own deflate filter, in which the JPEG itself stands unchanged and
the zeros behind it take some bytes: readers get rows padded with zeros, as ALOHA's are, and the file
is as large as its JPEGs. So the width of the rows may be chosen generously before all JPEGs are known.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from act_ros.data.errors import EpisodeError
from act_ros.data.recording.episode_log import (
    VECTORS,
    Header,
    Row,
    raw_frame,
)
from act_ros.text import printable_data
from act_ros.version import own_version

WIDTH_FACTOR = 2
"""Width of the stored rows, in longest JPEGs of the first row."""
READ_BACK_ROWS, FLUSH_S = 50, 0.5
_STORED = 65535  # longest stored block of deflate
_ADLER = 65521


class TooNarrow(Exception):
    """A JPEG is longer than the rows of the file: it must be made anew, with rows of `width` bytes."""

    def __init__(self, width: int) -> None:
        """Ask for `width`."""
        super().__init__(f'a JPEG needs rows of {width} bytes')
        self.width = width


class EpisodeFile:
    """An episode's file while it is made: `add` rows, `finish`, `close`."""

    def __init__(self, path: Path, header: Header, width: int = 0) -> None:
        """Create `path`; rows of JPEGs are `width` bytes wide, by default by the first row.

        Raises:
            OSError: it exists, or cannot be written.
        """
        self.path, self.header, self._width = path, header, width
        self._file = h5py.File(path, 'x', rdcc_nbytes=2 * 1024**2)
        self._handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._images: list[Any] = []
        self._shape: tuple[int, ...] = ()
        self._lengths: list[list[int]] = []
        self._stamps: list[float] = []
        self._vectors: list[NDArray[np.float32]] = []
        self._others: list[tuple[float, ...]] = []
        self._unread: dict[int, list[int]] = {}
        self._done = threading.Event()
        self._flusher = threading.Thread(target=self._flush, daemon=True)
        self._flusher.start()

    def __len__(self) -> int:
        return len(self._stamps)

    def add(self, row: Row) -> None:
        """Write a row.

        Raises:
            TooNarrow: begin anew.
            EpisodeError: a raw frame of another size than the first; a frame that is not what was written.
            OSError, RuntimeError: the disk is full or gone; the library may also end the process.
        """
        if not self._images:
            self._create(row)
        at, sums = len(self), []
        for camera, images, data in zip(self.header.cameras, self._images, row.jpegs, strict=True):
            chunk = self._chunk(camera, data)
            if at >= len(images):
                images.resize(at + 50, axis=0)
            images.id.write_direct_chunk((at,) + (0,) * (images.ndim - 1), chunk)
            sums.append(zlib.crc32(chunk))
        self._unread[at] = sums
        self._lengths.append([len(data) for data in row.jpegs])
        self._stamps.append(row.stamp_s)
        self._vectors.append(row.vectors.copy())  # a view would keep the whole record
        self._others.append((*row.ages_s, *row.source_ages_s, *row.base))
        if len(self) % READ_BACK_ROWS == 0:
            self._read_back(self._images)

    def finish(self, end: Mapping[str, Any] | None) -> None:
        """Write all that is no frame, close the file, open it anew, compare, force it to the disk.

        Args:
            end: attributes that the end of the log gave; None: the recording was cut off.

        Raises:
            EpisodeError: the file differs from what was written.
            OSError, RuntimeError: the disk is full or gone.
        """
        self._cut(int((end or {}).get('cut_rows', 0)))
        columns = self._columns()
        for images in self._images:
            images.resize(len(self), axis=0)
            if (
                not self.header.raw
            ):  # only now: HDF5 would rewrite what lies behind a shrinking edge
                images.resize(int(columns['compress_len'].max()), axis=1)
        for key, value in self._attributes(end).items():
            self._file.attrs[key] = printable_data(value)
        for name, values in columns.items():
            self._file.create_dataset(name, data=values)
        self._file.close()
        with h5py.File(self.path, 'r') as file:
            self._compare(file, columns)
        self._done.set()
        self._flusher.join()
        os.fsync(self._handle)

    def _cut(self, rows: int) -> None:
        """Leave out the last rows; one stays in any case."""
        if rows > 0:
            for part in (self._lengths, self._stamps, self._vectors, self._others):
                del part[max(1, len(part) - rows) :]
            self._unread = {at: sums for at, sums in self._unread.items() if at < len(self)}

    def close(self) -> None:
        """Let go of the file, finished or not; closing twice does nothing."""
        self._done.set()
        self._flusher.join()
        self._file.close()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _flush(self) -> None:
        """Force what there is to the disk again and again, so that little is left for the end."""
        while not self._done.wait(FLUSH_S):
            with contextlib.suppress(OSError):  # the last time, in `finish`, says it
                os.fdatasync(self._handle)

    def _create(self, row: Row) -> None:
        group = self._file.create_group('observations/images')
        options: dict[str, Any] = {}
        if self.header.raw:
            self._shape = raw_frame(row.jpegs[0]).shape if row.jpegs else ()
            size, most, chunk = self._shape, self._shape, self._shape
        else:
            longest = max(map(len, row.jpegs), default=1)
            self._width = self._width or WIDTH_FACTOR * longest
            size, most, chunk = (1,), (None,), (self._width,)  # type: ignore[assignment]
            options = {'compression': 'gzip', 'compression_opts': 1}
        for camera in self.header.cameras:
            images = group.create_dataset(
                camera, (0, *size), 'u1', maxshape=(None, *most), chunks=(1, *chunk), **options
            )
            self._images.append(images)

    def _chunk(self, camera: str, data: bytes) -> bytes:
        """The bytes of a frame's chunk in the file."""
        if not self.header.raw:
            if len(data) > self._width:
                raise TooNarrow(WIDTH_FACTOR * len(data))
            return padded(data, self._width)
        frame = raw_frame(data)
        if frame.shape != self._shape:
            raise EpisodeError(
                f'{self.path}: {camera} has a frame of shape {frame.shape} in row {len(self)}; '
                f'expected {self._shape}, as in the first'
            )
        return frame.tobytes()

    def _columns(self) -> dict[str, NDArray[Any]]:
        """Every dataset of the file but the frames, by name."""
        header = self.header
        made: dict[str, NDArray[Any]] = {'observations/stamp': np.array(self._stamps)}
        vectors, others = np.array(self._vectors, np.float32), np.array(self._others, np.float32)
        for i, name in enumerate(VECTORS):
            made[name if name == 'action' else f'observations/{name}'] = vectors[:, i]
        ages = [f'observations/image_age/{camera}' for camera in header.cameras]
        for i, name in enumerate([*ages, *header.sources]):
            made[name] = others[:, i]
        if header.base:
            made['base_action'] = others[:, -2:]
        if not header.raw:
            shape = len(self), len(header.cameras)
            made['compress_len'] = np.array(self._lengths, np.float32).reshape(shape).T
        return made

    def _attributes(self, end: Mapping[str, Any] | None) -> dict[str, Any]:
        header = self.header
        return {
            'sim': False,
            **header.attrs,
            'compress': not header.raw,
            'success': False,
            **(end or {}),
            'complete': end is not None,
            'joint_names': list(header.joint_names),
            'cameras': list(header.cameras),
            **({} if header.raw else {'jpeg_channels': 'rgb'}),
            'act_ros_version': own_version(),
        }

    def _compare(self, file: Any, columns: Mapping[str, NDArray[Any]]) -> None:
        for name, values in columns.items():
            if not np.array_equal(file[name][()], values, equal_nan=True):
                raise EpisodeError(
                    f'{name} of {self.path} is not what was written: is the disk sound?'
                )
        images = [file[f'observations/images/{camera}'] for camera in self.header.cameras]
        if any(data.id.get_num_chunks() != len(self) or len(data) != len(self) for data in images):
            raise EpisodeError(
                f'{self.path} does not hold its {len(self)} rows: is the disk sound?'
            )
        self._read_back(images)

    def _read_back(self, images: list[Any]) -> None:
        for row, sums in self._unread.items():
            for data, expected in zip(images, sums, strict=True):
                stored = data.id.read_direct_chunk((row,) + (0,) * (data.ndim - 1))[1]
                if zlib.crc32(stored) != expected:
                    raise EpisodeError(
                        f'row {row} of {self.path} is not what was written: is the disk sound?'
                    )
        self._unread.clear()


def padded(data: bytes, width: int) -> bytes:
    """A zlib stream of `data` and zeros up to `width`, in which `data` stands as it is."""
    parts = [b'\x78\x01']
    for at in range(0, len(data), _STORED):
        block = data[at : at + _STORED]
        parts += [struct.pack('<BHH', 0, len(block), len(block) ^ 0xFFFF), block]
    rest = width - len(data)
    parts += [_zeros(bit) for bit in range(rest.bit_length()) if rest >> bit & 1]
    low, high = (total := zlib.adler32(data)) & 0xFFFF, total >> 16
    parts += [b'\x01\x00\x00\xff\xff', struct.pack('>HH', (high + rest * low) % _ADLER, low)]
    return b''.join(parts)


@cache
def _zeros(power: int) -> bytes:
    """2 ** power zeros, deflated to whole bytes, to which more can be added."""
    deflate = zlib.compressobj(9, wbits=-15)
    return deflate.compress(bytes(1 << power)) + deflate.flush(zlib.Z_FULL_FLUSH)
