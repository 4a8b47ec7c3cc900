# SPDX-License-Identifier: Apache-2.0
"""`guard`: followers that were moved go to rest once what leads them has ended, however it did; no leaders are there."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import socket
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest
from act_msgs.msg import Command
from fakes import SPEC, FakeRobot
from interbotix_xs_msgs.msg import JointGroupCommand
from processes import Running
from std_srvs.srv import Trigger

from act_ros.nodes.process.node_lock import alive, answers, node_lock_address
from act_ros.nodes.sim.driver import SimDriver

LEFT, RIGHT = (arm.follower for arm in SPEC.arms)
JOINTS = {arm.follower: SPEC.arm_slice(index) for index, arm in enumerate(SPEC.arms)}


class Obedient(FakeRobot):
    """Followers that are where they are told to be."""

    def __init__(self, node):
        self.ticks = []
        node.create_subscription(Command, '/act/command', self.ticks.append, 100)
        super().__init__(node, cameras=())

    def _keep(self, key, msg):
        super()._keep(key, msg)
        if key[1] == 'joint_group':
            self.qpos[JOINTS[key[0]]] = msg.cmd

    def told(self, arm):
        """Commands to an arm so far, (n, 6)."""
        return np.array([values for _, values in self.commands[arm, 'joint_group']])

    def is_at_rest(self, arm):
        np.testing.assert_allclose(self.qpos[JOINTS[arm]], SPEC.rest[JOINTS[arm]], atol=0.01)
        joints = np.array([msg.action for msg in self.ticks])[:, JOINTS[arm]]
        ticks = np.maximum(np.diff([msg.tick for msg in self.ticks]), 1)  # some are lost
        limit = SPEC.velocity[JOINTS[arm]] / SPEC.rate_hz * ticks[:, None]
        assert (np.abs(np.diff(joints, axis=0)) <= limit + 1e-5).all()


@pytest.fixture
def robot(ros, simulation):
    """Two followers with the services of their drivers."""
    made, lock = Obedient(ros.node('robot')), threading.Condition()
    for arm in JOINTS:
        driver = SimDriver(f'/{arm}', arm, simulation, lock, context=ros.context)
        driver.node.destroy_publisher(
            driver._publisher
        )  # it is `made` that tells where the arms are
        ros.add(driver.node)
    yield made
    made.close()


@pytest.fixture
def guard(ros, tmp_path):
    """Start a guard, and wait until it listens."""
    with contextlib.ExitStack() as stack:

        def start(after, **given):
            running = Running('guard', tmp_path / 'guard', after=after, **given)
            stack.enter_context(running)
            ros.wait_until(lambda: alive('/act/guard'), what='the guard')
            return running

        yield start


@pytest.fixture
def replay(tmp_path):
    """A replay that moves the arms at once."""

    def start(ticks):
        actions = np.tile(SPEC.start.astype(np.float32), (ticks, 1))
        actions[:, 0] = np.linspace(0.05, 0.4, ticks)
        path = tmp_path / 'episode_0.hdf5'
        with h5py.File(path, 'w') as file:
            file.attrs['sim'] = False
            file['action'] = actions
            file['observations/qpos'] = file['observations/qvel'] = np.zeros_like(actions)
            file.create_group('observations/images')
        given = {'episode': path, 'enable': True, 'max_age_s': 1.0}
        return Running('replay', tmp_path / 'replay', **given)

    return start


def _command(ros, guard, arm):
    """One pose for an arm, from a node that is gone afterwards."""
    node = ros.node('policy')
    publisher = node.create_publisher(JointGroupCommand, f'/{arm}/commands/joint_group', 1)
    msg = JointGroupCommand(name='arm', cmd=SPEC.start[JOINTS[arm]].tolist())

    def seen():
        publisher.publish(msg)
        return 'the arms are commanded' in guard.output

    ros.wait_until(seen)
    node.destroy_publisher(publisher)


def test_it_outwaits_the_leading_node_then_the_arms_go_to_rest_whatever_is_pressed(
    ros, robot, guard
):
    running = guard('/act/policy')
    pid = running.process.pid
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as claim:
        claim.bind(node_lock_address('/act/policy'))
        _command(ros, running, LEFT)
        os.kill(pid, signal.SIGINT)
        ros.wait_until(lambda: 'waiting for /act/policy to end' in running.output)
        os.kill(pid, signal.SIGINT)
        assert alive('/act/guard') and 'GO SLOWLY' not in running.output
        assert not len(robot.told(RIGHT))
    ros.wait_until(lambda: 'the arms go slowly to the start' in running.output)
    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGTERM)
    (rest,) = Path(f'/proc/{pid}/task/{pid}/children').read_text().split()
    assert os.getsid(int(rest)) != os.getsid(pid)  # the terminal's Ctrl+C is not for it
    assert running.process.wait(100) == 0, running.output
    robot.is_at_rest(LEFT)
    robot.is_at_rest(RIGHT)
    assert 'Traceback' not in running.output


def test_arms_that_were_never_commanded_are_left_where_they_are(robot, guard):
    running = guard('/act/policy')
    assert running.stop() == 0
    assert 'the arms were never commanded' in running.output
    assert not robot.commands


def test_a_leading_node_that_was_killed_is_no_rival(ros, robot, guard, replay):
    running = guard('/act/replay')
    with replay(ticks=20000) as leading:
        ros.wait_until(lambda: ': playing' in leading.output)
        leading.process.kill()
        leading.process.wait()
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(100) == 0, running.output
    robot.is_at_rest(LEFT)
    robot.is_at_rest(RIGHT)


def test_a_replay_that_has_brought_the_arms_to_rest_is_enough(ros, robot, guard, replay):
    running = guard('/act/replay')
    with replay(ticks=40) as leading:
        assert leading.process.wait(100) == 0, leading.output
    told = len(robot.told(LEFT))
    assert running.stop() == 0
    assert 'the arms were led to rest already' in running.output
    assert len(robot.told(LEFT)) == told
    robot.is_at_rest(LEFT)


def test_a_silent_follower_is_left_out_and_keeps_its_torque_until_a_person_lets_it_go(
    ros, robot, guard
):
    robot._joints = {LEFT: robot._joints[LEFT]}
    running = guard('/act/policy')
    _command(ros, running, LEFT)
    running.process.send_signal(signal.SIGTERM)
    ros.wait_until(lambda: 'TAKE HOLD OF THEM' in running.output, 100)
    assert alive('/act/guard')
    assert 'follower_right is silent and was left out' in running.output
    robot.is_at_rest(LEFT)
    assert not len(robot.told(RIGHT))
    running.process.send_signal(signal.SIGTERM)  # is not the word of a person
    assert alive('/act/guard')
    assert ros.call(robot.node, Trigger, '/act/guard/let_go', Trigger.Request()).success
    assert running.process.wait(60) == 1


def test_arms_go_to_rest_though_the_terminal_is_closed(ros, robot, guard):
    """Who writes to it gets an error from then on, and all of its processes SIGHUP."""
    master, slave = pty.openpty()
    running = guard('/act/policy', terminal=slave)
    os.close(slave)
    said = bytearray()
    node = ros.node('policy')
    publisher = node.create_publisher(JointGroupCommand, f'/{LEFT}/commands/joint_group', 1)
    msg = JointGroupCommand(name='arm', cmd=SPEC.start[JOINTS[LEFT]].tolist())

    def seen():
        publisher.publish(msg)
        if select.select([master], [], [], 0)[0]:
            said.extend(os.read(master, 4096))
        return b'the arms are commanded' in said

    ros.wait_until(seen)
    node.destroy_publisher(publisher)
    os.close(master)
    assert running.process.wait(100) == 0
    robot.is_at_rest(LEFT)
    robot.is_at_rest(RIGHT)


def test_a_robot_that_was_stopped_is_not_led_to_rest_before_a_person_says_so(ros, robot, guard):
    running = guard('/act/policy')
    _command(ros, running, LEFT)
    ask = Trigger.Request()
    assert ros.call(robot.node, Trigger, '/act/guard/stop', ask).success
    told = len(robot.told(LEFT))
    running.process.send_signal(signal.SIGINT)
    ros.wait_until(lambda: 'TAKE HOLD OF THEM' in running.output)
    assert 'the robot was stopped by' in running.output and len(robot.told(LEFT)) == told
    assert ros.call(robot.node, Trigger, '/act/guard/stop_reset', ask).success
    assert ros.call(robot.node, Trigger, '/act/guard/rest', ask).success
    running.process.wait(100)
    robot.is_at_rest(LEFT)


def test_a_leading_node_whose_whole_process_was_stopped_is_named(ros, robot, guard, replay):
    with replay(ticks=20000) as leading:
        ros.wait_until(lambda: answers('/act/replay', 2.0), what='the replay')
        running = guard('/act/replay')
        leading.process.send_signal(signal.SIGSTOP)
        ros.wait_until(lambda: '/act/replay HANGS' in running.output)
        leading.process.send_signal(signal.SIGCONT)
