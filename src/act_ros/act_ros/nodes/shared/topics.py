# SPDX-License-Identifier: Apache-2.0
"""Names and qualities of service of the suite's topics.

The suite's own nodes live in `NAMESPACE/act`, the drivers and cameras in `NAMESPACE`. No name here
is absolute, so two robots can share a graph.
"""

from __future__ import annotations

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

SENSOR = QoSProfile(
    depth=5, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT
)
"""For what is old when it is late: images, joint states, chunks. Meets reliable publishers."""

NEWEST = QoSProfile(
    depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT
)
"""As SENSOR, for who wants the newest only: a queue of large images would be old images."""

COMMAND = QoSProfile(
    depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE
)
"""For commands: each arrives, but a late one does not queue behind another."""

LATCHED = QoSProfile(
    depth=1,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
"""For states: who comes late learns the present one."""


def robot_topic(node: Node, name: str) -> str:
    """The full name of a driver's or camera's topic: `name` in the parent of the node's namespace.

    With the node in `/act`, 'follower_left/joint_states' is '/follower_left/joint_states'; with it
    in `/cell_2/act`, '/cell_2/follower_left/joint_states'.
    """
    parent = node.get_namespace().rstrip('/').rpartition('/')[0]
    return f'{parent}/{name}'
