# SPDX-License-Identifier: Apache-2.0
"""Whether the node's ticks wait for inference: as asked, or as the engine that is loaded allows."""

from __future__ import annotations

import time

import pytest
from act_msgs.msg import PolicyState
from diagnostic_msgs.msg import DiagnosticArray
from fakes import FakeWorker, write_config
from policy_clients import keep, running, set_parameter

from act_ros.nodes.shared.topics import LATCHED


class Measured(FakeWorker):
    """An engine on which a pass took 4 ms when it was loaded, or 30 where its policy is called `slow`."""

    def __init__(self, folder):
        super().__init__(folder)
        self.pass_s = 0.03 if folder.name == 'slow' else 0.004


@pytest.fixture
def states(ros):
    return keep(ros, PolicyState, '/act/policy_state', LATCHED)


def told(states, words):
    return any(words in note for state in states for note in state.notes)


def test_auto_goes_by_the_engine_at_the_start_and_at_a_swap(
    ros, robot, policy, models, states, capfd
):
    diagnostics = keep(ros, DiagnosticArray, '/diagnostics')
    write_config(models / 'slow')
    node = running(ros, policy(worker=Measured, inference='auto'))
    ros.wait_until(lambda: told(states, 'inference: sync; a pass takes 4.0 ms'))
    assert set_parameter(ros, 'checkpoint', 'slow').successful
    ros.wait_until(lambda: told(states, 'inference: async; a pass takes 30.0 ms'))
    assert not node.node.loop.mode.sync
    ros.wait_until(lambda: ('mode', 'async') in inference(diagnostics[-1:]))
    assert node.state == 'RUNNING'
    states.clear()
    assert set_parameter(ros, 'checkpoint', 'fake').successful
    ros.wait_until(lambda: told(states, 'inference: sync'))
    assert capfd.readouterr().err.count('inference: async; a pass takes 30.0 ms') == 1


def inference(messages):
    """What /diagnostics says of it, by key."""
    found = [each for msg in messages for each in msg.status if each.hardware_id == 'inference']
    return {(value.key, value.value) for each in found for value in each.values}


def test_auto_on_an_engine_that_has_become_slow_goes_over_to_async_and_stays_there(
    ros, robot, policy, states, capfd
):
    node = running(ros, policy(worker=Measured, inference='auto'))
    loop, quick = node.node.loop, node.worker.predict

    def slow(tick, observation):
        time.sleep(0.03)  # longer than a tick
        return quick(tick, observation)

    node.worker.predict = slow
    ros.wait_until(lambda: told(states, 'inference: async from now on'))
    node.worker.predict = quick
    assert set_parameter(ros, 'inference', 'auto').successful  # nothing that was not so
    chunks = loop.statistics.chunks
    ros.wait_until(lambda: loop.statistics.chunks > chunks + 20)
    assert (loop.mode.sync, node.state) == (False, 'RUNNING')
    assert capfd.readouterr().err.count('async from now on') == 1


def test_sync_on_an_engine_that_is_slow_stays_sync_and_says_so(ros, robot, policy, states, capfd):
    node = running(ros, policy(worker=Measured, inference='sync'))
    quick = node.worker.predict

    def slow(tick, observation):
        time.sleep(0.03)
        return quick(tick, observation)

    node.worker.predict = slow
    ros.wait_until(lambda: told(states, 'inference:=sync does not keep up'))
    assert (node.node.loop.mode.sync, node.state) == (True, 'RUNNING')
    # Read once, when it is there: what is written while it is read is lost.
    ros.wait_until(lambda: 'does not keep up' in node.node.status._said_of_mode)
    states.clear()
    ros.wait_until(lambda: states)
    assert 'inference:=sync does not keep up' in capfd.readouterr().err
