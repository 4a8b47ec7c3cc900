# SPDX-License-Identifier: Apache-2.0
"""What an episode log holds: a header, a row per tick, and an end; and their bytes.

First byte of a record: `H` header (JSON), `R` row, `E` end (JSON). A row is, little-endian: stamp
(float64), qpos, qvel, effort, action (float32 each), per camera its frame's age (float32) and JPEG
length (uint32), then the JPEGs, cameras in the header's order.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from act_ros.data.log import read_log
from act_ros.robot.types import Floats

VECTORS = ('qpos', 'qvel', 'effort', 'action')


class EpisodeError(RuntimeError):
    """An episode that cannot be written, finished or read; the message says which and why."""


@dataclass(frozen=True)
class Header:
    """What is known before the first row: vector layout, cameras in order, and attributes."""

    joint_names: tuple[str, ...]
    cameras: tuple[str, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)

    def pack(self) -> bytes:
        """The header's record."""
        return b'H' + json.dumps(vars(self)).encode()


@dataclass(frozen=True)
class Row:
    """One tick.

    Attributes:
        stamp_s: ROS time in seconds.
        vectors: (4, dof) float32, in the order of `VECTORS`.
        jpegs: per camera its frame, encoded.
        ages_s: per camera how much older than the tick the frame is, in seconds.
    """

    stamp_s: float
    vectors: Floats
    jpegs: tuple[bytes, ...]
    ages_s: tuple[float, ...]

    def pack(self) -> bytes:
        """The row's record."""
        vectors = np.asarray(self.vectors, '<f4').tobytes()
        images = [
            struct.pack('<fI', age, len(jpeg))
            for age, jpeg in zip(self.ages_s, self.jpegs, strict=True)
        ]
        return b''.join([b'R', struct.pack('<d', self.stamp_s), vectors, *images, *self.jpegs])


def pack_end(success: bool, attrs: Mapping[str, Any]) -> bytes:
    """The end's record: whether the task was done, and attributes known only now."""
    return b'E' + json.dumps({**attrs, 'success': success}).encode()


class EpisodeLog:
    """A log read back: its header at once, its rows one at a time, as often as asked for."""

    def __init__(self, path: Path) -> None:
        """Open the log at `path`.

        Raises:
            EpisodeError: it holds no header: nothing was recorded.
            LogError: it is another kind of file.
        """
        self.path = Path(path)
        first = next(read_log(self.path), b'')
        if first[:1] != b'H':
            raise EpisodeError(
                f'{self.path} holds no episode: the recording ended before its header was written'
            )
        raw = json.loads(first[1:])
        self.header = Header(tuple(raw['joint_names']), tuple(raw['cameras']), raw['attrs'])
        self.end: Mapping[str, Any] | None = None
        """Attributes that the end gave, None if the recording was cut off; known after `rows()`."""

    def rows(self) -> Iterator[Row]:
        """Yield the rows up to the last whole one."""
        for record in read_log(self.path):
            if record[:1] == b'R':
                yield self._unpack(record)
            elif record[:1] == b'E':
                self.end = json.loads(record[1:])

    def _unpack(self, record: bytes) -> Row:
        dof, count = len(self.header.joint_names), len(self.header.cameras)
        vectors = np.frombuffer(record, '<f4', 4 * dof, offset=9).reshape(4, dof)
        at = 9 + 16 * dof
        table = [struct.unpack_from('<fI', record, at + 8 * i) for i in range(count)]
        at += 8 * count
        jpegs = []
        for _, length in table:
            jpegs.append(record[at : at + length])
            at += length
        stamp = struct.unpack_from('<d', record, 1)[0]
        return Row(stamp, vectors, tuple(jpegs), tuple(age for age, _ in table))


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
