# SPDX-License-Identifier: Apache-2.0
"""Episodes of policies in a simulated world, tick by tick, through the runtime that the node drives, too.

An engine is imported by who makes an `Evaluator`, not by who reads its results.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from math import floor
from typing import TYPE_CHECKING

import numpy as np

from act_ros.commands.report import EpisodeTrace
from act_ros.control.chunk_grid import ChunkGrid
from act_ros.control.ensemble import make_execution
from act_ros.control.limiter import Limiter
from act_ros.control.runtime import Runtime, State
from act_ros.control.smoothness import Smoothness, SmoothnessMeter
from act_ros.control.tick_inputs import TickInputs
from act_ros.data.child_processes import each
from act_ros.policy.engines.choice import REFERENCE, EngineChoice
from act_ros.policy.errors import NonFiniteError
from act_ros.robot.spec import RobotSpec
from act_ros.robot.types import Chunk, Floats, Frame
from act_ros.sim.cameras import CameraRig
from act_ros.sim.world import STEPS, UnstableSimulationError, World

if TYPE_CHECKING:
    from act_ros.policy.policy import Policy

Episode = tuple[int, int]
"""Which policy of a setting, by its index, and the seed."""


@dataclass(frozen=True)
class EvaluationSetting:
    """What is evaluated, and how chunks are executed.

    Attributes:
        checkpoints: folders or files of the policies, resolved.
        task: of the simulation.
        ensemble, m, execute: as `make_execution`'s.
        delay: ticks from an observation to the first tick at which its chunk is there.
        rate_hz: inferences that begin in a second, at most one a tick; None: one a tick.
        threads: of the network.
        engines: what runs each policy; () is PyTorch in fp32 for all.
    """

    checkpoints: tuple[str, ...]
    task: str
    ensemble: str = 'oldest'
    m: float = 0.01
    execute: int = 0
    delay: int = 0
    rate_hz: float | None = None
    threads: int = 1
    engines: tuple[EngineChoice, ...] = ()

    @property
    def lockstep(self) -> bool:
        """Whether each tick's inference is of that tick's own observation."""
        return self.delay == 0 and self.rate_hz is None


@dataclass(frozen=True)
class Result:
    """One episode.

    Attributes:
        seed: of the world.
        success: whether stage 4 was reached.
        max_reward: the highest stage, 0 to 4.
        steps: ticks that the world went on.
        waited: ticks before the first command.
        held: ticks after it without an action, on which the last command was repeated.
        inferences: chunks that were predicted.
        non_finite: predictions that were thrown away.
        inference_ms: median time of a prediction; None without one.
        smoothness: of the commands.
        note: what ended the episode early, or kept it from beginning; '' for nothing of the kind.
        digest: of every joint position on the way. The same seed, setting and policy on the same
            machine give the same digest.
    """

    seed: int
    success: bool
    max_reward: int
    steps: int
    waited: int
    held: int
    inferences: int
    non_finite: int
    inference_ms: float | None
    smoothness: Smoothness
    note: str
    digest: str


class Flight:
    """Chunks on their way: what the node's inference process does in seconds, in whole ticks."""

    def __init__(self, delay: int, share: float) -> None:
        """Let chunks take `delay` ticks; `share`: inferences a tick, at most 1."""
        self._delay, self._share = delay, share
        self._chunks: deque[Chunk] = deque()

    def begins(self, tick: int) -> bool:
        """Whether an inference begins at a tick: at tick 0, and then every 1 / `share` ticks, rounded up."""
        # A millionth of slack: a third of a tick three times is a whole one, less a rounding.
        return floor(tick * self._share + 1e-6) > floor((tick - 1) * self._share + 1e-6)

    def add(self, chunk: Chunk) -> None:
        """Send a chunk on its way."""
        self._chunks.append(chunk)

    def arrived(self, tick: int) -> Generator[Chunk, None, None]:
        """Those that are there by a tick, each once."""
        while self._chunks and self._chunks[0].tick + self._delay <= tick:
            yield self._chunks.popleft()


class Controller:
    """From what is seen at a tick to its command, for one episode: policy, flight and the node's runtime."""

    def __init__(self, policy: Policy, setting: EvaluationSetting, spec: RobotSpec) -> None:
        """Begin with nothing seen and nothing commanded."""
        self._policy, self._lockstep, self._rate_hz = policy, setting.lockstep, spec.rate_hz
        config = policy.config
        self._grid = grid = ChunkGrid(config.chunk, config.rate_hz, spec.rate_hz)
        execution = make_execution(
            grid.ticks, spec.dof, setting.ensemble, setting.m, grid.ticks_of(setting.execute)
        )
        self.runtime = Runtime(execution, Limiter(spec), config.cameras)
        self.runtime.enable()
        self._flight = Flight(setting.delay, (setting.rate_hz or spec.rate_hz) / spec.rate_hz)
        self.inference_s: list[float] = []

    def command(
        self, tick: int, qpos: Floats, see: Callable[[], Mapping[str, Frame]]
    ) -> Floats | None:
        """The command (14,) of a tick, None while there is none yet.

        Args:
            tick: since the episode began; every tick is asked for once.
            qpos: (14,) measured.
            see: takes the cameras' frames, where an inference begins.
        """
        runtime = self.runtime
        # Without a delay an inference that no action would follow may be left out; live, the
        # inference process knows nothing of that.
        if self._flight.begins(tick) and (not self._lockstep or runtime.execution.due(tick)):
            self._infer(tick, qpos, see())
        for chunk in self._flight.arrived(tick):
            runtime.accept(chunk, tick)
        now_s = tick / self._rate_hz
        return runtime.step(
            tick, now_s, TickInputs(qpos, now_s, dict.fromkeys(runtime.cameras, now_s))
        )

    def _infer(self, tick: int, qpos: Floats, images: Mapping[str, Frame]) -> None:
        begin = time.perf_counter()
        try:
            actions = self._policy.predict(qpos, images)
        except NonFiniteError as error:
            self.runtime.reject(1, str(error))
            return
        self.inference_s.append(time.perf_counter() - begin)
        self._flight.add(self._grid.lay(Chunk(tick, actions, self.inference_s[-1])))


class Evaluator:
    """The policies of a setting, a world and its cameras, made once and used for many seeds."""

    def __init__(self, setting: EvaluationSetting) -> None:
        """Load the checkpoints and the scene.

        Raises:
            PolicyError: a checkpoint cannot be used.
            SimulationError: the scene cannot be made or rendered.
        """
        from act_ros.policy.policy import Policy

        self._setting, self._spec = setting, RobotSpec.load()
        engines = setting.engines or (REFERENCE,) * len(setting.checkpoints)
        self.policies = [
            Policy.load(checkpoint, setting.threads, engine)
            for checkpoint, engine in zip(setting.checkpoints, engines, strict=True)
        ]
        self.world = World(setting.task, 0, self._spec)
        self.rig = CameraRig(self.world)

    def run(self, index: int, seed: int, trace: EpisodeTrace | None = None) -> Result:
        """Run a policy for one episode, which ends with success or its time after the first command."""
        world, policy = self.world, self.policies[index]
        world.reset(seed)
        controller = Controller(policy, self._setting, self._spec)
        see = partial(self._frames, policy.config.cameras)
        meter, digest = SmoothnessMeter(self._spec), hashlib.sha256()
        tick, begun, held, note = 0, -1, 0, ''
        while tick < STEPS[world.task] + max(begun, 0) and not (world.success or note):
            qpos = world.qpos.astype(np.float32)
            command = controller.command(tick, qpos, see)
            if trace is not None:
                missing = np.full(qpos.shape, np.nan)
                trace.append(world.state(), qpos, missing if command is None else command)
            if controller.runtime.faulty:  # as on a robot, where nothing more would come
                note = controller.runtime.reason
            if command is not None:
                begun = tick if begun < 0 else begun
                held += controller.runtime.state is State.HOLDING
                meter.add(command, qpos, controller.runtime.limited)
                world.command(command)
            try:
                world.step(1.0 / self._spec.rate_hz)
            except UnstableSimulationError as error:
                note = str(error)
            digest.update(world.qpos.tobytes())
            tick += 1
        seconds = controller.inference_s
        return Result(
            seed=seed,
            success=world.success,
            max_reward=world.max_reward,
            steps=tick,
            waited=tick if begun < 0 else begun,
            held=held,
            inferences=len(seconds),
            non_finite=controller.runtime.rejected,
            inference_ms=1e3 * float(np.median(seconds)) if seconds else None,
            smoothness=meter.result(),
            note=note or ('' if begun >= 0 else f'never moved: {controller.runtime.reason}'),
            digest=digest.hexdigest()[:16],
        )

    def _frames(self, cameras: Iterable[str]) -> dict[str, Frame]:
        """What these cameras see now, in the real cameras' size."""
        self.rig.update(self.world.state())
        shown = [self._spec.cameras[name] for name in cameras]
        return {c.name: self.rig.render(c.sim, c.height, c.width) for c in shown}


evaluator_of = cache(Evaluator)
"""The evaluator of a setting; a process makes one."""


def run_episodes(
    setting: EvaluationSetting, episodes: Iterable[Episode], workers: int
) -> Generator[tuple[Episode, Result], None, None]:
    """Run every episode, in `workers` processes, and yield the results in the order of the episodes.

    Raises:
        ChildError: of a worker, in one line; with one worker the error itself.
    """
    run = partial(_run, setting)
    if workers == 1:
        for episode in episodes:
            yield episode, run(episode)
        return
    with closing(each(run, episodes, workers)) as outcomes:
        for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
            assert outcome.result is not None
            yield outcome.item, outcome.result


def _run(setting: EvaluationSetting, episode: Episode) -> Result:
    return evaluator_of(setting).run(*episode)
