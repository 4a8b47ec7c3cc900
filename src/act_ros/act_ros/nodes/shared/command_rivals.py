# SPDX-License-Identifier: Apache-2.0
"""Who else commands the arms: an arm follows two publishers in turns."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rclpy.node import Node

from act_ros.nodes.shared.times import steady

DISCOVERY_S = 1.0
"""What a new node needs to hear of those that are there already."""


class CommandRivals:
    """Looks for other publishers on the topics of a node's commands. Safe to use from any thread."""

    def __init__(self, node: Node, topics: Sequence[str]) -> None:
        """Look at these topics for `node`, which has just been made."""
        self._topics = topics
        self._node, self._known_at = node, steady() + DISCOVERY_S

    def ask(self) -> str:
        """Who else commands the arms, as a sentence, or ''; a node that is new waits until it can know."""
        time.sleep(max(0.0, self._known_at - steady()))
        return self.look()

    def look(self) -> str:
        """The same, as far as it is known now."""
        # One publisher is our own: names are asked for only where there are more.
        found = [f'{topic} ({who})' for topic in self._topics if (who := self._others(topic))]
        if not found:
            return ''
        return (
            f'another node publishes commands, too, on {"; ".join(found)}; the arm would follow '
            f'both. Stop that node first'
        )

    def _others(self, topic: str) -> str:
        node = self._node
        if node.count_publishers(topic) < 2:
            return ''
        own = (node.get_name(), node.get_namespace())
        infos = node.get_publishers_info_by_topic(topic)
        names = [info.node_name for info in infos if (info.node_name, info.node_namespace) != own]
        # A second one of our own name is a second policy node, not us.
        ours = len(infos) - len(names)
        return ', '.join([*names, *[f'another {node.get_name()}'] * (ours - 1)])
