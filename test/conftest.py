# SPDX-License-Identifier: Apache-2.0
"""What tests share: a ROS domain that no other test process of this machine has, and nodes in it.

Unit tests import nothing of ROS through this: rclpy is loaded by the `ros` fixture, when asked for.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import ros_domain
import warm

from act_ros.shared_memory import remove_leftovers

pytest_plugins = ['not_run', 'fuzzing']
BEGUN_S, POLL_S = time.time(), 0.01
DEADLINE_S = 90.0
"""Generous: only a test that fails waits so long, and a machine may be busy with other work."""

# The tests share the cores with each other and with the processes they start: one thread each, for
# OpenMP, and for Mesa's software renderer.
for _variable in ('OMP_NUM_THREADS', 'LP_NUM_THREADS'):
    os.environ.setdefault(_variable, '1')

# Mesa's software renderer and PyTorch's compiler bring an LLVM each. Loaded in this order they get on in the
# one process that runs all tests of a worker; in the other the process crashes.
with contextlib.suppress(ImportError):
    import triton  # noqa: F401

if find_spec('rclpy') is None:
    collect_ignore_glob = ['nodes/*', 'launch/*', 'fault/*', 'ros2_pip/*']
    # Nothing is installed then, and the processes that tests start have to find the package, too.
    os.environ['PYTHONPATH'] = str(Path(__file__).resolve().parents[1] / 'src/act_ros')


def pytest_sessionfinish() -> None:
    """End what this process of the run has begun: it is looked whether any process was left."""
    warm.end()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Free what nodes that tests have killed left in shared memory, 67 MB each, once all have ended."""
    if not hasattr(config, 'workerinput'):
        remove_leftovers(since_s=BEGUN_S)


ros_domain.leave()
DOMAIN = int(os.environ['ROS_DOMAIN_ID'])


@contextlib.contextmanager
def _own_domain() -> Iterator[str]:
    number, held = ros_domain.claim()
    with held:
        yield str(number)


@pytest.fixture
def domain() -> Iterator[str]:
    """A ROS domain for the processes that a test starts, one that no other test has."""
    with _own_domain() as number:
        yield number


@pytest.fixture(scope='module')
def module_domain() -> Iterator[str]:
    """A ROS domain for the processes that the tests of a module share."""
    with _own_domain() as number:
        yield number


class Ros:
    """Nodes in a private rclpy context, spun by one thread until the test ends."""

    def __init__(self) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor

        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=DOMAIN)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.nodes: list[Any] = []
        self._thread = threading.Thread(target=self._spin, name='ros spin', daemon=True)
        self._error: BaseException | None = None
        self._closing = False
        self._thread.start()

    def _spin(self) -> None:
        from rclpy.exceptions import InvalidHandle
        from rclpy.executors import ExternalShutdownException

        try:
            while not self._closing:
                # A test may destroy what its nodes have while the executor makes its list of it.
                with contextlib.suppress(InvalidHandle):
                    self.executor.spin_once(timeout_sec=0.1)
        except ExternalShutdownException:
            pass
        except BaseException as error:  # re-raised in the test's thread, which waits for something
            self._error = error

    def add(self, node: Any) -> Any:
        """Spin a node that was made in this context; it is destroyed when the test ends."""
        self.nodes.append(node)
        self.executor.add_node(node)
        return node

    def node(self, name: str = 'test', **options: Any) -> Any:
        """A plain node that is spun."""
        import rclpy

        return self.add(rclpy.create_node(name, context=self.context, **options))

    def wait_until(
        self, condition: Callable[[], Any], timeout: float = DEADLINE_S, what: str = ''
    ) -> Any:
        """Wait until `condition()` is true and return what it returned.

        Args:
            condition: asked about every 10 ms, in the test's thread.
            timeout: s.
            what: what is waited for, for the message.
        """
        end = time.monotonic() + timeout
        while not (result := condition()):
            if self._error is not None:
                raise self._error
            if time.monotonic() > end:
                name = what or getattr(condition, '__name__', 'condition')
                pytest.fail(f'waited {timeout:g} s in vain for: {name}')
            time.sleep(POLL_S)
        return result

    def call(
        self, node: Any, kind: Any, name: str, request: Any, timeout: float = DEADLINE_S
    ) -> Any:
        """Call a service from `node`, which this spins, and return the answer."""
        client = node.create_client(kind, name)
        try:
            self.wait_until(client.service_is_ready, timeout, f'service {name}')
            future = client.call_async(request)
            self.wait_until(future.done, timeout, f'answer of {name}')
            return future.result()
        finally:
            node.destroy_client(client)

    def close(self) -> None:
        """Stop spinning, destroy the nodes, end the context."""
        self._closing = True
        self._thread.join(5)  # first: what is shut down, and destroyed, must not be waited on
        self.executor.shutdown(timeout_sec=5)
        for node in self.nodes:
            with contextlib.suppress(Exception):  # a test may have destroyed it itself
                node.destroy_node()
        self.context.try_shutdown()


@contextlib.contextmanager
def _own_ros() -> Iterator[Ros]:
    helper = Ros()
    yield helper
    helper.close()


@pytest.fixture
def ros() -> Iterator[Ros]:
    """Nodes in a domain and a context of their own; see `Ros`."""
    with _own_ros() as helper:
        yield helper


@pytest.fixture(scope='module')
def module_ros() -> Iterator[Ros]:
    """The same, for the tests of a module that share what they start."""
    with _own_ros() as helper:
        yield helper
