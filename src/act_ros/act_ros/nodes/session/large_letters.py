# SPDX-License-Identifier: Apache-2.0
"""Words in letters several lines high, for a terminal that is looked at from some way off."""

from __future__ import annotations

import cv2
import numpy as np

_FONT, _SCALE, _THICK, _HEIGHT = cv2.FONT_HERSHEY_SIMPLEX, 2.0, 4, 80
_BLOCKS = np.array([' ', '▄', '▀', '█'])
"""By upper * 2 + lower pixel of a character's cell."""


def large_letters(text: str, columns: int) -> list[str]:
    """The lines of `text`, as wide as fits into `columns`, at most 16 lines high."""
    (width, _), _ = cv2.getTextSize(text, _FONT, _SCALE, _THICK)
    picture = np.zeros((_HEIGHT, max(1, width)), np.uint8)
    cv2.putText(picture, text, (0, 60), _FONT, _SCALE, 255, _THICK, cv2.LINE_AA)
    factor = min(columns / picture.shape[1], 32 / _HEIGHT)
    size = max(1, int(picture.shape[1] * factor)), max(2, int(_HEIGHT * factor) // 2 * 2)
    pixels = (cv2.resize(picture, size, interpolation=cv2.INTER_AREA) > 90).astype(int)
    cells = _BLOCKS[pixels[::2] * 2 + pixels[1::2]]
    return [''.join(row).rstrip() for row in cells]
