# SPDX-License-Identifier: Apache-2.0
"""What bytes that a file holds are as a picture: a JPEG, a PNG, one with colours, one that is whole."""

from __future__ import annotations

import struct

import cv2
import numpy as np
from numpy.typing import NDArray

from act_ros.data.formats.caps import too_many_pixels

JPEG, PNG = b'\xff\xd8\xff', b'\x89PNG\r\n\x1a\n'
"""What they begin with."""
_ENDS = {JPEG: b'\xff\xd9', PNG: b'IEND\xaeB`\x82'}
_DEEP = 16
_DEPTH, _KIND = 24, 25
"""Where a PNG says how many bits a value has, and what values a pixel has."""
_GREY = (0, 4)
_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a JPEG after which its size stands: all kinds of frames."""
_PICTURE = (0xD9, 0xDA)
"""Its end, and where its picture begins."""
LEAST_BYTES = 64
"""No JPEG or PNG is shorter."""


def signature(data: bytes) -> bytes | None:
    """`JPEG` or `PNG` where that is what the bytes begin as."""
    return next((begin for begin in _ENDS if data.startswith(begin)), None)


def depth_png(data: bytes) -> str | None:
    """Why a picture shows distances rather than colours, for people; None for all others.

    cv2 would shift 16 bits to 8, which turns millimetres into black, and say nothing.
    """
    if not data.startswith(PNG) or len(data) <= _KIND:
        return None
    if data[_DEPTH] == _DEEP and data[_KIND] in _GREY:
        return 'PNGs of 16 bits and one channel: depth'
    return None


def is_grey_png(data: bytes) -> bool:
    """Whether it is a PNG without colours."""
    return data.startswith(PNG) and len(data) > _KIND and data[_KIND] in _GREY


def names_depth(camera: str) -> bool:
    """Whether a camera is called one of depth."""
    return 'depth' in camera.lower()


def size_of(data: bytes) -> tuple[int, int] | None:
    """(width, height) that a JPEG or PNG says it has; None where it is neither, or doesn't say."""
    if data.startswith(PNG):
        if len(data) < _DEPTH:
            return None
        width, height = struct.unpack_from('>II', data, 16)
        return width, height
    return _jpeg_size(data) if data.startswith(JPEG) else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Of the marker that begins a frame; the marker segments before it are passed over by their length."""
    at = 2
    while (at := data.find(b'\xff', at)) >= 0 and at + 9 <= len(data):
        kind = data[at + 1]
        if kind in _FRAME:
            height, width = struct.unpack_from('>HH', data, at + 5)
            return width, height
        if kind in (0x00, 0x01, 0xFF) or 0xD0 <= kind <= 0xD8:  # filling, or a marker alone
            at += 1 if kind == 0xFF else 2
        elif kind in _PICTURE:
            return None
        else:
            at += 2 + struct.unpack_from('>H', data, at + 2)[0]
    return None


def not_to_decode(data: bytes) -> str | None:
    """Why the bytes of a picture are not decoded, for people; None: they may be.

    A JPEG of some bytes can say that it is 65535 wide and high, and its decoder takes memory for that.
    """
    size = size_of(data)
    return too_many_pixels(*size) if size else 'is no whole JPEG or PNG'


def decode(row: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The picture of a JPEG or PNG (bytes,), (H, W, 3) in the order it was encoded from.

    None where it is neither, is larger than any, or is cut off: cv2 would fill the rest with grey and say
    nothing.
    """
    data = row.tobytes()
    kind, size = signature(data), size_of(data)
    if kind is None or size is None or too_many_pixels(*size):
        return None
    if not data.rstrip(b'\0').endswith(_ENDS[kind]):
        return None
    try:
        image = cv2.imdecode(row, cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if image is None else np.asarray(image, np.uint8)
