# SPDX-License-Identifier: Apache-2.0
"""
The node of a command, and what it sees of other nodes.

ROS 2's command asks a daemon, which has seen all nodes long ago. There is none here. What has a name
is waited for; before something is listed, all nodes are given the time to show themselves.

That is about 3 s: a node of Fast DDS may not hear the answers to its first announcement, and the
others announce themselves every `leaseAnnouncement` only. The profiles file can shorten that for all
nodes, and so it is read here.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.task import Future

ANNOUNCEMENT_S = 3.0  # where no profiles file says otherwise
MARGIN_S = 0.7  # from an announcement until all is known that a node has
FIND_S = 4.0  # patience with something that has a name
SERVICE_S = 5.0  # patience with a service of a node that was found
POLL_S = 0.02
CTRL_C_S = 0.1  # how late a Ctrl+C may be seen

Named = tuple[str, list[str]]
"""A topic, service or action, and its types."""


class NodeName(NamedTuple):
    """Name and namespace of a node."""

    name: str
    namespace: str

    @property
    def full(self) -> str:
        """Both in one."""
        return f'{self.namespace.rstrip("/")}/{self.name}'


def add_arguments(parser: argparse.ArgumentParser) -> Callable[..., Any]:
    """Add what every command of this kind has; return what adds more."""
    add = parser.add_argument
    add('--spin-time', metavar='S', type=float, help='Seconds that nodes have to show themselves')
    add('-s', '--use-sim-time', action='store_true', help='Take the time from /clock')
    add('--no-daemon', action='store_true', help='Does nothing: here is no daemon')
    return add


@contextlib.contextmanager
def own_node(args: argparse.Namespace) -> Iterator[Node]:
    """Make a hidden node for as long as the block lasts."""
    import rclpy
    from rclpy.parameter import Parameter
    from rclpy.signals import SignalHandlerOptions

    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # rclpy's own handler of a Ctrl+C would close the connection, and no goal could be cancelled.
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = rclpy.create_node(
            f'_ros2cli_{os.getpid()}',
            start_parameter_services=False,
            parameter_overrides=[
                Parameter('use_sim_time', value=args.use_sim_time),
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


def wait_until(holds: Callable[[], Any], timeout_s: float | None = None) -> Any:
    """Return what `holds()` returns, once it is something, or when the time is over."""
    deadline = time.monotonic() + (FIND_S if timeout_s is None else timeout_s)
    while not (result := holds()) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return result


def announcement_s() -> float:
    """Return the seconds between two announcements of a node."""
    names = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')
    path = next(filter(None, map(os.environ.get, names)), '')
    if Path(path).is_file():
        from xml.etree import ElementTree

        for element in ElementTree.parse(path).iter():
            if element.tag.endswith('leaseAnnouncement'):
                parts = {part.tag.rpartition('}')[2]: float(part.text or 0) for part in element}
                return parts.get('sec', 0.0) + parts.get('nanosec', 0.0) * 1e-9
    return ANNOUNCEMENT_S


def settle(args: argparse.Namespace) -> None:
    """Give all nodes the time to show themselves."""
    given = args.spin_time
    time.sleep(announcement_s() + MARGIN_S if given is None else given)


def spin(node: Node, until: Callable[[], bool] = lambda: False) -> None:
    """Let the node work; in between see to a Ctrl+C, which cannot be seen while it waits."""
    from rclpy.executors import SingleThreadedExecutor

    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while not until():
            executor.spin_once(timeout_sec=CTRL_C_S)
    finally:
        executor.remove_node(node)


def result_of(node: Node, future: Future) -> Any:
    """Wait for an answer, and return it or raise what it is instead."""
    spin(node, future.done)
    return future.result()


def call(node: Node, kind: Any, service: str, request: Any) -> Any:
    """Call a service of a node that is there; RuntimeError if it does not answer."""
    client = node.create_client(kind, service)
    if not client.wait_for_service(timeout_sec=SERVICE_S):
        raise RuntimeError(f'{service} did not show itself within {SERVICE_S:g} s')
    return result_of(node, client.call_async(request))


# What there is


def node_names(node: Node, hidden: bool = False) -> list[NodeName]:
    """Return the names of the nodes that are seen now."""
    names = [NodeName(*pair) for pair in node.get_node_names_and_namespaces()]
    return [name for name in names if hidden or not name.name.startswith('_')]


def find_node(
    node: Node, name: str, hidden: bool = False, timeout_s: float | None = None
) -> NodeName | None:
    """Wait for a node by its full name; None if it does not show itself."""
    namespace, _, base = f'/{name.lstrip("/")}'.rpartition('/')
    wanted = NodeName(base, namespace or '/')
    return wanted if wait_until(lambda: wanted in node_names(node, hidden), timeout_s) else None


def existing_node(node: Node, args: argparse.Namespace) -> str:
    """Wait for the node that the arguments name; RuntimeError if it does not show itself."""
    patience = getattr(args, 'timeout', None)
    found = find_node(node, args.node_name, args.include_hidden_nodes, patience)
    if found is None:
        raise RuntimeError('Node not found')
    return found.full


def find_types(pairs: Callable[[], Iterable[Named]], name: str) -> list[str]:
    """Wait for a topic or service; return its types, or none if it does not show itself."""
    types: list[str] = wait_until(lambda: dict(pairs()).get(name, []))
    return types


def visible(pairs: Iterable[Named], hidden: bool = False) -> list[Named]:
    """Return those without a name that is hidden by an underscore, or all."""
    return [pair for pair in pairs if hidden or '/_' not in f'/{pair[0]}']


def print_names(pairs: Iterable[Named], types: bool) -> None:
    """Print names, one a line, with their types or without."""
    for name, kinds in pairs:
        print(f'{name} [{", ".join(kinds)}]' if types else name)
