# SPDX-License-Identifier: Apache-2.0
"""Sources that several nodes publish at once: of an arm or a camera there is one, and what comes is mixed."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rclpy.node import Node

LOOK_S = 0.5
MIXED_S = 1.0


class Rivals:
    """Counts the publishers of the topics that a node hears.

    Attributes:
        found: what is wrong, by source.
        lasting: the same, of what was wrong half a second before, too.
    """

    def __init__(self, node: Node, topics: Mapping[str, str]) -> None:
        """Look at these topics, by source, twice a second, in the node's own thread."""
        self.found: dict[str, str] = {}
        self.lasting: dict[str, str] = {}
        self._node, self._topics = node, topics
        self._number: dict[str, int] = {}
        self._back: dict[str, tuple[float, float]] = {}
        node.create_timer(LOOK_S, self._look)

    def heard(self, source: str, info: Mapping[str, int | None]) -> None:
        """Take in what the middleware says of a message: each publisher numbers its own."""
        number = info.get('publication_sequence_number')
        if number is None:
            return
        if number <= self._number.get(source, -1):
            self._back[source] = self._back.get(source, (0.0, 0.0))[1], time.monotonic()
        self._number[source] = number

    def _look(self) -> None:
        found = {}
        for source, topic in self._topics.items():
            infos = self._node.get_publishers_info_by_topic(topic)
            names = sorted({f'{i.node_namespace.rstrip("/")}/{i.node_name}' for i in infos})
            # A driver that was killed is listed for a while beside the one that took its place.
            if len(names) > 1 or (len(infos) > 1 and self._mixed(source)):
                found[source] = (
                    f'{topic} has {len(infos)} publishers ({", ".join(names)}); stop all but one'
                )
        self.lasting = {source: why for source, why in found.items() if source in self.found}
        self.found = found

    def _mixed(self, source: str) -> bool:
        """Whether two publishers' messages came in turns a moment ago: their numbers went back twice."""
        first, last = self._back.get(source, (0.0, 0.0))
        return last - first < MIXED_S and time.monotonic() - last < MIXED_S
