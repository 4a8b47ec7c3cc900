# SPDX-License-Identifier: Apache-2.0
"""Another policy while the loop runs: loaded and warmed beside the present one, then changed over."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.node import Node

from act_ros.control.ensemble import Execution
from act_ros.nodes.policy.engine import Engine, Unloaded, wait_ready
from act_ros.nodes.policy.loop import ControlLoop
from act_ros.nodes.policy.observer import Observer
from act_ros.nodes.policy.supervisor import Supervisor
from act_ros.policy.errors import PolicyError

READY_S = 120.0
"""A policy that isn't loaded and warm after this will not be."""
PREPARED_S = 600.0
"""The same where nothing waits for it meanwhile: an engine that is to be prepared first takes its time."""
FIRST_FRAME_S = 4.0
TAKE_OVER_S = 10.0


class Swap:
    """Changes the loop's policy. Used by one thread at a time, which waits; the loop doesn't."""

    def __init__(
        self,
        node: Node,
        loop: ControlLoop,
        observer: Observer,
        supervisor: Supervisor,
        cancelled: Callable[[], bool],
    ) -> None:
        """Change the policy of `loop` for a node that is spun; `cancelled` ends any waiting."""
        self._node, self._loop, self._observer = node, loop, observer
        self._supervisor, self._cancelled = supervisor, cancelled

    def to(self, make: Callable[[], Engine], execution: Callable[[Engine], Execution]) -> Engine:
        """Go over to the engine that `make` begins to load; returns it once it commands. Hold the supervisor's `busy`.

        Raises:
            ValueError: it cannot be used, and why; the present policy has gone on and goes on.
        """
        begin = time.monotonic()
        engine = make()
        present = self._loop.engine
        try:
            executed = execution(engine)
            self._subscribe(engine)
            wait_ready(engine.worker, READY_S, self._cancelled)
            loaded_s = time.monotonic() - begin
            self._see(engine)
            self._loop.try_out(engine, executed)
            self._wait_for(lambda: self._loop.engine is engine, TAKE_OVER_S)
            if self._loop.drop_candidate(engine):
                raise PolicyError(self._why_not(engine))
        except BaseException:
            self._loop.drop_candidate(engine)
            engine.worker.close(0.2)
            self._unsubscribe(present)
            raise
        self._supervisor.forget()
        took_s = time.monotonic() - begin
        present.worker.close(0.0)  # it has nothing to finish, and its memory is wanted back
        self._unsubscribe(engine)
        self._node.get_logger().info(
            f'policy {engine.folder} is live after {took_s:.1f} s, {loaded_s:.1f} s of them to load it'
        )
        return engine

    def begin(
        self, make: Callable[[], Engine], execution: Callable[[Engine], Execution]
    ) -> Engine:
        """Take the engine that `make` begins to load where none is loaded. Hold the supervisor's `busy`.

        Raises:
            ValueError: it cannot be used, and why.
        """
        present, engine = self._loop.engine, make()
        try:
            execution(engine)  # what cannot be executed need not be loaded
            if not isinstance(engine.worker, Unloaded):
                wait_ready(engine.worker, PREPARED_S, self._cancelled)
            self._watch(engine)
            self._loop.begin(engine, execution(engine))
        except BaseException:
            engine.worker.close(0.2)
            raise
        self._supervisor.forget()
        present.worker.close(0.0)  # one that could not be loaded
        self._unsubscribe(engine)
        return engine

    def _why_not(self, engine: Engine) -> str:
        worker = engine.worker
        if worker.error:
            why = worker.error
        elif worker.non_finite:
            why = f'{worker.non_finite} predictions held values that are not finite'
        else:
            why = self._loop.runtime.reason or 'no chunk came'
        return f'{engine.folder.name} gave no usable action within {TAKE_OVER_S:g} s: {why}'

    def _watch(self, engine: Engine) -> None:
        """Listen to the policy's cameras, too."""
        new = self._observer.watch(engine.config.cameras, engine.config.image_size)
        for node in new:
            assert self._observer.joints.executor is not None
            self._observer.joints.executor.add_node(node)

    def _subscribe(self, engine: Engine) -> None:
        """Listen to the policy's cameras, too, while it is loading."""
        self._watch(engine)
        topics = map(self._observer.topic, engine.config.cameras)
        silent = [topic for topic in topics if not self._node.count_publishers(topic)]
        if silent:
            raise PolicyError(
                f'{engine.folder.name} needs {", ".join(silent)}, which nobody publishes; start that '
                f'camera, or choose another checkpoint'
            )

    def _see(self, engine: Engine) -> None:
        """Wait for the first frames."""
        self._wait_for(lambda: self._observer.sight().observation(engine.config), FIRST_FRAME_S)
        if self._observer.sight().observation(engine.config) is None:
            topics = map(self._observer.topic, engine.config.cameras)
            notes = [node.note for node in self._observer.sources().values() if node.note]
            raise PolicyError(
                f'{engine.folder.name} needs {", ".join(topics)} and the joint states, and not all of '
                f'them came within {FIRST_FRAME_S:g} s {"; ".join(notes)}'.rstrip()
            )

    def _unsubscribe(self, engine: Engine) -> None:
        """Listen only to what this policy needs, in its size."""
        executor = self._observer.joints.executor
        for node in self._observer.keep(engine.config.cameras, engine.config.image_size):
            if executor is not None:
                executor.remove_node(node)
            node.destroy_node()

    def _wait_for(self, condition: Callable[[], Any], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition() and time.monotonic() < deadline and not self._cancelled():
            time.sleep(0.01)
