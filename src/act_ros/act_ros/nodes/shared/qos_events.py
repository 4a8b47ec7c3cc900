# SPDX-License-Identifier: Apache-2.0
"""Publishers and subscribers that do not go together: of one topic, and yet nothing passes between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    QoSProfile,
    ReliabilityPolicy,
    qos_policy_name_from_kind,
)

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ModuleNotFoundError:  # as it was called up to Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks

_WEAK: Mapping[str, tuple[Any, Any]] = {
    'reliability': (ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE),
    'durability': (DurabilityPolicy.VOLATILE, DurabilityPolicy.TRANSIENT_LOCAL),
}
"""By policy what is offered and what is asked for where nothing passes."""


class QosWatch:
    """Says whom a node hears nothing of, or who hears nothing of it, as soon as the middleware notices."""

    def __init__(self, node: Node) -> None:
        """Watch over what `node` makes."""
        self._node = node
        self._noticed: set[str] = set()

    def of_subscription(self, topic: str) -> SubscriptionEventCallbacks:
        """What a subscription to `topic` is made with."""
        return SubscriptionEventCallbacks(incompatible_qos=lambda info: self._notice(topic, info))

    def of_publisher(self, topic: str) -> PublisherEventCallbacks:
        """What a publisher on `topic` is made with."""
        return PublisherEventCallbacks(incompatible_qos=lambda info: self._notice(topic, info))

    def why(self, topic: str) -> str:
        """Why nothing passes on a topic (its full name) between this node and another; '' if all does."""
        if topic not in self._noticed:
            return ''
        node = self._node
        return mismatches(
            topic,
            node.get_publishers_info_by_topic(topic),
            node.get_subscriptions_info_by_topic(topic),
            f'{node.get_namespace().rstrip("/")}/{node.get_name()}',
        )

    def _notice(self, topic: str, info: Any) -> None:
        name = self._node.resolve_topic_name(topic)
        self._noticed.add(name)
        policy = qos_policy_name_from_kind(info.last_policy_kind)
        why = self.why(name) or f'{name}: nothing passes to or from a node of another {policy}'
        self._node.get_logger().error(why)


def mismatches(topic: str, publishers: Iterable[Any], subscribers: Iterable[Any], own: str) -> str:
    """Who hears nothing of whom, with both policies, as a sentence; '' if all do.

    Args:
        topic: its full name.
        publishers: as rclpy tells of them, with `node_name`, `node_namespace` and `qos_profile`.
        subscribers: the same.
        own: full name of the node that one of both must be.
    """
    subscribers = list(subscribers)
    found = [
        f'{name(publisher)} offers {offered}, and {name(subscriber)} asks for {asked}'
        for publisher in publishers
        for subscriber in subscribers
        if own in (name(publisher), name(subscriber))
        for offered, asked in _apart(publisher.qos_profile, subscriber.qos_profile)
    ]
    if not found:
        return ''
    what = '; '.join(dict.fromkeys(found))
    return f'{topic}: nothing passes, since {what}; give both the same quality of service'


def _apart(offered: QoSProfile, asked: QoSProfile) -> list[tuple[str, str]]:
    return [
        (offers.name, asks.name)
        for policy, (offers, asks) in _WEAK.items()
        if getattr(offered, policy) == offers and getattr(asked, policy) == asks
    ]


def name(info: Any) -> str:
    """The full name of the node that publishes or subscribes."""
    return f'{info.node_namespace.rstrip("/")}/{info.node_name}'
