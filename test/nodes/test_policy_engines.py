# SPDX-License-Identifier: Apache-2.0
"""What computes the network, changed while the policy node runs: with the suite's own inference processes."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
from alive import is_alive
from fakes import SPEC
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from policy_clients import running, set_parameter
from safetensors.numpy import load_file, save_file

from synthetic import tiny_config, write_policy


@pytest.fixture
def node(ros, robot, policy, models):
    """A node that runs a real, small network in PyTorch; its chunks last a second."""
    write_policy(models / 'real', tiny_config(chunk=50))
    weights = models / 'real' / 'model.safetensors'
    tensors = load_file(weights)
    still = {'mean': SPEC.start, 'std': np.full(SPEC.dof, 1e-3)}  # the robot here does not move
    tensors |= {f'stats.action.{k}': v.astype(np.float32) for k, v in still.items()}
    save_file(tensors, weights)
    return running(ros, policy(checkpoint='real', worker=None, engine='torch', precision='fp32'))


def runs_on(node):
    return node.node.loop.engine.worker.runs_on


def test_the_engine_can_be_changed_while_it_runs(ros, node):
    pytest.importorskip('openvino')
    assert runs_on(node).startswith('runs on torch fp32 on cpu')
    before = node.node.loop.engine
    result = set_parameter(ros, 'engine', 'openvino')
    assert result.successful, result.reason
    assert runs_on(node).startswith('runs on openvino fp32 on cpu')
    assert node.node.loop.engine.folder == before.folder
    assert before.worker.error == 'the inference process was closed'
    running(ros, node)


@pytest.mark.parametrize(
    ('name', 'value', 'reason'),
    [
        ('engine', 'caffe', 'expected one of auto, torch, openvino, onnxruntime'),
        ('precision', 'fp16', 'precision fp16: device cuda'),
        ('precision', 'int8', 'do not go together'),
        ('device', 'cuda', 'cuda'),
    ],
)
def test_an_engine_that_cannot_be_had_is_refused_and_the_present_one_goes_on(
    ros, node, name, value, reason
):
    before = node.node.loop.engine
    result = set_parameter(ros, name, value)
    assert not result.successful
    assert reason in result.reason
    assert node.node.loop.engine is before
    assert node.node.get_parameter(name).value != value
    running(ros, node)


def test_a_process_that_is_replaced_has_the_engine_that_was_set_last(ros, node):
    pytest.importorskip('openvino')
    assert set_parameter(ros, 'engine', 'openvino').successful
    ros.wait_until(lambda: node.node.supervisor.settles)
    before = node.node.loop.engine
    spare = node.node.spawner.spare
    ros.wait_until(lambda: spare.pid)
    waiting = spare.pid
    os.kill(before.worker.pid, signal.SIGKILL)
    ros.wait_until(lambda: node.node.loop.engine is not before and node.state == 'RUNNING')
    assert runs_on(node).startswith('runs on openvino')
    assert node.node.loop.engine.worker.pid == waiting


@pytest.fixture
def end_with_the_node():
    """Numbers of processes that must be gone once the node is."""
    numbers = []
    yield numbers
    assert numbers and not any(map(is_alive, numbers))


def test_the_next_policy_takes_the_process_that_was_begun_while_the_present_one_ran(
    end_with_the_node, ros, node
):
    spare = node.node.spawner.spare
    ros.wait_until(lambda: spare.pid)
    begun = spare.pid
    result = set_parameter(ros, 'checkpoint', 'real')
    assert result.successful, result.reason
    assert node.node.loop.engine.worker.pid == begun
    ros.wait_until(lambda: spare.pid and spare.pid != begun)
    running(ros, node)
    end_with_the_node += [begun, spare.pid]


def test_no_process_waits_for_a_policy_where_none_is_loaded(ros, node):
    spare = node.node.spawner.spare
    ros.wait_until(lambda: spare.pid)
    for label in ('deactivate', 'cleanup'):
        request = ChangeState.Request(transition=Transition(label=label))
        service = '/act/policy/change_state'
        assert ros.call(ros.node('manager'), ChangeState, service, request).success
    assert not spare.pid
