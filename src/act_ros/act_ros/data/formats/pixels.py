# SPDX-License-Identifier: Apache-2.0
"""What bytes that a file holds are as a picture: a JPEG, a PNG, one with colours, one that is whole."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

JPEG, PNG = b'\xff\xd8\xff', b'\x89PNG\r\n\x1a\n'
"""What they begin with."""
_ENDS = {JPEG: b'\xff\xd9', PNG: b'IEND\xaeB`\x82'}
_DEEP = 16
_DEPTH, _KIND = 24, 25
"""Where a PNG says how many bits a value has, and what values a pixel has."""
_GREY = (0, 4)
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


def decode(row: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The picture of a JPEG or PNG (bytes,), (H, W, 3) in the order it was encoded from.

    None where it is neither or is cut off: cv2 would fill the rest with grey and say nothing.
    """
    data = row.tobytes()
    kind = signature(data)
    if kind is None or not data.rstrip(b'\0').endswith(_ENDS[kind]):
        return None
    try:
        image = cv2.imdecode(row, cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if image is None else np.asarray(image, np.uint8)
