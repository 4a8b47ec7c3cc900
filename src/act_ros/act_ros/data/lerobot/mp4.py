# SPDX-License-Identifier: Apache-2.0
"""When each picture of an MP4 is shown, from the file's own tables: nothing is decoded, no process started.

The boxes are those of ISO/IEC 14496-12: `stts` has the steps in order of decoding, `ctts` how much later a
picture is shown (B-frames), `elst` which part of it all is shown, and when.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from act_ros.data.formats.caps import MOST_INDEX, MOST_PICTURES, regular_file

_MOST_EDITS = 1000
"""Entries of an edit list; cameras and encoders write one or two."""


def picture_times(path: Path) -> NDArray[np.float64] | None:
    """Seconds (n,) at which the pictures of the first video track are shown, rising.

    None where the file has no such tables: another container, or an MP4 in fragments.

    Raises:
        ValueError: the tables are damaged.
        OSError: the file cannot be read.
    """
    moov = _moov(path)
    if moov is None:
        return None
    try:
        boxes = list(_boxes(moov))
        if any(kind == b'mvex' for kind, _ in boxes):
            return None
        movie_scale = _scale(next(data for kind, data in boxes if kind == b'mvhd'))
        for kind, data in boxes:
            if kind == b'trak' and _only(data, b'mdia', b'hdlr')[8:12] == b'vide':
                return _shown(data, movie_scale)
    except (struct.error, StopIteration, IndexError) as error:
        raise ValueError('its table of pictures is cut off') from error
    raise ValueError('it has no video track')


def _moov(path: Path) -> bytes | None:
    """The box that describes an MP4, None where there is none."""
    whole = regular_file(path)
    with path.open('rb') as file:
        while len(head := file.read(8)) == 8:
            size, kind = struct.unpack('>I4s', head)
            read = 8
            if size == 1:
                (size,), read = struct.unpack('>Q', file.read(8).ljust(8, b'\0')), 16
            if kind == b'moov':
                length = size - read if size else whole - file.tell()
                if not 0 <= length <= min(MOST_INDEX, whole):
                    raise ValueError(f'its table of pictures would have {length} bytes')
                return file.read(length)
            if size < read or not kind.isascii():
                return None
            if size > whole:
                return None
            file.seek(size - read, 1)
    return None


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from('>I4s', data, at)
        head = 8
        if size == 1:
            (size,), head = struct.unpack_from('>Q', data, at + 8), 16
        end = at + size if size else len(data)
        if end < at + head or end > len(data):
            raise ValueError('its table of pictures is cut off')
        yield kind, data[at + head : end]
        at = end


def _find(data: bytes, *kinds: bytes) -> bytes | None:
    """The contents of a box in a box in a box."""
    for wanted in kinds:
        found = next((inner for kind, inner in _boxes(data) if kind == wanted), None)
        if found is None:
            return None
        data = found
    return data


def _only(data: bytes, *kinds: bytes) -> bytes:
    found = _find(data, *kinds)
    if found is None:
        raise ValueError(f'its table of pictures has no {kinds[-1].decode()}')
    return found


def _scale(header: bytes) -> int:
    """Ticks a second, of `mvhd` or `mdhd`."""
    (scale,) = struct.unpack_from('>I', header, 20 if header[0] == 1 else 12)
    if not scale:
        raise ValueError('its clock has no ticks')
    return int(scale)


def _shown(track: bytes, movie_scale: int) -> NDArray[np.float64]:
    """Times of presentation of a track, after its edit list."""
    scale = _scale(_only(track, b'mdia', b'mdhd'))
    table = _only(track, b'mdia', b'minf', b'stbl')
    steps = _runs(_only(table, b'stts'), '>u4')
    ticks = np.concatenate([[0], np.cumsum(steps)[:-1]]) if len(steps) else steps
    later = _find(table, b'ctts')
    if later is not None:
        offsets = _runs(later, '>i4')
        if len(offsets) != len(ticks):
            raise ValueError(f'its tables tell of {len(ticks)} and of {len(offsets)} pictures')
        ticks = ticks + offsets
    ticks = np.sort(ticks)
    edits = _find(track, b'edts', b'elst')
    if edits is None:
        return ticks / scale
    begin_s, parts, shown = 0.0, [], 0
    for duration, media in _edits(edits):
        length_s = duration / movie_scale
        if media >= 0:
            end = media + length_s * scale if duration else np.inf
            part = ticks[(ticks >= media) & (ticks < end)]
            shown += len(part)
            if shown > MOST_PICTURES:
                raise ValueError(f'its edit list shows more than {MOST_PICTURES} pictures')
            parts.append(begin_s + (part - media) / scale)
        begin_s += length_s
    return np.sort(np.concatenate(parts)) if parts else np.empty(0)


def _runs(box: bytes, values: str) -> NDArray[np.int64]:
    """A table of (count, value), as one value a picture."""
    (rows,) = struct.unpack_from('>I', box, 4)
    if len(box) < 8 + 8 * rows:
        raise ValueError('its table of pictures is cut off')
    counts = np.frombuffer(box, '>u4', 2 * rows, 8)[0::2].astype(np.int64)
    if counts.sum() > MOST_PICTURES:
        raise ValueError(f'its table tells of {counts.sum()} pictures')
    return np.repeat(np.frombuffer(box, values, 2 * rows, 8)[1::2].astype(np.int64), counts)


def _edits(box: bytes) -> Iterator[tuple[int, int]]:
    """(duration, first tick or -1 for nothing shown) of each entry of an edit list."""
    (rows,) = struct.unpack_from('>I', box, 4)
    form = '>QqI' if box[0] == 1 else '>IiI'
    if rows > _MOST_EDITS:
        raise ValueError(f'its edit list has {rows} entries')
    for i in range(min(rows, len(box) // struct.calcsize(form))):
        duration, media, _ = struct.unpack_from(form, box, 8 + i * struct.calcsize(form))
        yield duration, media
