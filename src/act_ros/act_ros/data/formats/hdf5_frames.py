# SPDX-License-Identifier: Apache-2.0
"""The pictures of a camera in HDF5, in the ways that recorders keep them; and what is no camera's."""

from __future__ import annotations

import math
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.base import Frames
from act_ros.data.formats.caps import MOST_BLOCK, MOST_FRAME
from act_ros.data.formats.hdf5_chunks import block_bytes, check_chunk_of
from act_ros.data.formats.pixels import (
    JPEG,
    LEAST_BYTES,
    decode,
    depth_png,
    not_to_decode,
    signature,
)
from act_ros.robot.types import Frame
from act_ros.text import PrintableError

DAMAGE = (
    *(OSError, KeyError, IndexError, ValueError, TypeError, RuntimeError, AttributeError),
    MemoryError,
)
"""What h5py raises on a damaged file, depending on where the damage is."""


class NoCamera(PrintableError):
    """What lies among the cameras is none; the message says what it is, for people."""


class HDF5Frames(Frames):
    """Frames in a dataset of HDF5.

    Raw, (T, H, W, 3) or (T, 3, H, W) uint8; or a JPEG or PNG a tick: rows of bytes padded with zeros, byte
    strings, opaque values, or arrays of a length of their own.
    """

    def __init__(
        self, dataset: Any, lengths: NDArray[np.float32] | None, channels: str | None
    ) -> None:
        """Read from `dataset`; `lengths` (T,) of the JPEGs; `channels` that decoding gives, if known.

        Raises:
            NoCamera: it holds no colour pictures.
        """
        if not isinstance(dataset, h5py.Dataset):
            raise NoCamera('a group')
        if dataset.shape is None:
            raise NoCamera('empty')
        _refuse_large(dataset)
        self._dataset = dataset
        self._channels = channels
        self._where = f'{dataset.file.filename}: {dataset.name}'
        self._planes = _is_planes(dataset)
        self._encoded = not self._planes and not _is_raw(dataset)
        # Rows of bytes alone are padded; the others have a length of their own.
        self._lengths = lengths if dataset.ndim == 2 and dataset.dtype == np.uint8 else None
        self._jpeg = self._encoded and self._look() == JPEG

    def __len__(self) -> int:
        return int(self._dataset.shape[0])

    @property
    def encoded(self) -> bool:
        """Whether a frame is the bytes of a JPEG or PNG."""
        return self._encoded

    @property
    def jpeg(self) -> bool:
        """Whether the frames are JPEGs."""
        return self._jpeg

    @property
    def channels(self) -> str | None:
        """The order that decoding a frame with cv2 gives, if known."""
        return self._channels

    def stored(self, index: int) -> NDArray[np.uint8]:
        """A frame as it is stored: (H, W, 3), or the bytes of its JPEG or PNG."""
        try:
            check_chunk_of(self._dataset, index)
            row = self._dataset[index]
        except (IndexError, EpisodeError):
            raise
        except DAMAGE as error:
            raise EpisodeError(
                f'{self._where}: frame {index} cannot be read: {one_line(error)}'
            ) from error
        if not self._encoded:
            return np.asarray(np.moveaxis(row, 0, -1) if self._planes else row, np.uint8)
        data = _bytes(row)
        if self._lengths is not None and index < len(self._lengths):
            length = self._lengths[index]
            if not 0 < length <= data.size:
                raise EpisodeError(
                    f'{self._where}: compress_len says {length} bytes for frame {index}, '
                    f'but a row has {data.size}'
                )
            data = data[: int(length)]
        return data

    def __getitem__(self, index: int) -> Frame:
        row = self.stored(index)
        if not self._encoded:
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
            why = not_to_decode(row.tobytes()) or 'is no whole JPEG or PNG'
            raise EpisodeError(f'{self._where}: frame {index} {why}')
        return np.asarray(image[:, :, ::-1] if self._channels == 'bgr' else image, dtype=np.uint8)

    def _look(self) -> bytes | None:
        """What the pictures are stored as, by three of them: one may be damaged.

        Raises:
            NoCamera: they are none, or show no colours.
        """
        kinds: list[bytes | None] = []
        for t in sorted({0, len(self) // 2, len(self) - 1} if len(self) else ()):
            try:
                check_chunk_of(self._dataset, t)
                data = _bytes(self._dataset[t]).tobytes()
            except DAMAGE:
                return JPEG  # said when that frame is read
            if why := depth_png(data):
                raise NoCamera(why)
            kinds.append(signature(data))
        found = [kind for kind in kinds if kind is not None]
        if kinds and not found and not self._may_be_damaged():
            raise NoCamera(f'{_shape(self._dataset)}, no pictures')
        return found[0] if found and set(found) == {found[0]} else None if found else JPEG

    def _may_be_damaged(self) -> bool:
        """Rows of bytes that begin as no picture: a camera's all the same, if they are long enough."""
        shape, kind = self._dataset.shape, self._dataset.dtype
        return bool(kind == np.uint8 and len(shape) == 2 and shape[1] >= LEAST_BYTES)


def _refuse_large(dataset: Any) -> None:
    """Refuse what no memory is asked for, before any of it is read.

    Raises:
        NoCamera: its pictures, or the chunks they are in, are larger than any.
    """
    frame = math.prod(dataset.shape[1:]) * int(dataset.dtype.itemsize)
    if frame > MOST_FRAME:
        raise NoCamera(
            f'{_shape(dataset)}: {frame} bytes a picture, at most {MOST_FRAME} are read'
        )
    if (block := block_bytes(dataset)) > MOST_BLOCK:
        raise NoCamera(f'in chunks of {block} bytes, at most {MOST_BLOCK} are read at once')


def _is_raw(dataset: Any) -> bool:
    """Raw pictures; else the bytes of encoded ones.

    Raises:
        NoCamera: neither.
    """
    kind, shape = dataset.dtype, dataset.shape
    if kind == np.uint8 and len(shape) == 4 and shape[3] == 3:
        return True
    rows = kind == np.uint8 and len(shape) == 2
    values = len(shape) == 1 and (kind.kind in 'SV' or _is_bytes(kind))
    if (rows or values) and kind.names is None and kind.subdtype is None:
        return False
    what = ': depth' if kind == np.uint16 and len(shape) in (3, 4) else ''
    raise NoCamera(f'{_shape(dataset)}{what}')


def _is_bytes(kind: Any) -> bool:
    """Values of a length of their own: of bytes, or byte strings."""
    inner = h5py.check_vlen_dtype(kind)
    return bool(inner == np.uint8 or h5py.check_string_dtype(kind) is not None)


def _is_planes(dataset: Any) -> bool:
    """Raw pictures as PyTorch has them, the channels first; a picture of 3 columns there is none."""
    shape = dataset.shape
    return bool(dataset.dtype == np.uint8 and len(shape) == 4 and shape[1] == 3 != shape[3])


def _bytes(row: Any) -> NDArray[np.uint8]:
    """A stored value as bytes."""
    if isinstance(row, np.ndarray):
        return np.asarray(row, np.uint8)
    data = row.tobytes() if isinstance(row, np.void) else row
    if isinstance(data, str):
        data = data.encode(errors='surrogateescape')
    return np.frombuffer(data, np.uint8)


def _shape(dataset: Any) -> str:
    kind = 'text' if h5py.check_string_dtype(dataset.dtype) is not None else str(dataset.dtype)
    return f'{kind} {dataset.shape}'


def one_line(error: BaseException) -> str:
    """An error's message in one line; a KeyError's without the quotes around it."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return ' '.join(text.split()) or type(error).__name__
