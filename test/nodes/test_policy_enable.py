# SPDX-License-Identifier: Apache-2.0
"""The policy is enabled, reset, and its clock is set: what goes out then begins where the arms are, or goes on."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest
from fakes import SPEC
from policy_clients import enable, running
from std_srvs.srv import Trigger

STEP = SPEC.velocity[0] / SPEC.rate_hz


def waist(robot, since=0):
    """The left waist of every command since so many."""
    return [values[0] for _, values in robot.commands['follower_left', 'joint_group'][since:]]


def turn(ros, robot, node, angle):
    """Move the arm by hand, and wait until that is seen."""
    robot.qpos[0] = angle
    joints = node.node.observer.joints
    ros.wait_until(lambda: joints.newest is not None and abs(joints.newest.qpos[0] - angle) < 1e-4)


@pytest.mark.parametrize('inference', ['sync', 'async'])
def test_the_first_command_after_a_fault_is_where_the_arm_was_moved_to(
    ros, robot, policy, inference
):
    node = running(ros, policy(inference=inference))
    gate, ticks = node.node.output.gate, node.node.loop.statistics
    for angle in (-0.9, 0.9, -0.9, 0.9):
        gate.block('left_waist has no torque')
        turn(ros, robot, node, angle)
        late = ticks.ticks
        ros.wait_until(lambda late=late: ticks.ticks > late + 3)  # none is on its way any more
        before = len(waist(robot))
        assert enable(ros).success
        ros.wait_until(lambda before=before: len(waist(robot)) > before + 5)
        assert waist(robot, before)[0] == pytest.approx(angle, abs=STEP)


def test_what_was_computed_before_an_enabling_does_not_go_out_after_it(ros, robot, policy):
    node = running(ros, policy())
    output, send = node.node.output, node.node.output.command
    gate = output.gate
    opened, sent = [], []

    def stalled(tick, stamp_s, action, *opening):
        if not opened:  # between its computation and its sending
            gate.block('left_waist has no torque')
            node.node.managed.enable()
            opened.append(True)
            sent.append(send(tick, stamp_s, action, *opening))
            return sent[-1]
        return send(tick, stamp_s, action, *opening)

    output.command = stalled
    ros.wait_until(lambda: sent)
    assert sent == [False]
    before = len(waist(robot))
    ros.wait_until(lambda: len(waist(robot)) > before)


def test_a_stop_while_it_is_asked_who_else_commands_the_arms_refuses_the_enabling(
    ros, robot, policy
):
    node = policy(enable=False)
    gate, rivals = node.node.output.gate, node.node.output.rivals
    rivals.ask = lambda: gate.stop('a test') or ''
    answer = enable(ros)
    assert not answer.success and 'stopped by a test' in answer.message
    assert node.state == 'IDLE'


def lagging(ros, robot, node):
    """Until the command is far from the arm, which stays; then so many were sent."""
    ros.wait_until(lambda: robot.count() > 50 and waist(robot)[-1] > 0.25)
    return len(waist(robot)) - 1


def test_enabling_and_resetting_a_policy_that_runs_make_no_step(ros, robot, policy):
    node = running(ros, policy())
    since = lagging(ros, robot, node)
    assert enable(ros).success
    assert ros.call(ros.node(), Trigger, '/act/policy/reset', Trigger.Request()).success
    chunks = node.node.loop.statistics.chunks
    ros.wait_until(lambda: node.node.loop.statistics.chunks > chunks + 20)
    assert len(waist(robot)) > since + 10
    assert np.abs(np.diff(waist(robot, since))).max() <= 3 * STEP  # depth 1: some are lost


def test_a_clock_that_is_set_makes_no_step(ros, robot, policy):
    node = running(ros, policy())
    since = lagging(ros, robot, node)
    clock = node.node.timebase
    clock._system = lambda: time.time() + 5.0
    ros.wait_until(lambda: node.state == 'HOLDING')
    clock._system = time.time
    running(ros, node)
    ros.wait_until(lambda: len(waist(robot)) > since + 50)
    assert np.abs(np.diff(waist(robot, since))).max() <= 3 * STEP  # depth 1: some are lost


@pytest.mark.parametrize('offset_s', [-50.0, 50.0])
def test_a_fault_outlasts_a_clock_that_is_set(ros, robot, policy, offset_s):
    node = running(ros, policy())
    loop, clock = node.node.loop, node.node.timebase
    with loop.lock:
        loop.runtime.fail('an arm does not follow')
    ros.wait_until(lambda: node.state == 'FAULT')
    for system in (lambda: time.time() + offset_s, time.time):
        clock._system = system
        ticks = loop.statistics.ticks
        ros.wait_until(lambda ticks=ticks: loop.statistics.ticks > ticks + 20)
        assert (node.state, node.reason) == ('FAULT', 'an arm does not follow')
    assert ros.call(ros.node(), Trigger, '/act/policy/reset', Trigger.Request()).success
    running(ros, node)


def test_a_simulator_that_waits_for_a_command_gets_it_after_a_fault(ros, robot, policy):
    node = running(ros, policy())
    loop, gate = node.node.loop, node.node.output.gate
    moment = robot.node.get_clock().now()
    robot.node.get_clock = lambda: SimpleNamespace(now=lambda: moment)  # it waits
    loop.lockstep = True
    stamp_s = moment.nanoseconds * 1e-9
    ros.wait_until(lambda: loop._sent and abs(loop._sent[0] - stamp_s) < 1e-6)
    gate.block('left_waist has no torque')
    assert enable(ros).success
    before = len(waist(robot))
    ros.wait_until(lambda: len(waist(robot)) > before)
    assert loop._sent[2] == gate.opening
