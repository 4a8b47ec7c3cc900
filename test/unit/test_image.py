# SPDX-License-Identifier: Apache-2.0
"""Images as they come over ROS against a slow reference, byte by byte."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_ros.robot.image import CHANNELS, YUV, ImageError, resize, to_pixels, to_rgb


def read(data, height, width, encoding, step):
    return to_rgb(to_pixels(data, height, width, encoding, step), encoding)


def reference(data, height, width, encoding, step):
    """One pixel after the other, from the definition of sensor_msgs/Image."""
    n = CHANNELS[encoding]
    out = np.zeros((height, width, 3), dtype=np.uint8)
    for row in range(height):
        for column in range(width):
            at = row * step + column * n
            pixel = list(data[at : at + n])
            if encoding == 'mono8':
                pixel = pixel * 3
            elif encoding.startswith('bgr'):
                pixel[0], pixel[2] = pixel[2], pixel[0]
            out[row, column] = pixel[:3]
    return out


@st.composite
def images(draw):
    encoding = draw(st.sampled_from(sorted(set(CHANNELS) - set(YUV))))
    height, width = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    step = width * CHANNELS[encoding] + draw(st.integers(0, 5))
    size = (height - 1) * step + width * CHANNELS[encoding]
    size = draw(st.sampled_from([size, height * step, height * step + 3]))  # tail padded or not
    return draw(st.binary(min_size=size, max_size=size)), height, width, encoding, step


@settings(max_examples=80)
@given(images())
def test_every_encoding_and_any_padding_reads_as_the_definition_says(image):
    np.testing.assert_array_equal(read(*image), reference(*image))


@settings(max_examples=50)
@given(images(), st.integers(1, 50))
def test_data_that_is_too_short_is_refused_and_never_read_past_its_end(image, cut):
    data, height, width, encoding, step = image
    needed = (height - 1) * step + width * CHANNELS[encoding]
    short = data[: max(0, needed - cut)]
    with pytest.raises(ImageError, match=f'{len(short)} bytes of data, but .* need {needed}'):
        read(short, height, width, encoding, step)


def test_an_unknown_encoding_is_named_with_those_that_are_read():
    with pytest.raises(ImageError, match="encoding '8UC3' is not read; publish one of rgb8"):
        read(b'', 1, 1, '8UC3', 3)


@pytest.mark.parametrize('encoding', YUV)
@pytest.mark.parametrize('padding', [0, 3])
def test_what_webcams_send_reads_as_bt_601_says(encoding, padding):
    height, width = 3, 4
    rows = np.random.default_rng(2).integers(0, 256, (height, 2 * width + padding), np.uint8)
    pairs = rows[:, : 2 * width].reshape(height, width // 2, 4).astype(float)
    pairs = pairs[..., [1, 0, 3, 2]] if encoding in ('yuv422', 'uyvy') else pairs  # to Y U Y V
    luma = 1.164 * np.maximum(pairs[..., ::2].reshape(height, width) - 16, 0)  # 16 is black
    u, v = (np.repeat(pairs[..., at] - 128, 2, axis=1) for at in (1, 3))
    want = np.stack([luma + 1.596 * v, luma - 0.813 * v - 0.392 * u, luma + 2.017 * u], axis=2)
    got = read(rows.tobytes(), height, width, encoding, rows.shape[1])
    assert got.shape == (height, width, 3) and got.dtype == np.uint8
    assert np.abs(got - np.clip(want, 0, 255)).max() < 2


def test_a_pixel_that_has_no_other_half_is_refused():
    with pytest.raises(ImageError, match='image of 3 columns; yuv422_yuy2 has pixels in pairs'):
        read(bytes(6), 1, 3, 'yuv422_yuy2', 6)


def test_a_step_shorter_than_a_row_is_refused():
    with pytest.raises(ImageError, match='step is 5 bytes, but 2 pixels of rgb8 need at least 6'):
        read(bytes(10), 1, 2, 'rgb8', 5)


@pytest.mark.parametrize(('height', 'width'), [(0, 4), (4, 0)])
def test_an_empty_image_is_refused(height, width):
    with pytest.raises(ImageError, match='at least one of each'):
        read(b'', height, width, 'rgb8', 12)


def test_rgb_is_not_copied():
    data = bytearray(range(24))
    picture = read(data, 2, 4, 'rgb8', 12)
    data[0] = 200
    assert picture[0, 0, 0] == 200


def test_resize_averages_areas():
    image = np.zeros((4, 4, 3), dtype=np.uint8)
    image[:2, :2] = 100
    image[0, 0] = 60
    np.testing.assert_array_equal(resize(image, 2, 2)[0, 0], [90, 90, 90])


def test_the_right_size_is_left_alone():
    image = np.zeros((4, 6, 3), dtype=np.uint8)
    assert resize(image, 4, 6) is image


def test_a_picture_is_never_distorted():
    with pytest.raises(ImageError, match='1280x720 does not have the aspect ratio of 640x480'):
        resize(np.zeros((720, 1280, 3), dtype=np.uint8), 480, 640)
