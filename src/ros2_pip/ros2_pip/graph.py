# SPDX-License-Identifier: Apache-2.0
"""
A node that lives as long as one command, and what it sees of the others.

ROS 2's command asks a daemon that has been listening for long. Here is none: what is asked for by
name is waited for, and lists are taken once all had the time to announce themselves.

That takes a while: Fast DDS announces a new participant before it listens, and so may miss the
answers; the others announce themselves again only after ``leaseAnnouncement``, by default 3 s. The
profiles file may set it shorter, and is asked here, as it is that of the other nodes too.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.task import Future

ANNOUNCEMENT_S = 3.0  # Fast DDS's default for the time between a node's announcements
MARGIN_S = 0.7  # how long it takes from an announcement to all that a node has
FIND_S = 4.0  # how long something asked for by name is waited for
SERVICE_S = 5.0  # how long a service of a node that is there is waited for
POLL_S = 0.02

_PROFILES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')


class NodeName(NamedTuple):
    """The name of a node."""

    name: str
    namespace: str

    @property
    def full(self) -> str:
        """Namespace and name."""
        return f'{self.namespace.rstrip("/")}/{self.name}'


def add_node_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what all commands that look at other nodes know."""
    parser.add_argument(
        '--spin-time',
        type=float,
        help='Spin time in seconds to wait for discovery (default: as long as nodes need to '
        'announce themselves)',
    )
    parser.add_argument(
        '-s', '--use-sim-time', action='store_true', help='Enable ROS simulation time'
    )
    parser.add_argument(
        '--no-daemon', action='store_true', help='Accepted for the sake of scripts: there is none'
    )


@contextlib.contextmanager
def own_node(args: argparse.Namespace, name: str | None = None) -> Iterator[Node]:
    """Make the node; it is hidden unless it gets a name, and gone when the block ends."""
    import rclpy
    from rclpy.parameter import Parameter

    rclpy.init(args=[])
    try:
        node = rclpy.create_node(
            name or f'_ros2cli_{os.getpid()}',
            start_parameter_services=False,
            parameter_overrides=[
                Parameter('use_sim_time', value=getattr(args, 'use_sim_time', False)),
                Parameter('start_type_description_service', value=False),
            ],
        )
        try:
            yield node
        finally:
            node.destroy_node()
    finally:
        rclpy.try_shutdown()


# Waiting


def wait_until(holds: Callable[[], Any], timeout_s: float = FIND_S) -> Any:
    """Return what ``holds()`` returns, as soon as that is true or the time is over."""
    deadline = time.monotonic() + timeout_s
    while not (result := holds()) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return result


def announcement_s() -> float:
    """Return the seconds between two announcements of a node, by the profiles file if there is one."""
    path = next((os.environ[name] for name in _PROFILES if os.environ.get(name)), None)
    if path is None or not Path(path).is_file():
        return ANNOUNCEMENT_S
    from xml.etree import ElementTree

    for element in ElementTree.parse(path).iter():
        if element.tag.endswith('leaseAnnouncement'):
            parts = {part.tag.rpartition('}')[2]: float(part.text or 0) for part in element}
            return parts.get('sec', 0.0) + parts.get('nanosec', 0.0) * 1e-9
    return ANNOUNCEMENT_S


def settle(spin_s: float | None) -> None:
    """Wait until all nodes there are have been seen: for ``spin_s``, or as long as they need."""
    time.sleep(announcement_s() + MARGIN_S if spin_s is None else spin_s)


def result_of(node: Node, future: Future, what: str) -> Any:
    """
    Spin until the answer of a service is there.

    :param what: the service, for the error
    :raises RuntimeError: if the call failed
    """
    import rclpy

    rclpy.spin_until_future_complete(node, future)
    if future.result() is None:
        raise RuntimeError(f'Exception while calling service of node {what}: {future.exception()}')
    return future.result()


# Nodes


def absolute(name: str) -> str:
    """Return a name with a slash in front."""
    return name if name.startswith('/') else '/' + name


def split(name: str) -> NodeName:
    """Return a full name as namespace and name."""
    namespace, _, base = absolute(name).rpartition('/')
    return NodeName(base, namespace or '/')


def node_names(node: Node, hidden: bool = False) -> list[NodeName]:
    """Return the names of all nodes there are now."""
    return [
        NodeName(name, namespace)
        for name, namespace in node.get_node_names_and_namespaces()
        if hidden or (name and not name.startswith('_'))
    ]


def find_node(
    node: Node,
    name: str,
    hidden: bool = False,
    timeout_s: float = FIND_S,
) -> NodeName | None:
    """Wait for a node; return its name, or None if it does not come."""
    wanted = split(name)
    return wanted if wait_until(lambda: wanted in node_names(node, hidden), timeout_s) else None


# Topics, services and actions


def is_hidden(name: str) -> bool:
    """Return whether a part of a name starts with an underscore."""
    return any(part.startswith('_') for part in name.split('/'))


def visible(
    names_and_types: Iterable[tuple[str, list[str]]],
    hidden: bool = False,
) -> list[tuple[str, list[str]]]:
    """Return (name, types) pairs without the hidden ones, or with them."""
    return [(name, types) for name, types in names_and_types if hidden or not is_hidden(name)]


def find_types(
    names_and_types: Callable[[], Iterable[tuple[str, list[str]]]],
    name: str,
) -> list[str]:
    """Wait for a topic, service or action; return its types, none if it does not come."""
    types: list[str] = wait_until(lambda: dict(names_and_types()).get(name, []))
    return types


def print_names(pairs: Iterable[tuple[str, list[str]]], types: bool, count: bool) -> None:
    """Print (name, types) pairs as the list verbs do: their number, or a line each."""
    pairs = list(pairs)
    if count:
        print(len(pairs))
        return
    for name, kinds in pairs:
        print(f'{name} [{", ".join(kinds)}]' if types else name)
