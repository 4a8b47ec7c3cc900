# SPDX-License-Identifier: Apache-2.0
"""What an episode log holds: a header, a row per tick, and an end; and their bytes.

First byte of a record: `H` header (JSON), `R` row, `E` end (JSON). A row is, little-endian: stamp
(float64), qpos, qvel, effort, action (float32 each), the age of each of the header's other `sources`
(float32), the base's two velocities where the header says so (float32), per camera its frame's age
(float32) and length (uint32), then the frames, cameras in the header's order. A frame is a JPEG, or
raw: height and width (uint16 each) and the RGB pixels.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from act_ros.data.errors import EpisodeError
from act_ros.data.recording.log import LogReader
from act_ros.robot.types import Floats, Frame

VECTORS = ('qpos', 'qvel', 'effort', 'action')
RAW = 0
"""In place of a JPEG quality: frames are stored as they are."""


@dataclass(frozen=True)
class Header:
    """What is known before the first row: vector layout, cameras in order, and attributes.

    `sources` are datasets of the file (as 'action_age') for the ages of what is no camera; `raw` says
    that frames are no JPEGs, `base` that rows have the velocities of a mobile base.
    """

    joint_names: tuple[str, ...]
    cameras: tuple[str, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    raw: bool = False
    base: bool = False

    def pack(self) -> bytes:
        """The header's record."""
        return b'H' + json.dumps(vars(self)).encode()

    @classmethod
    def unpack(cls, record: bytes) -> Header:
        """Read a header's record; those of earlier versions lack the last fields."""
        raw = json.loads(record[1:])
        lists = ('joint_names', 'cameras', 'sources')
        fields: dict[str, Any] = {k: tuple(v) if k in lists else v for k, v in raw.items()}
        return cls(**fields)


@dataclass(frozen=True)
class Row:
    """One tick.

    Attributes:
        stamp_s: ROS time in seconds.
        vectors: (4, dof) float32, in the order of `VECTORS`.
        jpegs: per camera its frame, encoded by `encode`.
        ages_s: per camera how much older than the tick the frame is, in seconds.
        source_ages_s: the same for each of the header's `sources`.
        base: linear (m/s) and angular (rad/s) velocity of the mobile base; empty without one.
    """

    stamp_s: float
    vectors: Floats
    jpegs: tuple[bytes, ...]
    ages_s: tuple[float, ...]
    source_ages_s: tuple[float, ...] = ()
    base: tuple[float, ...] = ()

    def pack(self) -> bytes:
        """The row's record."""
        vectors = np.asarray(self.vectors, '<f4').tobytes()
        images = [
            struct.pack('<fI', age, len(jpeg))
            for age, jpeg in zip(self.ages_s, self.jpegs, strict=True)
        ]
        others = (*self.source_ages_s, *self.base)
        head = [b'R', struct.pack('<d', self.stamp_s), vectors]
        return b''.join([*head, struct.pack(f'<{len(others)}f', *others), *images, *self.jpegs])

    @classmethod
    def unpack(cls, record: bytes, header: Header) -> Row:
        """Read a row's record."""
        dof, sources = len(header.joint_names), len(header.sources)
        vectors = np.frombuffer(record, '<f4', 4 * dof, offset=9).reshape(4, dof)
        others = struct.Struct(f'<{sources + 2 * header.base}f')
        at = 9 + 16 * dof
        values = others.unpack_from(record, at)
        at += others.size
        count = len(header.cameras)
        table = [struct.unpack_from('<fI', record, at + 8 * i) for i in range(count)]
        at += 8 * count
        jpegs = []
        for _, length in table:
            jpegs.append(record[at : at + length])
            at += length
        stamp = struct.unpack_from('<d', record, 1)[0]
        ages = tuple(age for age, _ in table)
        return cls(stamp, vectors, tuple(jpegs), ages, values[:sources], values[sources:])


def pack_end(success: bool, attrs: Mapping[str, Any]) -> bytes:
    """The end's record: whether the task was done, and attributes known only now."""
    return b'E' + json.dumps({**attrs, 'success': success}).encode()


class EpisodeLog(LogReader):
    """A log read back, also while it is written: its header at once, its rows one at a time."""

    def __init__(self, path: Path, wait_s: float = 0.0) -> None:
        """Open the log at `path`, waiting for another process that reads it.

        Raises:
            EpisodeError: it holds no header: nothing was recorded.
            LogError: it is another kind of file, or another process doesn't let go of it.
        """
        super().__init__(path, wait_s)
        self.end: Mapping[str, Any] | None = None
        """Attributes that the end gave, None if the recording was cut off; known after `rows()`."""
        first = next(self.records(), b'')
        if first[:1] != b'H':
            self.close()
            raise EpisodeError(
                f'{self.path} holds no episode: the recording ended before its header was written'
            )
        self.header = Header.unpack(first)

    def rows(self) -> Iterator[Row]:
        """Yield the rows that follow, up to the last one that is whole by now."""
        for record in self.records():
            if record[:1] == b'R':
                yield Row.unpack(record, self.header)
            elif record[:1] == b'E':
                self.end = json.loads(record[1:])

    def again(self) -> None:
        """Let `rows` begin anew."""
        self.rewind()
        self.end = None
        next(self.records())


def encode(frame: Frame, quality: int) -> bytes:
    """A frame (H, W, 3) uint8 RGB as a row holds it: a JPEG of this quality, or `RAW`.

    Raises:
        EpisodeError: it is no such frame.
    """
    # cv2 gets the RGB array unchanged, as from ALOHA's recorder: imdecode gives RGB back.
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        raise EpisodeError(
            f'frame is {frame.dtype} {frame.shape}; expected uint8 (height, width, 3), RGB'
        )
    if quality == RAW:
        return struct.pack('<HH', *frame.shape[:2]) + frame.tobytes()
    return bytes(cv2.imencode('.jpg', frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def raw_frame(data: bytes) -> NDArray[np.uint8]:
    """The frame (H, W, 3) of a raw row."""
    height, width = struct.unpack_from('<HH', data)
    return np.frombuffer(data, np.uint8, offset=4).reshape(height, width, 3)


def vector(name: str, values: ArrayLike, joint_names: Sequence[str]) -> Floats:
    """Check one vector of a row and return it as float32.

    Raises:
        EpisodeError: its shape is not (dof,).
    """
    array = np.asarray(values, dtype=np.float32)
    if array.shape != (len(joint_names),):
        raise EpisodeError(
            f'{name} has shape {array.shape}; expected ({len(joint_names)},), one per joint'
        )
    return array
