# SPDX-License-Identifier: Apache-2.0
"""Joint states as a 14-vector: by name, or with a reason."""

from __future__ import annotations

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import JointState

from act_ros.nodes.shared.joint_state import JointStateNode
from act_ros.robot.spec import RobotSpec

SPEC = RobotSpec.load()
NAMES = [*SPEC.joints, 'gripper', 'left_finger', 'right_finger']
NOW = 1000.0


@pytest.fixture
def joints(ros):
    return ros.add(JointStateNode(SPEC, lambda: NOW, context=ros.context, namespace='/act'))


def state(value, stamp=NOW, names=NAMES):
    msg = JointState(name=names, position=[value] * len(names))
    msg.header.stamp = Time(sec=int(stamp), nanosec=round(stamp % 1 * 1e9))
    return msg


def publishers(ros, joints):
    driver = ros.node('driver')
    made = [driver.create_publisher(JointState, topic, 10) for topic in joints.topics.values()]
    ros.wait_until(lambda: all(publisher.get_subscription_count() for publisher in made))
    return made


def test_both_arms_make_one_vector_with_the_older_stamp(ros, joints):
    left, right = publishers(ros, joints)
    left.publish(state(0.25, NOW - 0.02))
    ros.wait_until(lambda: joints.note == 'silent: /follower_right/joint_states')
    assert joints.newest is None
    right.publish(state(0.5, NOW - 0.01))
    sample = ros.wait_until(lambda: joints.newest)
    assert sample.stamp_s == pytest.approx(NOW - 0.02)
    np.testing.assert_allclose(sample.qpos[[0, 7]], [0.25, 0.5])
    assert joints.note == ''


def test_a_state_that_cannot_be_used_is_dropped_and_the_one_before_kept(ros, joints):
    left, right = publishers(ros, joints)
    left.publish(state(0.25))
    right.publish(state(0.5))
    ros.wait_until(lambda: joints.newest)
    left.publish(state(float('nan')))
    ros.wait_until(lambda: '/follower_left/joint_states: position of waist' in joints.note)
    assert joints.newest.qpos[0] == np.float32(0.25)


def test_a_stamp_ahead_of_our_clock_is_refused(ros, joints):
    left, _ = publishers(ros, joints)
    left.publish(state(0.25, NOW + 3))
    ros.wait_until(lambda: 'stamp is 3.00 s ahead of our clock' in joints.note)
    assert joints.newest is None
