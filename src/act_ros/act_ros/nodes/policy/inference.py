# SPDX-License-Identifier: Apache-2.0
"""The policies' processes as the control loop has to do with them: asked, heard, and noticed when they fail."""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from collections.abc import Callable

from act_ros.control.ensemble import Execution
from act_ros.control.inference_mode import InferenceMode
from act_ros.control.runtime import Runtime
from act_ros.control.ticker import tick_of
from act_ros.nodes.policy.engine import Engine, Unloaded, Worker
from act_ros.nodes.policy.observer import RobotView
from act_ros.nodes.policy.statistics import Statistics
from act_ros.robot.types import Chunk

NOT_LOADED = 'not loaded'
_LOOK_S = 0.01  # how often a tick that waits for its inference looks whether it is to stop
_MOST_IN_FLIGHT = 10_000  # observations since the last answer; for a process that never gives one


class Inference:
    """The present policy, and one that is to take over. The loop's thread calls it, under the loop's lock.

    Attributes:
        engine: the present policy.
        loaded: whether the present one's process has been seen to be ready.
        candidate: the one that takes over once it has an action, if any.
        broken: why the present one's process is of no use any more; then it is left alone.
        worker_says: the same or how it is; the other threads must not ask the process itself.
        timeout_s: a process that gives no answer for this long hangs.
        taken: chunks that came, to be published once the tick's command is out.
    """

    def __init__(
        self,
        runtime: Runtime,
        engine: Engine,
        statistics: Statistics,
        mode: InferenceMode,
        rate_hz: float,
        stopped: Callable[[], bool],
    ) -> None:
        """Hand `engine`'s chunks to `runtime`, tell `mode` how fast it is; `stopped` ends any waiting."""
        self.engine, self.loaded = engine, False
        self.candidate: Engine | None = None
        self.broken, self.worker_says = '', 'loading'
        self.timeout_s = 3.0
        self.taken: list[Chunk] = []
        self._runtime, self._statistics, self._mode = runtime, statistics, mode
        self._rate_hz, self._stopped = rate_hz, stopped
        self._candidate_execution: Execution | None = None
        self._asked_at: float | None = None  # since when an answer is due, steady time
        self._thrown = 0
        # By the engine's id: the ticks that it was given and has not answered, with the world they are of.
        self._flight: defaultdict[int, deque[tuple[int, int]]] = defaultdict(_flight)
        self._world = 0

    @property
    def unloaded(self) -> bool:
        """Whether there is no process, and is to be none."""
        return isinstance(self.engine.worker, Unloaded)

    def try_out(self, engine: Engine, execution: Execution) -> None:
        """Give another policy the observations, too; it takes over once it has an action."""
        self.candidate, self._candidate_execution = engine, execution
        self._runtime.replace(execution, engine.config.cameras)

    def drop_candidate(self, engine: Engine) -> bool:
        """Keep to the present policy; False if `engine` has just become that."""
        if self.engine is engine:
            return False
        self.candidate, self._candidate_execution = None, None
        self._runtime.keep()
        return True

    def install(self, engine: Engine) -> None:
        """Let this be the present policy from now on."""
        self.engine, self.broken, self._runtime.trouble = engine, '', ''
        self._asked_at, self._thrown = None, 0
        self._flight = defaultdict(_flight, {id(engine): self._flight[id(engine)]})
        self.worker_says = 'running'
        if self.unloaded:
            self.loaded = False
            self._mode.load(math.inf)
        else:
            self._load()

    def new_world(self) -> None:
        """What was submitted so far was seen before the world was set up anew: the answers to it are void.

        The chunk's tick does not tell: it is that of the joint states, and a picture may be older.
        """
        self._world += 1

    def submit(self, sight: RobotView, now_s: float) -> dict[int, int]:
        """Hand the observation to every policy that can use it; returns the tick it is of by the engine's id."""
        ticks = {}
        for engine in self._engines():
            if self._runtime.freshness.complaints(now_s, sight.inputs, engine.config.cameras):
                continue  # what must not move the arms must not plan for them either
            observation = sight.observation(engine.config)
            if observation is not None and engine.worker.ready:
                tick = tick_of(observation.stamp_s, self._rate_hz)
                self._flight[id(engine)].append((tick, self._world))
                engine.worker.submit(tick, observation)
                ticks[id(engine)] = tick
                if engine is self.engine and self._asked_at is None:
                    self._asked_at = time.monotonic()
        return ticks

    def ask(self, sight: RobotView, tick: int, now_s: float, timeout_s: float | None) -> None:
        """Let every policy predict from what is seen now and wait for it, if a chunk is due."""
        due = self._runtime.execution.due(tick) or self._runtime.replacing
        if self.candidate is None and not due:
            return
        engines = self._engines()
        thrown = [engine.worker.non_finite for engine in engines]
        awaited = self.submit(sight, now_s)
        if self.candidate is not None:  # that it hangs must not stop the present one
            timeout_s = min(timeout_s or self.timeout_s, self.timeout_s)
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while awaited and not self._stopped():
            next(each for each in engines if id(each) in awaited).worker.wait(_LOOK_S)
            came = self.collect(tick)
            for engine, chunk in came:
                if awaited.get(id(engine)) == chunk.tick:
                    del awaited[id(engine)]
            failed = self.broken or any(engine.worker.error for engine in engines)
            if failed or [engine.worker.non_finite for engine in engines] != thrown:
                return
            if deadline is not None and time.monotonic() > deadline:
                return
            if not came:  # a process that ends is heard for a while before it is gone
                time.sleep(0.0005)

    def collect(self, tick: int) -> list[tuple[Engine, Chunk]]:
        """Take in every chunk that has come; returns them."""
        came = []
        for engine in self._engines():
            while (chunk := engine.worker.poll()) is not None:
                chunk = engine.grid.lay(chunk)
                came.append((engine, chunk))
                if engine is self.engine:
                    self._asked_at = None
                if not self._of_this_world(engine, chunk):
                    continue
                if self._runtime.accept(chunk, tick, engine is self.candidate):
                    self._statistics.chunk(chunk)
                    self.taken.append(chunk)
        if not self.broken:
            self._check(self.engine.worker)
        return came

    def _of_this_world(self, engine: Engine, chunk: Chunk) -> bool:
        """Whether a chunk answers to what was seen in the present world. Those it has overtaken have no answer."""
        flight = self._flight[id(engine)]
        while flight:
            tick, world = flight.popleft()
            if tick == chunk.tick:
                return world == self._world
        return False

    def _check(self, worker: Worker) -> None:
        """Notice what the policy's process threw away, that it has ended, or that it hangs."""
        if worker.non_finite > self._thrown:
            self._asked_at = None
            self._count_thrown(worker.non_finite)
        self.broken = worker.error or self._hangs()
        ready = worker.ready
        if ready and not self.loaded:
            self._load()
        waiting = NOT_LOADED if self.unloaded else 'loading'
        self.worker_says = self.broken or ('running' if ready else waiting)
        self._runtime.trouble = f'the policy stopped: {self.broken}' if self.broken else ''

    def _load(self) -> None:
        self.loaded = True
        self._mode.load(self.engine.worker.pass_s)

    def _hangs(self) -> str:
        if self._asked_at is None:
            return ''
        waited_s = time.monotonic() - self._asked_at
        # A network that is slow on this machine is no network that hangs.
        if waited_s <= max(self.timeout_s, 5.0 * self._statistics.inference_s):
            return ''
        return f'the inference process has not answered for {waited_s:.1f} s'

    def _count_thrown(self, non_finite: int) -> None:
        """Tell the runtime of predictions that the inference process threw away."""
        self._runtime.reject(
            non_finite - self._thrown,
            'the network predicted values that are not finite; those chunks are dropped',
        )
        self._thrown = non_finite

    def _engines(self) -> list[Engine]:
        """Those that may be asked."""
        present = [] if self.broken else [self.engine]
        return present if self.candidate is None else [*present, self.candidate]

    def promote(self) -> None:
        """If the runtime has gone over to the other policy's execution, that policy is the one."""
        if self.candidate is not None and self._runtime.execution is self._candidate_execution:
            self.install(self.candidate)
            self.candidate, self._candidate_execution = None, None


def _flight() -> deque[tuple[int, int]]:
    return deque(maxlen=_MOST_IN_FLIGHT)
