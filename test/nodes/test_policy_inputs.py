# SPDX-License-Identifier: Apache-2.0
"""The policy node whose cameras or joint states are missing, odd, old, or of two minds."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from act_msgs.msg import PolicyState
from fakes import SPEC
from policy_clients import enable, keep, running
from sensor_msgs.msg import Image, JointState

from act_ros.nodes.shared.topics import LATCHED


def test_a_missing_camera_is_waited_for_by_its_topic(ros, robot, policy):
    robot.images_on = False
    states = keep(ros, PolicyState, '/act/policy_state', LATCHED)
    policy()
    topic = '/cam_high/camera/color/image_rect_raw'
    ros.wait_until(lambda: states and states[-1].state == PolicyState.WAITING)
    assert states[-1].missing == topic
    assert 'nothing usable from cam_high yet' in states[-1].reason
    robot.images_on = True
    ros.wait_until(lambda: states[-1].state == PolicyState.RUNNING)
    ros.wait_until(robot.count)


def test_the_policy_is_not_asked_about_a_picture_that_is_too_old(ros, robot, policy):
    node = running(ros, policy(max_image_age_s=0.2))
    robot.images_on = False
    ros.wait_until(lambda: node.state == 'HOLDING')
    asked, ticks = len(node.worker.seen), node.node.loop.statistics.ticks
    ros.wait_until(lambda: node.node.loop.statistics.ticks > ticks + 20)
    assert len(node.worker.seen) == asked
    robot.images_on = True
    running(ros, node)
    assert len(node.worker.seen) > asked


def test_images_of_an_encoding_that_is_not_read_are_said_and_nothing_moves(ros, robot, policy):
    robot.encoding = 'bayer_rggb8'
    node = policy()
    ros.wait_until(lambda: node.state == 'WAITING')
    ros.wait_until(lambda: "encoding 'bayer_rggb8' is not read" in node.reason)
    assert robot.count() == 0


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        ({'width': 96, 'step': 288}, 'image of 96x96 does not have the aspect ratio of 64x48'),
        ({'step': 100}, 'step is 100 bytes, but 128 pixels of rgb8 need at least 384'),
        ({'step': 500}, 'bytes of data, but 96 rows of step 500 need'),
        ({'height': 0}, 'image of 0 rows'),
    ],
)
def test_an_image_of_another_size_or_step_is_said_and_nothing_moves(
    ros, robot, policy, change, reason
):
    robot.image_changes = change
    node = policy()
    ros.wait_until(lambda: reason in node.reason)
    assert robot.count() == 0


def test_an_image_of_the_same_shape_but_larger_with_padded_rows_is_used(ros, robot, policy):
    robot.image_changes = {'height': 192, 'width': 256, 'step': 800, 'data': bytes(192 * 800)}
    node = running(ros, policy())
    assert node.worker.seen[-1][1].images['cam_high'].shape == (48, 64, 3)


def test_a_missing_joint_is_named_and_nothing_moves(ros, robot, policy):
    robot.names.remove('elbow')
    node = policy()
    ros.wait_until(lambda: '/follower_left/joint_states: no joint elbow' in node.reason)
    assert node.state == 'IDLE'  # it can't even be enabled
    assert robot.count() == 0


def test_a_permuted_joint_order_makes_no_difference(ros, robot, policy):
    robot.qpos = np.arange(14) / 20.0
    robot.names.reverse()
    node = running(ros, policy())
    _, seen = node.worker.seen[-1]
    np.testing.assert_allclose(seen.qpos, robot.qpos, atol=1e-6)


@pytest.mark.parametrize('source', ['/follower_right/joint_states', 'camera'])
def test_a_second_publisher_of_an_input_is_a_fault_until_a_person_enables(
    ros, robot, policy, source
):
    node = running(ros, policy())
    ros.wait_until(lambda: robot.count() > 50)
    rival = ros.node('joint_state_publisher')
    camera = source == 'camera'
    topic = f'/{SPEC.cameras["cam_high"].topic}' if camera else source
    publisher = rival.create_publisher(Image if camera else JointState, topic, 10)
    ros.wait_until(lambda: node.state == 'HOLDING')
    assert f'{topic} has 2 publishers' in node.reason and '/joint_state_publisher' in node.reason
    ros.wait_until(lambda: node.state == 'FAULT')
    assert f'{topic} has 2 publishers' in node.reason and 'then enable' in node.reason
    rival.destroy_publisher(publisher)
    source = node.node.observer.cameras['cam_high'] if camera else node.node.observer.joints
    ros.wait_until(lambda: not source.contested)
    ticks = node.node.loop.statistics.ticks
    ros.wait_until(lambda: node.node.loop.statistics.ticks > ticks + 20)
    assert node.state == 'FAULT'
    assert enable(ros).success
    running(ros, node)


def test_a_second_publisher_that_is_gone_at_once_is_only_a_hold(ros, robot, policy, monkeypatch):
    node = running(ros, policy())
    camera = node.node.observer.cameras['cam_high']
    # In the place of what looks twice a second, and would find none.
    seen = SimpleNamespace(found={'': 'of two minds'}, lasting={}, heard=lambda *_: None)
    monkeypatch.setattr(camera, '_rivals', seen)
    ros.wait_until(lambda: node.state == 'HOLDING' and 'of two minds' in node.reason)
    seen.found = {}
    running(ros, node)


def test_before_anything_is_commanded_a_second_publisher_is_waited_for(ros, robot, policy):
    robot.images_on = False
    node = policy()
    camera = node.node.observer.cameras['cam_high']
    rival = ros.node('bag')
    publisher = rival.create_publisher(Image, camera.topic, 10)
    ros.wait_until(lambda: camera.rivals)
    robot.images_on = True
    ros.wait_until(lambda: node.state == 'WAITING' and '2 publishers' in node.reason)
    rival.destroy_publisher(publisher)
    running(ros, node)


def test_a_camera_that_repeats_its_picture_with_new_stamps_holds_the_arms(ros, robot, policy):
    node = running(ros, policy())
    ros.wait_until(lambda: robot.count() > 50)
    robot.frozen = True
    ros.wait_until(lambda: node.state == 'HOLDING' and 'has sent the same picture' in node.reason)
    robot.frozen = False
    ros.wait_until(lambda: node.state == 'RUNNING')


def test_poses_that_no_arm_can_reach_are_left_out_and_hold_the_arms_if_they_go_on(
    ros, robot, policy
):
    node = running(ros, policy())
    ros.wait_until(lambda: robot.count() > 50)
    robot.torn = True
    ros.wait_until(lambda: node.state == 'HOLDING' and 'waist jumped by up to 1.' in node.reason)
    robot.torn = False
    ros.wait_until(lambda: node.state == 'RUNNING')
    assert all(abs(seen.qpos[0]) < 0.9 for _, seen in node.worker.seen)


@pytest.mark.parametrize('lost', ['joints_on', 'images_on'])
def test_inputs_that_stop_hold_the_last_command_and_resume(ros, robot, policy, lost):
    node = running(ros, policy(max_joint_age_s=0.5, max_image_age_s=0.5))
    ros.wait_until(lambda: robot.count() > 50)
    setattr(robot, lost, False)
    ros.wait_until(lambda: node.state == 'HOLDING')
    assert 'old' in node.reason
    held = node.node.loop.runtime.command
    count = robot.count()
    ros.wait_until(lambda: robot.count() > count + 10)
    assert robot.last()[0] == pytest.approx(held[:6].tolist())
    setattr(robot, lost, True)
    running(ros, node)
