# SPDX-License-Identifier: Apache-2.0
"""`lockstep:=true`: the same seed and policy give the same episode, bit for bit, through ROS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

TICK_NS = 20_000_000
COMPARED = 120


def _commands(start: Callable, listener: Any, seed: int, first: int) -> list[bytes]:
    """Run from `seed` on; the first commands of the episode of seed `first`, as they were sent."""
    messages = pytest.importorskip('act_msgs.msg')
    episodes: list[list[bytes]] = [[]]
    last_ns = 0

    def keep(msg: Any) -> None:
        nonlocal last_ns
        stamp_ns = round(1e9 * msg.header.stamp.sec + msg.header.stamp.nanosec)
        if stamp_ns == last_ns:
            return  # a lockstep simulator may ask for the same once more
        if last_ns and stamp_ns - last_ns > TICK_NS:  # a reset takes time
            episodes.append([])
        last_ns = stamp_ns
        episodes[-1].append(msg.action.tobytes())

    subscription = listener.node.create_subscription(messages.Command, '/act/command', keep, 1000)
    launch = start(f'seed:={seed}')
    count = first - seed
    listener.spin_until(
        lambda: len(episodes) > count and len(episodes[count]) >= COMPARED, 'commands'
    )
    launch.interrupt()
    listener.node.destroy_subscription(subscription)
    assert f'episode {count + 1}: ' not in launch.text, 'the episode was over before'
    return episodes[count][:COMPARED]


def test_a_seed_gives_the_same_episode_bit_for_bit_whatever_went_before(
    start: Callable, tiny_sim: list[str], listener: Any
) -> None:
    def begin(*arguments: str) -> Any:
        return start('aloha.launch.py', *tiny_sim, 'lockstep:=true', *arguments)

    second = _commands(begin, listener, seed=3, first=4)  # the episode of seed 3 before it
    assert second == _commands(begin, listener, seed=4, first=4)
