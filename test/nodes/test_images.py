# SPDX-License-Identifier: Apache-2.0
"""Images read by cv_bridge and without it: the same picture, and the same refusals."""

from __future__ import annotations

from array import array

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import Image

from act_ros.nodes.shared import images
from act_ros.robot.image import CHANNELS, YUV, ImageError, to_pixels, to_rgb


class Bridge:
    """Reads as cv_bridge's imgmsg_to_cv2 does, and fails where that fails; its colours are OpenCV's."""

    def __init__(self) -> None:
        self.count = 0

    def imgmsg_to_cv2(self, msg: Image, encoding: str) -> np.ndarray:
        self.count += 1
        assert encoding == ('passthrough' if msg.encoding == 'rgb8' else 'rgb8')
        assert not msg.is_bigendian
        channels = CHANNELS[msg.encoding]
        shape = (msg.height, msg.step // channels, channels)
        pixels = np.ascontiguousarray(np.ndarray(shape, np.uint8, msg.data)[:, : msg.width])
        code = {'bgr8': 'BGR', 'rgba8': 'RGBA', 'bgra8': 'BGRA', 'mono8': 'GRAY'}
        if msg.encoding == 'rgb8':
            return pixels
        return cv2.cvtColor(pixels, getattr(cv2, f'COLOR_{code[msg.encoding]}2RGB'))


@pytest.fixture(params=['like it', 'itself'])
def bridge(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> object:
    if request.param == 'itself':
        made = pytest.importorskip('cv_bridge').CvBridge()
    else:
        made = Bridge()
    monkeypatch.setattr(images, '_bridge', made)
    return made


def image(encoding: str, padding: int = 0, cut: int = 0, big: bool = False) -> Image:
    height, width = 5, 8 if encoding in YUV else 7
    step = width * CHANNELS[encoding] + padding
    data = np.random.default_rng(1).integers(0, 256, height * step, np.uint8).tobytes()
    msg = Image(height=height, width=width, encoding=encoding, step=step, is_bigendian=int(big))
    msg.data = array('B', data[: len(data) - cut])
    return msg


@pytest.mark.parametrize('encoding', CHANNELS)
@pytest.mark.parametrize('padding', [0, 1, 12])
def test_both_ways_give_the_same_picture(bridge: object, encoding: str, padding: int) -> None:
    for cut, big in ((0, False), (padding, False), (0, True)):
        msg = image(encoding, padding, cut, big)
        want = to_rgb(to_pixels(msg.data, 5, msg.width, encoding, msg.step), encoding)
        np.testing.assert_array_equal(images.rgb(msg), want)
    if isinstance(bridge, Bridge):
        assert bridge.count > 0 or padding == 1 or encoding in YUV


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'step': 3}, 'step is 3 bytes'),
        ({'encoding': '16UC1'}, "encoding '16UC1' is not read"),
        ({'height': 50}, '105 bytes of data, but 50 rows'),
    ],
)
def test_what_does_not_fit_is_refused_before_the_bridge_sees_it(
    bridge: object, change: dict[str, object], message: str
) -> None:
    msg = image('rgb8')
    for name, value in change.items():
        setattr(msg, name, value)
    with pytest.raises(ImageError, match=message):
        images.rgb(msg)


def test_a_message_that_the_bridge_fails_on_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, '_bridge', object())
    with pytest.raises(ImageError, match='cv_bridge cannot read an image of bgr8'):
        images.rgb(image('bgr8'))
