# SPDX-License-Identifier: Apache-2.0
"""The world is set up anew while the policy runs: nothing that shows the old one leads the arms in the new one."""

from __future__ import annotations

import pytest
from fakes import FakeWorker
from policy_clients import running

from act_ros.nodes.shared.times import seconds


class Late(FakeWorker):
    """Keeps its answers back while it is told to."""

    def __init__(self, folder):
        super().__init__(folder)
        self.late = False

    def poll(self):
        return None if self.late else super().poll()


def started(ros, policy):
    """A node at work, and its worker."""
    node = running(ros, policy(worker=Late))
    ros.wait_until(lambda: node.node.loop.statistics.chunks > 20)
    return node, node.worker


def now_s(robot):
    return seconds(robot.node.get_clock().now().to_msg())


def old_pictures(worker, since_s):
    """What the policy was given of the new world's joints with a picture of the old world."""
    return [
        seen
        for _, seen in worker.seen
        if seen.stamp_s >= since_s > seen.image_stamps_s['cam_high']
    ]


@pytest.mark.parametrize('inference', ['async', 'sync'])
def test_the_policy_is_not_asked_until_every_camera_shows_the_new_world(
    ros, robot, policy, inference
):
    node, worker = started(ros, policy)
    node.node.loop.mode.ask(inference)
    robot.images_on = False
    still = len(worker.seen) + 5
    ros.wait_until(lambda: len(worker.seen) > still)  # the last picture, with newer joints
    since_s = now_s(robot)
    node.node.loop.new_world(since_s)
    ros.wait_until(lambda: node.state == 'HOLDING' and 'from cam_high yet' in node.reason)
    worker.seen.clear()
    robot.images_on = True
    running(ros, node)
    ros.wait_until(lambda: len(worker.seen) > 20)
    assert not old_pictures(worker, since_s)


def test_an_answer_to_an_old_picture_with_the_new_joints_is_void(ros, robot, policy):
    node, worker = started(ros, policy)
    loop = node.node.loop
    robot.images_on, worker.late = False, True
    since_s = now_s(robot)
    ros.wait_until(lambda: len(old_pictures(worker, since_s)) > 5)
    loop.new_world(since_s)  # heard of later than the joints are
    ros.wait_until(lambda: node.state == 'HOLDING')
    chunks, pending = loop.statistics.chunks, len(worker._chunks)
    assert pending > 5
    worker.late = False
    ros.wait_until(lambda: not worker._chunks)
    ticks = loop.statistics.ticks
    ros.wait_until(lambda: loop.statistics.ticks > ticks + 2)
    assert (loop.statistics.chunks, node.state) == (chunks, 'HOLDING')
    robot.images_on = True
    running(ros, node)
    assert loop.statistics.chunks > chunks
