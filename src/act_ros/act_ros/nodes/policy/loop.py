# SPDX-License-Identifier: Apache-2.0
"""The control loop: a thread that at each tick takes chunks in, decides, and commands.

Three ways to tick. Asynchronous: by the ticker, while inference runs beside it on the newest
observation.
Synchronous: by the ticker, each tick waiting for its inference; its command goes out at three
    quarters of its period, or when the inference is done if that is later.
Lockstep: by the simulator, which waits for the command of each observation; then every tick's
    inference is of that tick's own observation.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from act_ros.control.ensemble import Execution
from act_ros.control.guide import REANCHOR_S
from act_ros.control.inference_mode import PHASE, InferenceMode
from act_ros.control.runtime import Runtime, State
from act_ros.control.ticker import Beat, Ticker, tick_of
from act_ros.nodes.policy.engine import Engine, Unloaded
from act_ros.nodes.policy.inference import Inference
from act_ros.nodes.policy.observer import Observer, RobotView
from act_ros.nodes.policy.statistics import Statistics
from act_ros.nodes.shared.commands import CommandOutput
from act_ros.nodes.shared.gate_keeper import ANSWER_S
from act_ros.nodes.shared.times import boot_s
from act_ros.robot.types import Floats

_SILENT_WAITS = 10  # of 0.1 s; without a tick in more of them, ROS time is taken to stand still
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
        mode: InferenceMode,
        crashed: Callable[..., object],
    ) -> None:
        """Run `engine`'s chunks through `runtime` at the ticker's beats.

        `crashed` is called when the thread ends by an error of this program: then nobody commands.
        """
        self.lock = threading.Lock()
        self.runtime, self.statistics = runtime, statistics
        self.lockstep = False
        self.crashed = crashed
        self.waiting_for_clock = False
        self.cadence = ticker.cadence
        self.mode = mode
        self.state_changed = threading.Event()
        self._ticker, self._observer, self._output = ticker, observer, output
        self._stop = threading.Event()
        self._watchdog = output.watchdog(crashed)
        self.inference = Inference(runtime, engine, statistics, mode, ticker.rate_hz, self._ending)
        self._said: tuple[State, str] | None = None
        # Since when, and whether the arms are elsewhere.
        self._reset_asked: tuple[float, bool] | None = None
        self._last_tick: int | None = None
        self._reset_tick: int | None = None
        self._rate_hz = ticker.rate_hz
        # Stamp and command of the last lockstep tick, and the gate's opening then.
        self._sent: tuple[float, Floats, int] | None = None
        self._sent_at, self._beat_at = 0.0, -float('inf')
        self._heard = 0
        self._thread = threading.Thread(target=self._run, name='control', daemon=True)

    @property
    def engine(self) -> Engine:
        """The present policy."""
        return self.inference.engine

    def start(self) -> None:
        """Begin to tick."""
        self._thread.start()
        self._watchdog.start()

    def close(self) -> None:
        """Stop ticking, and say the last command once more: what the arms shall hold."""
        self._stop.set()
        self._watchdog.close()
        self._observer.changed.set()
        if self._thread.is_alive():
            self._thread.join(timeout=1.0)
        last = self.runtime.command
        if last is not None:
            self._output.command(self._last_tick or 0, self.statistics.now_s, last)

    @property
    def shut(self) -> str:
        """Why commands are not sent, whatever the runtime decides; '' while they are."""
        return self._output.gate.why

    def enable(self) -> bool:
        """Enable the runtime; False: no policy is loaded."""
        with self.lock:
            if self.inference.unloaded:
                return False
            # Only now, and under the lock: what was computed before is of where the arms were then.
            if self.runtime.enable(anew=bool(self._output.gate.fault)):
                self._output.permit()
            return True

    def disarm(self) -> bool:
        """Disable the runtime; False: the thread that commands holds the lock, and hangs."""
        if not self.lock.acquire(timeout=ANSWER_S):
            return False
        self.runtime.disable()
        self.lock.release()
        return True

    def new_world(self, stamp_s: float, moved: bool = True) -> None:
        """The world was set up anew at a ROS time: what was seen and planned before is void, and so is a fault.

        `moved`: the arms are elsewhere at once.
        """
        asked = self._reset_asked
        self._reset_asked = stamp_s, moved or (asked is not None and asked[1])

    def try_out(self, engine: Engine, execution: Execution) -> None:
        """Give another policy the observations, too; it takes over once it has an action."""
        with self.lock:
            self.inference.try_out(engine, execution)

    def drop_candidate(self, engine: Engine) -> bool:
        """Keep to the present policy; False if `engine` has just become that."""
        with self.lock:
            return self.inference.drop_candidate(engine)

    def retune(self, execution: Execution) -> None:
        """Execute the present policy in another way, from its next chunk on."""
        with self.lock:
            self.runtime.replace(execution, self.engine.config.cameras, own=True)

    def begin(self, engine: Engine, execution: Execution) -> None:
        """Run a policy from now on where none has run."""
        with self.lock:
            self.inference.install(engine)
            self.runtime.execution, self.runtime.cameras = execution, engine.config.cameras
            self.runtime.keep()

    def unload(self) -> Engine | None:
        """Go on without a policy; returns what ran, or None where the arms are enabled."""
        with self.lock:
            if self.runtime.enabled:
                return None
            was = self.engine
            self.inference.install(replace(was, worker=Unloaded()))
            self.runtime.execution.reset()
            return was

    def install(self, engine: Engine, afresh: bool) -> None:
        """Run the present policy by another process; `afresh`: its chunks are too old to go on with."""
        with self.lock:
            self.inference.install(engine)
            if afresh:
                self.runtime.execution.reset()

    def _run(self) -> None:
        try:
            self._tick()
        except BaseException:
            self.crashed()
            raise

    def _tick(self) -> None:
        silent = 0  # waits in vain: seconds would count a halt of this process, too, as one of the clock
        while not self._ending():
            if self.lockstep:
                # The clock stands still for as long as the answer is waited for.
                silent, self.waiting_for_clock = 0, False
                self._lockstep()
                continue
            beat = self._ticker.wait()
            silent = 0 if beat else silent + 1
            if beat is not None:
                self._beat(beat)
            self.waiting_for_clock = silent > _SILENT_WAITS

    def _ending(self) -> bool:
        """Whether to stop; who asks lives."""
        self._watchdog.pulse()
        return self._stop.is_set()

    def _beat(self, beat: Beat) -> None:
        if beat.jumped and self._last_tick is not None and beat.tick < self._last_tick:
            self._observer.restart()
        with self.lock:
            sync = self.mode.sync
            if beat.jumped:
                self._reset(beat.tick, self._moved(), pardon=False)
            self._beat_at = boot_s()
            self._reset_if_asked(beat.tick)
            sight = self._observer.sight()  # only now: what was seen before a reset is forgotten
            if sync:
                self._infer(sight, beat)
            self.inference.collect(beat.tick)
            opening = self._output.gate.opening
            command = self.runtime.step(beat.tick, beat.now_s, sight.inputs)
            self.inference.promote()
        self._publish(beat.tick, beat.now_s, command, opening)
        self._last_tick = beat.tick
        self.statistics.tick(beat, sight, self.runtime)
        if not sync:
            self.inference.submit(sight, beat.now_s)

    def _infer(self, sight: RobotView, beat: Beat) -> None:
        """Wait for the inference of a tick, and then for the moment at which its command is due."""
        alone = self.inference.candidate is None  # how slow another policy is, is its own matter
        self.inference.ask(sight, beat.tick, beat.now_s, self.mode.patience_s)
        if alone and self.inference.loaded:
            self.mode.count(late=self._ticker.into(beat.tick) >= 1.0)
        # Not as soon as it is done: commands would be as uneven as inference is.
        self._ticker.hold(beat.tick, PHASE)

    def _lockstep(self) -> None:
        """Answer the observation that the simulator waits with, once."""
        self._observer.changed.wait(0.1)
        self._observer.changed.clear()
        sight = self._observer.sight()
        stamp_s = sight.same_moment(self.engine.config.cameras)
        if stamp_s is None:
            return
        if self._sent and self._sent[::2] == (stamp_s, self._output.gate.opening):
            self._repeat()
            return
        tick = tick_of(stamp_s, self._rate_hz)
        with self.lock:
            if self._last_tick is None or tick not in (self._last_tick, self._last_tick + 1):
                self._reset(tick)  # only a new episode leaves a tick out
            self._reset_if_asked(tick)
            if self.runtime.enabled:
                self.inference.ask(sight, tick, stamp_s, None)
            else:
                self.inference.collect(tick)
            opening = self._output.gate.opening
            # Without the network the simulator waits: the episode is the same when it is back.
            command = self.runtime.step(tick, stamp_s, sight.inputs)
            self.inference.promote()
            if self.inference.broken:
                command = None
        if command is not None:
            self._sent, self._sent_at = (stamp_s, command, opening), time.monotonic()
            self._heard = self._observer.joints.received
        self._publish(tick, stamp_s, command, opening)
        if command is not None or tick != self._last_tick:
            self.statistics.tick(Beat(tick, stamp_s, 0, False), sight, self.runtime)
        self._last_tick = tick

    def _repeat(self) -> None:
        """The simulator says the same again, so it has missed a command."""
        heard = self._observer.joints.received
        if heard > self._heard and time.monotonic() - self._sent_at > _REPEAT_S and self._sent:
            self._heard, self._sent_at = heard, time.monotonic()
            self._output.command(self._last_tick or 0, *self._sent)

    def _reset_if_asked(self, tick: int) -> None:
        """Begin anew where `new_world` said so."""
        asked, self._reset_asked = self._reset_asked, None
        since = None if asked is None else tick_of(asked[0], self._rate_hz)
        if asked is None or since is None or since == self._reset_tick:
            return
        self._observer.forget(asked[0])
        self._reset(tick if self.lockstep else since, asked[1])

    def _moved(self) -> bool:
        """Whether, where ROS time jumped, the arms may be elsewhere: this process was halted, or the world is another.

        Where only the clock was set, commands went out all along.
        """
        return self._observer.simulated or boot_s() - self._beat_at > REANCHOR_S

    def _reset(self, tick: int, moved: bool = True, pardon: bool = True) -> None:
        """Begin anew; `pardon` a fault where a person says so, or the world is another."""
        self._reset_tick = tick if pardon else None
        self.runtime.reset(tick, moved, pardon)
        self.inference.new_world()

    def _publish(self, tick: int, stamp_s: float, command: Floats | None, opening: int) -> None:
        if command is not None and self._output.command(tick, stamp_s, command, opening):
            now_s = time.monotonic()
            self.statistics.sent(now_s)
            self._ticker.cadence.out(now_s)
        while self.inference.taken:
            self._output.chunk(self.inference.taken.pop(0))
        said = (self.runtime.state, self.runtime.reason if command is None else '')
        if said != self._said:
            self._said = said
            self.state_changed.set()
