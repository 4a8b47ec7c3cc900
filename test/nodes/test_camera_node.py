# SPDX-License-Identifier: Apache-2.0
"""The camera node keeps the newest usable frame and says why others are not."""

from __future__ import annotations

from array import array

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import Image

from act_ros.nodes.policy.camera import CameraNode
from act_ros.robot.spec import RobotSpec

CAMERA = RobotSpec.load().cameras['cam_high']
NOW = 1000.0


@pytest.fixture
def camera(ros):
    return ros.add(
        CameraNode(CAMERA, {(48, 64)}, lambda: NOW, context=ros.context, namespace='/cell/act')
    )


def image(value=7, stamp=NOW, encoding='rgb8', height=96, width=128, padding=0, cut=0):
    step = 3 * width + padding
    data = np.full((height, step), value, dtype=np.uint8).tobytes()
    msg = Image(height=height, width=width, encoding=encoding, step=step)
    msg.header.stamp = Time(sec=int(stamp), nanosec=round(stamp % 1 * 1e9))
    msg.data = array('B', data[: len(data) - cut])
    return msg


def test_the_topic_is_in_the_parent_namespace(camera):
    assert camera.topic == '/cell/cam_high/camera/color/image_rect_raw'


def test_a_frame_comes_over_the_topic_in_the_size_asked_for(ros, camera):
    publisher = ros.node('driver').create_publisher(Image, camera.topic, 10)
    ros.wait_until(publisher.get_subscription_count)
    publisher.publish(image(value=9, padding=16))
    newest = ros.wait_until(lambda: camera.newest)
    assert newest.stamp_s == NOW
    assert newest.frames[48, 64].shape == (48, 64, 3)
    assert (newest.frames[48, 64] == 9).all()


def test_a_driver_that_is_best_effort_is_heard_too(ros, camera):
    from rclpy.qos import qos_profile_sensor_data

    driver = ros.node('driver')
    publisher = driver.create_publisher(Image, camera.topic, qos_profile_sensor_data)
    ros.wait_until(publisher.get_subscription_count)

    def seen():
        publisher.publish(image())
        return camera.newest

    ros.wait_until(seen)


@pytest.mark.parametrize(
    ('changes', 'note'),
    [
        ({'encoding': '16UC1'}, "encoding '16UC1' is not read; publish one of rgb8"),
        ({'cut': 600}, 'bytes of data, but 96 rows of step 384 need'),
        ({'height': 72}, '128x72 does not have the aspect ratio of 64x48'),
        ({'stamp': NOW + 5}, 'stamp is 5.00 s ahead of our clock'),
    ],
)
def test_an_image_that_cannot_be_used_is_dropped_with_the_reason(camera, changes, note):
    camera._on_image(image(value=1), {})
    camera._on_image(image(value=2, **changes), {})
    assert note in camera.note
    assert (camera.received, camera.dropped) == (2, 1)
    assert camera.newest.frames[48, 64][0, 0, 0] == 1  # the one before is left


def test_a_good_image_clears_the_reason(camera):
    camera._on_image(image(encoding='16UC1'), {})
    camera._on_image(image(), {})
    assert camera.note == ''


def test_an_image_without_a_stamp_gets_that_of_its_arrival(camera):
    camera._on_image(image(stamp=0.0), {})
    assert camera.newest.stamp_s == NOW


def test_frames_come_in_every_size_that_is_asked_for(camera):
    camera.sizes = frozenset({(48, 64), (24, 32)})
    camera._on_image(image(), {})
    assert {frame.shape for frame in camera.newest.frames.values()} == {(48, 64, 3), (24, 32, 3)}


def test_what_was_seen_before_a_reset_is_forgotten_and_not_taken_again(camera):
    camera._on_image(image(stamp=NOW - 1), {})
    camera.forget(NOW - 0.5)
    assert camera.newest is None
    camera._on_image(image(stamp=NOW - 0.6), {})
    assert camera.newest is None
    camera._on_image(image(stamp=NOW - 0.4), {})
    assert camera.newest is not None
