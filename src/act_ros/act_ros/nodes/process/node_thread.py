# SPDX-License-Identifier: Apache-2.0
"""A thread in which a node does its work, beside the one that spins it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from rclpy.node import Node

from act_ros.nodes.process.run import Stop


def node_thread(
    node: Node,
    stop: Stop,
    body: Callable[[], None],
    message: str,
    *,
    crashed: Callable[[], None] = lambda: None,
    code: int = 1,
) -> threading.Thread:
    """A thread that cannot die and leave the node looking alive: that it crashed is said, and ends the process.

    Args:
        node: that it belongs to.
        stop: of the process.
        body: what the thread does.
        message: what a person reads if it crashes, before the error; also the thread's name.
        crashed: done first then.
        code: the process ends with then.
    """

    def run() -> None:
        try:
            body()
        except Exception as error:
            crashed()
            node.get_logger().fatal(f'{message}: {type(error).__name__}: {error}')
            stop.fail(code)

    return threading.Thread(target=run, name=message, daemon=True)
