# SPDX-License-Identifier: Apache-2.0
"""The real inference process behind the policy node is stopped, killed, or its policy is broken on disk."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'nodes'))
DEADLINE_S = 90.0

CODE = """
import sys
from pathlib import Path
sys.path.insert(0, {unit!r})
from synthetic import tiny_config, write_policy
for seed, name in enumerate(('one', 'two')):
    write_policy(Path({folder!r}) / name, tiny_config(chunk=50), seed)
"""


@pytest.fixture(scope='module')
def policies(tmp_path_factory):
    """Two small policies with random weights; made in a process, to keep PyTorch out of this one."""
    folder = tmp_path_factory.mktemp('models')
    code = CODE.format(unit=str(HERE.parent / 'unit'), folder=str(folder))
    subprocess.run([sys.executable, '-c', code], check=True)
    return folder


@pytest.fixture
def node(ros, policies):
    """A policy node that runs policy 'one' with a real process, and its robot."""
    from fakes import FakeRobot, Running

    from act_ros.policy.inference.worker import InferenceWorker

    robot = FakeRobot(ros.node('robot'))
    robot.follows = True  # else it is a fault, after a second
    made = Running(
        ros, policies, 'one', InferenceWorker, inference_timeout_s=5.0, max_image_age_s=2.0
    )
    ros.wait_until(lambda: made.state == 'RUNNING', DEADLINE_S, 'RUNNING')
    ros.wait_until(lambda: made.node.supervisor.settles, DEADLINE_S)
    yield made
    made.close()
    robot.close()


def set_checkpoint(ros, value):
    from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
    from rcl_interfaces.srv import SetParameters

    text = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=value)
    request = SetParameters.Request(parameters=[Parameter(name='checkpoint', value=text)])
    name = '/act/policy/set_parameters'
    return ros.call(ros.node('setter'), SetParameters, name, request, DEADLINE_S).results[0]


def gone(pid):
    return not Path(f'/proc/{pid}').exists()


@pytest.mark.parametrize(
    ('number', 'inference'),
    [(signal.SIGSTOP, 'async'), (signal.SIGKILL, 'async'), (signal.SIGKILL, 'sync')],
)
def test_a_process_that_hangs_or_is_killed_is_replaced_while_the_arms_hold(
    ros, node, number, inference
):
    node.node.loop.mode.ask(inference)
    old = node.worker.pid
    os.kill(old, number)
    ros.wait_until(lambda: node.state == 'HOLDING', DEADLINE_S, 'HOLDING')
    ros.wait_until(lambda: len(node.workers) == 2, DEADLINE_S, 'another process')
    ros.wait_until(lambda: node.state == 'RUNNING', DEADLINE_S, 'RUNNING')
    assert gone(old)
    assert node.workers[1].pid != old
    assert not node.stop.is_set()


def test_a_policy_can_be_changed_while_the_present_ones_process_hangs(ros, node):
    os.kill(node.worker.pid, signal.SIGSTOP)
    result = set_checkpoint(ros, 'two')
    assert result.successful, result.reason
    ros.wait_until(lambda: node.state == 'RUNNING', DEADLINE_S, 'RUNNING')
    assert node.node.loop.engine.folder.name == 'two'
    ros.wait_until(lambda: gone(node.worker.pid), DEADLINE_S)


def test_files_damaged_anywhere_are_refused_and_leave_no_process(ros, node, policies):
    random = np.random.default_rng(3)
    size = (policies / 'two' / 'model.safetensors').stat().st_size
    for length in [0, 7, *random.integers(8, size, 2).tolist()]:
        shutil.rmtree(policies / 'cut', ignore_errors=True)
        shutil.copytree(policies / 'two', policies / 'cut')
        os.truncate(policies / 'cut' / 'model.safetensors', length)
        result = set_checkpoint(ros, 'cut')
        assert not result.successful
        assert 'model.safetensors' in result.reason
        assert node.node.loop.engine.folder.name == 'one'
        # A machine busy with other work may have starved the process for as long as a chunk lasts.
        ros.wait_until(lambda: node.state == 'RUNNING', DEADLINE_S, 'RUNNING')
        assert gone(node.workers[-1].pid)
    shutil.rmtree(policies / 'cut')


def test_a_policy_whose_files_are_gone_when_its_process_dies_is_a_fault_that_says_so(
    ros, node, policies
):
    (policies / 'one').rename(policies / 'away')
    try:
        os.kill(node.worker.pid, signal.SIGKILL)
        ros.wait_until(lambda: node.state == 'FAULT', DEADLINE_S, 'FAULT')
        assert 'Set another checkpoint' in node.reason
        assert set_checkpoint(ros, 'two').successful
    finally:
        (policies / 'away').rename(policies / 'one')


@pytest.mark.parametrize('name', ['config.json', 'model.safetensors'])
def test_a_policy_whose_files_were_changed_is_not_started_again(policies, tmp_path, name):
    from act_ros.control.chunk_grid import ChunkGrid
    from act_ros.nodes.policy.engine import Engine
    from act_ros.nodes.policy.supervisor import again
    from act_ros.policy.folder import read_config, version_of

    folder = shutil.copytree(policies / 'one', tmp_path / 'one')
    engine = Engine(
        folder, read_config(folder), None, version_of(folder), ChunkGrid(10, 50.0, 50.0)
    )
    (folder / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(ValueError, match='was changed since it was set'):
        again(lambda folder: pytest.fail('started'))(engine)
