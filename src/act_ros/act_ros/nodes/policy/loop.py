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
from act_ros.nodes.policy.engine import Engine, Worker
from act_ros.nodes.policy.observer import Observer, RobotView
from act_ros.nodes.policy.statistics import Statistics
from act_ros.nodes.shared.commands import CommandOutput
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
        observer: Observer,
        output: CommandOutput,
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
        self.broken = (
            ''  # why the engine's process is of no use any more; the loop leaves it alone
        )
        self.timeout_s = 3.0  # an inference process that gives no answer for this long hangs
        self.sync = sync
        self._asked_at: float | None = None  # since when an answer is due, steady time
        self.state_changed = threading.Event()
        self._ticker, self._observer, self._output = ticker, observer, output
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
        self._taken: list[Chunk] = []  # to be published once the tick's command is out
        self._thread = threading.Thread(target=self._run, name='control', daemon=True)

    def start(self) -> None:
        """Begin to tick."""
        self._thread.start()

    def close(self) -> None:
        """Stop ticking, and say the last command once more: what the arms shall hold."""
        self._stop.set()
        self._observer.changed.set()
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

    def drop_candidate(self, engine: Engine) -> bool:
        """Keep to the present policy; False if `engine` has just become that."""
        with self.lock:
            if self.engine is engine:
                return False
            self.candidate, self._candidate_execution = None, None
            self.runtime.keep()
            return True

    def retune(self, execution: Execution) -> None:
        """Execute the present policy in another way, from its next chunk on."""
        with self.lock:
            self.runtime.replace(execution, self.engine.config.cameras, own=True)

    def install(self, engine: Engine, afresh: bool) -> None:
        """Run the present policy by another process; `afresh`: its chunks are too old to go on with."""
        with self.lock:
            self._renew(engine)
            if afresh:
                self.runtime.execution.reset()

    def _renew(self, engine: Engine) -> None:
        self.engine, self.broken, self.runtime.trouble = engine, '', ''
        self._asked_at, self._thrown = None, 0
        self.worker_says = 'running'

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
                # The clock stands still for as long as the answer is waited for.
                silent_since, self.waiting_for_clock = time.monotonic(), False
                self._lockstep()
                continue
            beat = self._ticker.wait()
            if beat is not None:
                silent_since = time.monotonic()
                self._beat(beat)
            self.waiting_for_clock = time.monotonic() - silent_since > _SILENT_S

    def _beat(self, beat: Beat) -> None:
        if beat.jumped and self._last_tick is not None and beat.tick < self._last_tick:
            self._observer.restart()
        sight = self._observer.sight()
        with self.lock:
            if beat.jumped:
                self._reset(beat.tick)
            self._reset_if_asked(beat.tick)
            if self.sync:
                self._infer(sight, beat.tick, SYNC_TIMEOUT_S)
            self._collect(beat.tick)
            command = self.runtime.step(beat.tick, beat.now_s, sight.inputs)
            self._promote()
        self._publish(beat.tick, beat.now_s, command)
        self._last_tick = beat.tick
        self.statistics.tick(beat, sight, self.runtime)
        if not self.sync:
            self._submit(sight)

    def _lockstep(self) -> None:
        """Answer the observation that the simulator waits with, once."""
        self._observer.changed.wait(0.1)
        self._observer.changed.clear()
        sight = self._observer.sight()
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
            # Without the network the simulator waits: the episode is the same when it is back.
            command = self.runtime.step(tick, stamp_s, sight.inputs)
            self._promote()
            if self.broken:
                command = None
        if command is not None:
            self._sent, self._sent_at = (stamp_s, command), time.monotonic()
            self._heard = self._observer.joints.received
        self._publish(tick, stamp_s, command)
        if command is not None or tick != self._last_tick:
            self.statistics.tick(Beat(tick, stamp_s, 0.0, 0, False), sight, self.runtime)
        self._last_tick = tick

    def _repeat(self) -> None:
        """The simulator says the same again, so it has missed a command."""
        heard = self._observer.joints.received
        if heard > self._heard and time.monotonic() - self._sent_at > _REPEAT_S and self._sent:
            self._heard, self._sent_at = heard, time.monotonic()
            self._output.command(self._last_tick or 0, *self._sent)

    def _reset_if_asked(self, tick: int) -> None:
        """Begin anew where `new_world` said so."""
        stamp_s, self._reset_at_s = self._reset_at_s, None
        if stamp_s is None or tick_of(stamp_s, self._rate_hz) == self._reset_tick:
            return
        self._observer.forget(stamp_s)
        self._reset(tick if self.lockstep else tick_of(stamp_s, self._rate_hz))

    def _reset(self, tick: int) -> None:
        self._reset_tick = tick
        self.runtime.reset(tick)

    def _submit(self, sight: RobotView) -> dict[int, int]:
        """Hand the observation to every policy; returns the tick it is of by the engine's id."""
        ticks = {}
        for engine in self._engines():
            observation = sight.observation(engine.config)
            if observation is not None and engine.worker.ready:
                tick = tick_of(observation.stamp_s, self._rate_hz)
                engine.worker.submit(tick, observation)
                ticks[id(engine)] = tick
                if engine is self.engine and self._asked_at is None:
                    self._asked_at = time.monotonic()
        return ticks

    def _infer(self, sight: RobotView, tick: int, timeout_s: float | None) -> None:
        """Let every policy predict from what is seen now and wait for it, if a chunk is due."""
        due = self.runtime.execution.due(tick) or self.runtime.replacing
        if self.candidate is None and not due:
            return
        engines = self._engines()
        thrown = [engine.worker.non_finite for engine in engines]
        awaited = self._submit(sight)
        if self.candidate is not None:  # that it hangs must not stop the present one
            timeout_s = min(timeout_s or self.timeout_s, self.timeout_s)
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while awaited and not self._stop.is_set():
            for engine, chunk in self._collect(tick):
                if awaited.get(id(engine)) == chunk.tick:
                    del awaited[id(engine)]
            failed = self.broken or any(engine.worker.error for engine in engines)
            if failed or [engine.worker.non_finite for engine in engines] != thrown:
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
                if engine is self.engine:
                    self._asked_at = None
                if self.runtime.accept(chunk, tick, engine is self.candidate):
                    self.statistics.chunk(chunk)
                    self._taken.append(chunk)
        if not self.broken:
            self._check(self.engine.worker)
        return came

    def _check(self, worker: Worker) -> None:
        """Notice what the policy's process threw away, that it has ended, or that it hangs."""
        if worker.non_finite > self._thrown:
            self._asked_at = None
            self._count_thrown(worker.non_finite)
        self.broken = worker.error or self._hangs()
        self.worker_says = self.broken or ('running' if worker.ready else 'loading')
        self.runtime.trouble = f'the policy stopped: {self.broken}' if self.broken else ''

    def _hangs(self) -> str:
        if self._asked_at is None:
            return ''
        waited_s = time.monotonic() - self._asked_at
        # A network that is slow on this machine is no network that hangs.
        if waited_s <= max(self.timeout_s, 5.0 * self.statistics.inference_s):
            return ''
        return f'the inference process has not answered for {waited_s:.1f} s'

    def _count_thrown(self, non_finite: int) -> None:
        """Tell the runtime of predictions that the inference process threw away."""
        self.runtime.reject(
            non_finite - self._thrown,
            'the network predicted values that are not finite; those chunks are dropped',
        )
        self._thrown = non_finite

    def _engines(self) -> list[Engine]:
        """Those that may be asked."""
        present = [] if self.broken else [self.engine]
        return present if self.candidate is None else [*present, self.candidate]

    def _promote(self) -> None:
        """If the runtime has gone over to the other policy's execution, that policy is the one."""
        if self.candidate is not None and self.runtime.execution is self._candidate_execution:
            self._renew(self.candidate)
            self.candidate, self._candidate_execution = None, None

    def _publish(self, tick: int, stamp_s: float, command: Floats | None) -> None:
        if command is not None:
            self._output.command(tick, stamp_s, command)
            self.statistics.sent(time.monotonic())
        while self._taken:
            self._output.chunk(self._taken.pop(0))
        said = (self.runtime.state, self.runtime.reason if command is None else '')
        if said != self._said:
            self._said = said
            self.state_changed.set()
