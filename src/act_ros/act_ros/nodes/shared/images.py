# SPDX-License-Identifier: Apache-2.0
"""Images as RGB arrays: by cv_bridge where it is installed, by NumPy where it isn't, with the same result."""

from __future__ import annotations

from typing import Any

from rclpy.logging import get_logger
from sensor_msgs.msg import Image

from act_ros.robot.image import YUV, ImageError, to_pixels, to_rgb
from act_ros.robot.types import Frame
from act_ros.text import printable


def _load_bridge() -> Any:
    """A CvBridge, or None."""
    try:
        from cv_bridge import CvBridge
    except ModuleNotFoundError:
        return None
    except Exception as error:  # built for another NumPy or OpenCV than are here
        get_logger('act').warning(
            f'images are read without cv_bridge, which is broken: {printable(error)}'
        )
        return None
    return CvBridge()


_bridge = _load_bridge()


def rgb(msg: Image) -> Frame:
    """The picture of a message, (height, width, 3) in RGB; not to be written into.

    Raises:
        ImageError: the encoding isn't read here, or the data don't fit the size.
    """
    # Checked in any case: cv_bridge would read a wrong step as another picture.
    pixels = to_pixels(msg.data, msg.height, msg.width, msg.encoding, msg.step)
    # What the bridge takes amiss: rows padded by a part of a pixel, the last row without its padding,
    # and (with NumPy 2) the byte order, which single bytes don't have.
    whole = msg.step % pixels.shape[2] == 0 and len(msg.data) >= msg.step * msg.height
    # Nor does each of its versions know each name of YUV.
    if _bridge is None or not whole or msg.is_bigendian or msg.encoding in YUV:
        return to_rgb(pixels, msg.encoding)
    wanted = 'passthrough' if msg.encoding == 'rgb8' else 'rgb8'  # the first doesn't copy
    try:
        frame: Frame = _bridge.imgmsg_to_cv2(msg, wanted)
    except Exception as error:  # a driver's message must not end the node
        raise ImageError(f'cv_bridge cannot read an image of {msg.encoding}: {error}') from error
    return frame
