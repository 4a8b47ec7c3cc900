# SPDX-License-Identifier: Apache-2.0
"""What every command has to pass: a stop, a rival, a button and a watchdog shut it, whatever else the process does."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from fakes import SPEC, refusal
from interbotix_xs_msgs.msg import JointGroupCommand
from policy_clients import enable, running
from sensor_msgs.msg import Joy
from std_msgs.msg import Empty
from std_srvs.srv import Trigger

from act_ros.control.gate import FRESH_S, Gate
from act_ros.nodes.policy.statistics import Statistics
from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.commands import CommandOutput
from act_ros.nodes.shared.gate_keeper import STOP_PARAMETERS, GateKeeper
from act_ros.nodes.shared.parameters import Parameters
from act_ros.nodes.shared.watchdog import HUNG, LOOKS, Watchdog

POSE = SPEC.start.astype(np.float32)


class Commander:
    """A node that may command arms, its gate and its keeper, spun by the test."""

    def __init__(self, ros, name='commander', **parameters):
        from rclpy.parameter import Parameter

        given = [Parameter(key, value=item) for key, item in parameters.items()]
        self.node = BaseNode(name, context=ros.context, parameter_overrides=given)
        Parameters(self.node, STOP_PARAMETERS)
        self.output = CommandOutput(self.node, SPEC)
        self.gate = self.output.gate
        self.disarmed, self.answers = [], True
        ros.add(self.node)
        ros.add(GateKeeper(self.node, self.output, self.disarm))

    def disarm(self):
        self.disarmed.append(self.answers)
        return self.answers

    def send(self):
        return self.output.command(0, 0.0, POSE)


def test_once_a_stop_has_returned_no_command_goes_out_whatever_the_sender_does():
    gate, sent, ended = Gate(), [], threading.Event()

    def send():
        while not ended.is_set():
            gate.send(lambda: sent.append(time.sleep(0.001)))

    sender = threading.Thread(target=send)
    sender.start()
    try:
        for _ in range(50):
            before = len(sent)
            while len(sent) == before:
                time.sleep(0.0001)
            gate.stop('a test')
            after = len(sent)
            time.sleep(0.004)
            assert len(sent) == after
            gate.reset()
    finally:
        ended.set()
        sender.join()


@pytest.mark.parametrize('shut', ['stop', 'fault'])
def test_what_was_computed_before_the_gate_was_opened_does_not_pass(shut):
    gate, sent = Gate(), []
    before = gate.opening
    assert gate.send(lambda: sent.append(1), before)
    if shut == 'stop':
        gate.stop('a test')
        gate.reset()
    else:
        gate.block('no torque')
        gate.permit()
    assert not gate.send(lambda: sent.append(2), before)
    assert gate.send(lambda: sent.append(3), gate.opening) and sent == [1, 3]


def test_a_stop_while_somebody_enables_cancels_that_even_where_it_was_reset_meanwhile(
    ros, monkeypatch
):
    commander = Commander(ros)
    ask = commander.output.rivals.ask

    def stopped_meanwhile():
        commander.gate.stop('a test')
        commander.gate.reset()
        return ask()

    monkeypatch.setattr(commander.output.rivals, 'ask', stopped_meanwhile)
    assert 'stopped while this was looked at' in refusal(commander.output)
    monkeypatch.setattr(commander.output.rivals, 'ask', ask)
    assert refusal(commander.output) == ''


def test_a_stop_does_not_wait_for_a_command_that_hangs_on_its_way():
    gate, hangs, goes_on = Gate(), threading.Event(), threading.Event()
    sender = threading.Thread(
        target=gate.send, args=(lambda: (hangs.set(), goes_on.wait(60)),), daemon=True
    )
    sender.start()
    assert hangs.wait(60)
    gate.stop('a test')
    assert gate.why.startswith('stopped by a test')
    goes_on.set()
    sender.join()
    assert not gate.send(lambda: None)


def test_a_button_that_has_to_be_held_stops_when_it_is_let_go_and_when_it_falls_silent():
    now = [100.0]
    for lose in ('release', 'silence'):
        gate = Gate(lambda: now[0])
        gate.require('button 4 of /joy')
        assert 'hold button 4' in gate.refusal()
        gate.held(True)
        assert not gate.refusal() and gate.send(lambda: None)
        if lose == 'release':
            gate.held(False)
        else:
            now[0] += 1.01 * FRESH_S
        assert not gate.send(lambda: None)
        gate.held(True)
        assert not gate.send(lambda: None) and 'let go' in gate.refusal()
        gate.reset()
        assert gate.send(lambda: None)


def test_a_thread_that_gives_no_sign_of_life_shuts_the_gate_and_ends_the_process(ros, monkeypatch):
    monkeypatch.setattr('act_ros.nodes.shared.watchdog.END_S', 0.01)
    gate, failed, ended = Gate(), [], threading.Event()
    watchdog = Watchdog(ros.node('loop'), gate, failed.append, lambda code: ended.set(), 0.001)
    watchdog.start()
    ros.wait_until(lambda: failed)
    assert failed == [HUNG] and 'HANGS' in gate.why and not gate.send(lambda: None)
    assert ended.wait(60)  # also where its end hangs, too


def test_a_thread_that_lives_is_left_alone(ros):
    looks = []
    watchdog = Watchdog(ros.node('loop'), Gate(), looks.append, looks.append, 0.001)
    closed_wait = watchdog._closed.wait

    def look(timeout):
        looks.append(watchdog.pulse()) if len(looks) <= 3 * LOOKS else watchdog.close()
        return closed_wait(0)

    watchdog._closed.wait = look
    watchdog.start()
    ros.wait_until(lambda: not watchdog._thread.is_alive())
    assert set(looks) == {None}


def test_a_stop_of_one_node_is_one_of_all_and_a_node_that_comes_later_learns_of_it(ros):
    first, second = Commander(ros, 'first'), Commander(ros, 'second')
    assert first.send() and second.send()
    node = ros.node()
    answer = ros.call(node, Trigger, '/act/first/stop', Trigger.Request())
    assert answer.success and not first.send()
    ros.wait_until(lambda: not second.send())
    third = Commander(ros, 'third')
    ros.wait_until(lambda: not third.send())
    assert 'stopped by' in refusal(third.output) and '/act/third/stop_reset' in third.gate.why
    answer = ros.call(node, Trigger, '/act/third/stop_reset', Trigger.Request())
    assert answer.success
    ros.wait_until(lambda: not (first.gate.why or second.gate.why or third.gate.why))
    assert first.disarmed and second.disarmed and third.disarmed


@pytest.mark.parametrize('reliable', [True, False])
def test_any_message_on_the_topic_stops(ros, reliable):
    from rclpy.qos import qos_profile_sensor_data

    commander = Commander(ros)
    publisher = ros.node().create_publisher(
        Empty, '/act/stop', 1 if reliable else qos_profile_sensor_data
    )

    def stopped():
        publisher.publish(Empty())
        return not commander.send()

    ros.wait_until(stopped)
    assert 'a message on /act/stop' in commander.gate.why


def test_a_button_of_a_joystick_stops(ros):
    commander = Commander(ros, stop_joy='/joy', stop_button=2)
    publisher = ros.node().create_publisher(Joy, '/joy', 10)

    def stopped():
        publisher.publish(Joy(buttons=[0, 0, int(len(seen) > 20)]))
        seen.append(commander.send())
        return not seen[-1]

    seen = []
    ros.wait_until(stopped)
    assert all(seen[:20]) and 'button 2 of /joy' in commander.gate.why


def test_a_stop_is_not_reset_while_the_thread_that_commands_hangs(ros):
    commander = Commander(ros)
    ros.call(ros.node(), Trigger, '/act/commander/stop', Trigger.Request())
    commander.answers = False
    answer = ros.call(ros.node(), Trigger, '/act/commander/stop_reset', Trigger.Request())
    assert not answer.success and 'does not answer' in answer.message and not commander.send()


def test_a_running_policy_stops_though_its_executor_is_busy_and_moves_again_only_when_enabled(
    ros, robot, policy
):
    node = running(ros, policy())
    busy, free = threading.Event(), threading.Event()
    node.node.create_timer(0.01, lambda: (busy.set(), free.wait(60)))
    assert busy.wait(60)
    answer = ros.call(ros.node(), Trigger, '/act/policy/stop', Trigger.Request())
    passed, ticks = node.node.output.gate.passed_at, node.node.loop.statistics.ticks
    assert answer.success and 'reset' in answer.message
    refused = enable(ros)
    assert not refused.success and 'stopped by the service /act/policy/stop' in refused.message
    ros.wait_until(lambda: node.node.loop.statistics.ticks > ticks + 10)
    assert node.node.output.gate.passed_at == passed
    assert node.node.status._now()[0].name == 'FAULT'
    free.set()
    assert ros.call(ros.node(), Trigger, '/act/policy/stop_reset', Trigger.Request()).success
    ros.wait_until(lambda: node.state == 'IDLE')
    assert node.node.output.gate.passed_at == passed
    assert enable(ros).success
    ros.wait_until(lambda: node.node.output.gate.passed_at > passed)


def test_a_second_publisher_of_commands_is_a_fault_while_the_policy_runs(ros, robot, policy):
    node = running(ros, policy())
    rival = ros.node('rival')
    publisher = rival.create_publisher(JointGroupCommand, '/follower_left/commands/joint_group', 1)
    ros.wait_until(lambda: node.node.output.gate.why)
    state, reason = node.node.status._now()
    assert state.name == 'FAULT' and '/follower_left/commands/joint_group (rival)' in reason
    passed = node.node.output.gate.passed_at
    assert not enable(ros).success
    rival.destroy_publisher(publisher)
    ros.wait_until(lambda: enable(ros).success)
    ros.wait_until(lambda: node.node.output.gate.passed_at > passed)


def test_rates_are_of_what_was_sent_in_the_last_second(monkeypatch):
    statistics = Statistics(0.02)
    for at in range(200):
        statistics.sent(1000.0 + 0.02 * at)
    monkeypatch.setattr(time, 'monotonic', lambda: 1003.99)
    assert statistics.rate_hz() == pytest.approx(50.0)
    monkeypatch.setattr(time, 'monotonic', lambda: 1004.48)
    assert statistics.rate_hz() == pytest.approx(26.0, abs=1.0)
    monkeypatch.setattr(time, 'monotonic', lambda: 1005.0)
    assert statistics.rate_hz() == 0.0 and 'NOTHING SENT' in statistics.line()
