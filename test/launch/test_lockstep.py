# SPDX-License-Identifier: Apache-2.0
"""`lockstep:=true`: the same seed and policy give the same episodes, bit for bit, through ROS."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(600)


def _episodes(start: Callable, listener: Any, arguments: list[str]) -> tuple[int, str]:
    """Run two episodes; the number of commands and a digest of them all."""
    messages = pytest.importorskip('act_msgs.msg')
    commands: list[tuple[int, bytes]] = []

    def keep(msg: Any) -> None:
        row = (round(1e9 * msg.header.stamp.sec + msg.header.stamp.nanosec), msg.action.tobytes())
        if row not in commands[-1:]:  # a lockstep simulator may ask for the same once more
            commands.append(row)

    subscription = listener.node.create_subscription(messages.Command, '/act/command', keep, 1000)
    launch = start('aloha.launch.py', *arguments, 'lockstep:=true', 'seed:=3', 'episodes:=2')
    listener.spin_until(lambda: launch.process.poll() is not None, 'the end of two episodes')
    listener.spin_for(0.5)
    listener.node.destroy_subscription(subscription)
    assert launch.process.returncode == 0, launch.text
    assert 'episode 2: seed 4' in launch.text
    digest = hashlib.sha256()
    for stamp_ns, action in commands:
        digest.update(stamp_ns.to_bytes(8, 'little') + action)
    return len(commands), digest.hexdigest()


def test_the_same_seed_and_policy_give_the_same_episodes_bit_for_bit(
    start: Callable, tiny_sim: list[str], listener: Any
) -> None:
    first, second = (_episodes(start, listener, tiny_sim) for _ in range(2))
    assert first[0] >= 800  # two whole episodes: a policy of random weights has no success
    assert first == second
