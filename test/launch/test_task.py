# SPDX-License-Identifier: Apache-2.0
"""`task:=` and `checkpoint:=` of aloha.launch.py: either one is enough, and that they disagree is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(300)
SMALL = ['image_height:=48', 'image_width:=64', 'image_rate_hz:=20.0', 'enable:=false']


def _seen(listener: Any) -> tuple[str, str]:
    """The policy that is live and the task that is simulated, as they say themselves."""
    messages = pytest.importorskip('act_msgs.msg')
    qos = pytest.importorskip('rclpy.qos')
    latched = qos.QoSProfile(depth=1, durability=qos.DurabilityPolicy.TRANSIENT_LOCAL)
    found: dict[str, str] = {}
    node = listener.node
    node.create_subscription(
        messages.PolicyState,
        '/act/policy_state',
        lambda msg: found.update(policy=Path(msg.checkpoint).name),
        latched,
    )
    node.create_subscription(
        messages.SimState, '/act/sim_state', lambda msg: found.update(task=msg.task), latched
    )
    listener.spin_until(lambda: len(found) == 2, 'policy_state and sim_state')
    return found['policy'], found['task']


@pytest.fixture
def insertion_policy(tiny_policy: Path, tmp_path: Path) -> Path:
    """The tiny policy, which says that it was trained for the insertion."""
    folder = tmp_path / 'models' / 'peg'
    folder.mkdir(parents=True)
    config = json.loads((tiny_policy / 'config.json').read_text(encoding='utf-8'))
    text = json.dumps({**config, 'task': 'insertion'})
    (folder / 'config.json').write_text(text, encoding='utf-8')
    (folder / 'model.safetensors').write_bytes((tiny_policy / 'model.safetensors').read_bytes())
    return folder


@pytest.mark.parametrize('task', ['transfer_cube', 'insertion'])
def test_a_task_alone_brings_the_shipped_policy_for_it(
    start: Callable, listener: Any, task: str
) -> None:
    start('aloha.launch.py', f'task:={task}', *SMALL)
    assert _seen(listener) == (f'aloha_sim_{task}', task)


def test_a_policy_alone_brings_the_task_that_it_was_trained_for(
    start: Callable, listener: Any, insertion_policy: Path
) -> None:
    launch = start('aloha.launch.py', f'checkpoint:={insertion_policy}', *SMALL)
    assert _seen(listener) == ('peg', 'insertion')
    assert 'was trained for' not in launch.text


def test_a_policy_of_another_task_is_said_at_the_start(
    start: Callable, insertion_policy: Path
) -> None:
    launch = start(
        'aloha.launch.py', f'checkpoint:={insertion_policy}', 'task:=transfer_cube', *SMALL
    )
    launch.wait_for('peg was trained for insertion, and the task here is transfer_cube')
