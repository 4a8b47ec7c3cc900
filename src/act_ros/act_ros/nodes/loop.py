# SPDX-License-Identifier: Apache-2.0
"""The control loop: a thread that at each tick takes chunks in, decides, and commands.

Three ways to tick. Asynchronous: by the ticker, while inference runs beside it on the newest
observation.
Synchronous: by the ticker, each tick waiting for its inference. Lockstep: by the simulator, which
    waits for the command of each observation; then every tick's inference is of that tick's own
    observation.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from act_ros.control.ensemble import Execution
from act_ros.control.runtime import Runtime, State
from act_ros.control.ticker import Beat, Ticker, tick_of
from act_ros.nodes.inference import Engine
from act_ros.nodes.output import Output
from act_ros.nodes.senses import Senses, Sight
from act_ros.nodes.statistics import Statistics
from act_ros.robot.types import Chunk, Floats

SYNC_TIMEOUT_S = 1.0
"""A synchronous tick without lockstep gives its inference up after this."""
_SILENT_S = 1.0  # without a tick for this long, ROS time is taken to stand still
_REPEAT_S = 0.4  # a lockstep simulator repeats what it waits for every 0.5 s


class ControlLoop:
    """Owns the thread. `lock` guards runtime and engines against the services."""

    def __init__(
        self,
        runtime: Runtime,
        engine: Engine,
        ticker: Ticker,
        senses: Senses,
        output: Output,
        statistics: Statistics,
        sync: bool,
        crashed: Callable[[], object],
    ) -> None:
        """Run `engine`'s chunks through `runtime` at the ticker's beats.

        `crashed` is called when the thread ends by an error of this program: then nobody commands.
        """
        self.lock = threading.Lock()
        self.runtime, self.engine, self.statistics = runtime, engine, statistics
        self.candidate: Engine | None = None
        self.lockstep = False
        self.crashed = crashed
        self.waiting_for_clock = False
        self.worker_says = 'loading'  # the other threads must not ask the worker itself
        self.state_changed = threading.Event()
        self._ticker, self._senses, self._output, self._sync = ticker, senses, output, sync
        self._candidate_execution: Execution | None = None
        self._stop = threading.Event()
        self._said: tuple[State, str] | None = None
        self._reset_at_s: float | None = None
        self._last_tick: int | None = None
        self._reset_tick: int | None = None
        self._rate_hz = ticker.rate_hz
        self._sent: tuple[float, Floats] | None = (
            None  # stamp and command of the last lockstep tick
        )
        self._sent_at = 0.0
        self._heard = self._thrown = 0
        self._thread = threading.Thread(target=self._run, name='control', daemon=True)

    def start(self) -> None:
        """Begin to tick."""
        self._thread.start()

    def close(self) -> None:
        """Stop ticking, and say the last command once more: what the arms shall hold."""
        self._stop.set()
        self._senses.changed.set()
        if self._thread.is_alive():
            self._thread.join(timeout=1.0)
        last = self.runtime.command
        if last is not None:
            self._output.command(self._last_tick or 0, self.statistics.now_s, last)

    def new_world(self, stamp_s: float) -> None:
        """The world was set up anew at a ROS time: what was seen and planned before is void."""
        self._reset_at_s = stamp_s

    def try_out(self, engine: Engine, execution: Execution) -> None:
        """Give another policy the observations, too; it takes over once it has an action."""
        with self.lock:
            self.candidate, self._candidate_execution = engine, execution
            self.runtime.replace(execution, engine.config.cameras)

    def drop_candidate(self) -> None:
        """Keep to the present policy."""
        with self.lock:
            self.candidate, self._candidate_execution = None, None
            self.runtime.keep()

    def _run(self) -> None:
        try:
            self._tick()
        except BaseException:
            self.crashed()
            raise

    def _tick(self) -> None:
        silent_since = time.monotonic()
        while not self._stop.is_set():
            if self.lockstep:
                self._lockstep()
                continue
            beat = self._ticker.wait()
            if beat is not None:
                silent_since = time.monotonic()
                self._beat(beat)
            self.waiting_for_clock = time.monotonic() - silent_since > _SILENT_S

    def _beat(self, beat: Beat) -> None:
        if beat.jumped and self._last_tick is not None and beat.tick < self._last_tick:
            self._senses.restart()
        sight = self._senses.sight()
        with self.lock:
            if beat.jumped:
                self._reset(beat.tick)
            self._reset_if_asked(beat.tick)
            if self._sync:
                self._infer(sight, beat.tick, SYNC_TIMEOUT_S)
            self._collect(beat.tick)
            command = self.runtime.step(beat.tick, beat.now_s, sight.inputs)
            self._promote()
        self._publish(beat.tick, beat.now_s, command)
        self._last_tick = beat.tick
        self.statistics.tick(beat, sight, self.runtime)
        if not self._sync:
            self._submit(sight)

    def _lockstep(self) -> None:
        """Answer the observation that the simulator waits with, once."""
        self._senses.changed.wait(0.1)
        self._senses.changed.clear()
        sight = self._senses.sight()
        stamp_s = sight.same_moment(self.engine.config.cameras)
        if stamp_s is None:
            return
        if self._sent is not None and self._sent[0] == stamp_s:
            self._repeat()
            return
        tick = tick_of(stamp_s, self._rate_hz)
        with self.lock:
            if self._last_tick is None or tick not in (self._last_tick, self._last_tick + 1):
                self._reset(tick)  # only a new episode leaves a tick out
            self._reset_if_asked(tick)
            if self.runtime.enabled:
                self._infer(sight, tick, None)
            else:
                self._collect(tick)
            command = self.runtime.step(tick, stamp_s, sight.inputs)
            self._promote()
        if command is not None:
            self._sent, self._sent_at = (stamp_s, command), time.monotonic()
            self._heard = self._senses.joints.received
        self._publish(tick, stamp_s, command)
        if command is not None or tick != self._last_tick:
            self.statistics.tick(Beat(tick, stamp_s, 0.0, 0, False), sight, self.runtime)
        self._last_tick = tick

    def _repeat(self) -> None:
        """The simulator says the same again, so it has missed a command."""
        heard = self._senses.joints.received
        if heard > self._heard and time.monotonic() - self._sent_at > _REPEAT_S and self._sent:
            self._heard, self._sent_at = heard, time.monotonic()
            self._output.command(self._last_tick or 0, *self._sent)

    def _reset_if_asked(self, tick: int) -> None:
        """Begin anew where `new_world` said so; in lockstep the gap in time has said it mostly."""
        stamp_s, self._reset_at_s = self._reset_at_s, None
        if stamp_s is None or tick_of(stamp_s, self._rate_hz) == self._reset_tick:
            return
        self._senses.forget(stamp_s)
        self._reset(tick if self.lockstep else tick_of(stamp_s, self._rate_hz))

    def _reset(self, tick: int) -> None:
        self._reset_tick = tick
        self.runtime.reset(tick)

    def _submit(self, sight: Sight) -> dict[str, int]:
        """Hand the observation to every policy; returns the tick it is of by their folders."""
        ticks = {}
        for engine in self._engines():
            observation = sight.observation(engine.config)
            if observation is not None and engine.worker.ready:
                tick = tick_of(observation.stamp_s, self._rate_hz)
                engine.worker.submit(tick, observation)
                ticks[str(engine.folder)] = tick
        return ticks

    def _infer(self, sight: Sight, tick: int, timeout_s: float | None) -> None:
        """Let every policy predict from what is seen now and wait for it, if a chunk is due."""
        if self.candidate is None and not self.runtime.execution.due(tick):
            return
        engines = self._engines()
        thrown = [engine.worker.non_finite for engine in engines]
        awaited = self._submit(sight)
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while awaited and not self._stop.is_set():
            for engine, chunk in self._collect(tick):
                if awaited.get(str(engine.folder)) == chunk.tick:
                    del awaited[str(engine.folder)]
            broken = any(engine.worker.error for engine in engines)
            if broken or [engine.worker.non_finite for engine in engines] != thrown:
                return
            if deadline is not None and time.monotonic() > deadline:
                return
            time.sleep(0.0005)

    def _collect(self, tick: int) -> list[tuple[Engine, Chunk]]:
        """Take in every chunk that has come; returns them."""
        came = []
        for engine in self._engines():
            while (chunk := engine.worker.poll()) is not None:
                came.append((engine, chunk))
                if self.runtime.accept(chunk, tick, engine is self.candidate):
                    self.statistics.chunk(chunk)
                    self._output.chunk(chunk)
        worker = self.engine.worker
        if worker.error:
            self.runtime.fail(f'the policy stopped: {worker.error}')
        self.worker_says = worker.error or ('running' if worker.ready else 'loading')
        self._count_thrown(worker.non_finite)
        return came

    def _count_thrown(self, non_finite: int) -> None:
        """Tell the runtime of predictions that the inference process threw away."""
        if non_finite > self._thrown:
            self.runtime.reject(
                non_finite - self._thrown,
                'the network predicted values that are not finite; those chunks are dropped',
            )
        self._thrown = non_finite

    def _engines(self) -> list[Engine]:
        return [self.engine] if self.candidate is None else [self.engine, self.candidate]

    def _promote(self) -> None:
        """If the runtime has gone over to the other policy's execution, that policy is the one."""
        if self.candidate is not None and self.runtime.execution is self._candidate_execution:
            self.engine, self.candidate = self.candidate, None
            self._candidate_execution = None

    def _publish(self, tick: int, stamp_s: float, command: Floats | None) -> None:
        if command is not None:
            self._output.command(tick, stamp_s, command)
            self.statistics.sent(time.monotonic())
        said = (self.runtime.state, self.runtime.reason if command is None else '')
        if said != self._said:
            self._said = said
            self.state_changed.set()
