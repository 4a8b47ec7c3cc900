# SPDX-License-Identifier: Apache-2.0
"""Images: from the fields of a `sensor_msgs/Image` to RGB arrays, and to the size a policy wants.

Imports OpenCV only where it works: an inference process, which is to be live soon, is given pictures of its own size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from act_ros.robot.types import Frame
from act_ros.text import PrintableError

YUV = {
    'yuv422': 'COLOR_YUV2RGB_UYVY',
    'uyvy': 'COLOR_YUV2RGB_UYVY',
    'yuv422_yuy2': 'COLOR_YUV2RGB_YUY2',
    'yuyv': 'COLOR_YUV2RGB_YUY2',
}
"""What webcams give: four bytes for two pixels, by name with that of OpenCV's conversion, which cv_bridge takes, too."""

CHANNELS = {'rgb8': 3, 'bgr8': 3, 'rgba8': 4, 'bgra8': 4, 'mono8': 1, **dict.fromkeys(YUV, 2)}
"""Encodings that are read, with their bytes per pixel (sensor_msgs/image_encodings.hpp)."""


class ImageError(PrintableError, ValueError):
    """An image that cannot be used; the message says what came and what was expected."""


def to_pixels(
    data: bytes | bytearray | memoryview | NDArray[np.uint8],
    height: int,
    width: int,
    encoding: str,
    step: int,
) -> NDArray[np.uint8]:
    """View the fields of a `sensor_msgs/Image` as an array (height, width, channels), without a copy.

    Rows may be padded (`step` larger than the pixels need).

    Raises:
        ImageError: the encoding isn't read here, or `data` and `step` don't fit the size.
    """
    channels = CHANNELS.get(encoding)
    if channels is None:
        raise ImageError(
            f"encoding '{encoding}' is not read; publish one of {', '.join(CHANNELS)}"
        )
    if height <= 0 or width <= 0:
        raise ImageError(
            f'image of {height} rows and {width} columns; expected at least one of each'
        )
    if encoding in YUV and width % 2:
        raise ImageError(f'image of {width} columns; {encoding} has pixels in pairs')
    if step < width * channels:
        raise ImageError(
            f'step is {step} bytes, but {width} pixels of {encoding} need at least {width * channels}'
        )
    flat = np.frombuffer(data, dtype=np.uint8)
    # The last row may come without its padding, as some drivers send it.
    needed = (height - 1) * step + width * channels
    if flat.size < needed:
        raise ImageError(
            f'{flat.size} bytes of data, but {height} rows of step {step} need {needed}'
        )
    return np.lib.stride_tricks.as_strided(
        flat, (height, width, channels), (step, channels, 1), writeable=False
    )


def to_rgb(pixels: NDArray[np.uint8], encoding: str) -> Frame:
    """Turn what `to_pixels` gives into RGB (height, width, 3); `rgb8` comes back as it is, without a copy."""
    if encoding == 'rgb8':
        return pixels
    if encoding in YUV:
        import cv2

        conversion = getattr(cv2, YUV[encoding])
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), conversion), np.uint8)
    if encoding == 'mono8':
        return np.repeat(pixels, 3, axis=2)
    order = [0, 1, 2] if encoding.startswith('rgb') else [2, 1, 0]
    return np.ascontiguousarray(pixels[:, :, order])


def resize(image: Frame, height: int, width: int) -> Frame:
    """Bring an image (h, w, 3) to a policy's size by area averaging; the same array if it has it already.

    The one resize of the suite: training, evaluation and the nodes all call it, so that a policy sees
    on the robot what it saw in training.

    Raises:
        ImageError: the aspect ratio differs by more than one percent: the picture would be distorted.
    """
    have_h, have_w = image.shape[:2]
    if (have_h, have_w) == (height, width):
        return image
    if abs(have_w * height - have_h * width) > 0.01 * have_h * width:
        raise ImageError(
            f'image of {have_w}x{have_h} does not have the aspect ratio of {width}x{height}, which the policy '
            f'was trained on; set the camera to that ratio'
        )
    import cv2

    return np.asarray(
        cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8
    )
