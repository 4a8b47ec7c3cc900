# SPDX-License-Identifier: Apache-2.0
"""Policies for the node: from the text of the `checkpoint` parameter to an inference process.

The process owns PyTorch; nothing here imports it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from act_ros.control.chunk_grid import ChunkGrid
from act_ros.policy.config import PolicyConfig
from act_ros.policy.engines.choice import EngineChoice
from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import read_config, read_notes, version_of
from act_ros.policy.inference.process import Spare
from act_ros.policy.inference.worker import InferenceWorker
from act_ros.policy.library import Library
from act_ros.policy.robot_fit import Terms, assumptions, misfits
from act_ros.robot.spec import RobotSpec
from act_ros.robot.types import Chunk, Observation


class Worker(Protocol):
    """An inference process, as `act_ros.policy.inference.worker.InferenceWorker` is one.

    Used by one thread at a time. `non_finite` counts the predictions it threw away as not finite; `runs_on` says what
    computes the network and how fast, once it is ready; `pass_s` is how many seconds a pass took then.
    """

    non_finite: int
    runs_on: str
    pass_s: float

    @property
    def pid(self) -> int | None:
        """Number of the process; None before the start."""

    @property
    def ready(self) -> bool:
        """Whether the policy is loaded and warm."""

    @property
    def error(self) -> str | None:
        """Why it doesn't run any more, or can't; None while all is well."""

    def start(self) -> None:
        """Begin loading; returns at once."""

    def submit(self, tick: int, observation: Observation) -> None:
        """Hand in the newest observation; never blocks."""

    def poll(self) -> Chunk | None:
        """A chunk that has come since, or None; never blocks."""

    def wait(self, timeout_s: float) -> None:
        """Wait until there is something to poll, or the process is gone; at most so long."""

    def close(self, timeout_s: float = 2.0) -> None:
        """End the process: it has this time to end itself."""


class Unloaded:
    """Stands for an inference process where a policy is known and not loaded."""

    non_finite, runs_on, pass_s = 0, '', 0.0
    pid: int | None = None
    ready, error = False, None

    def __init__(self, folder: Path | None = None) -> None:
        """Of any policy."""

    def start(self) -> None:
        """Nothing is started."""

    def submit(self, tick: int, observation: Observation) -> None:
        """Nobody looks at it."""

    def poll(self) -> Chunk | None:
        """There is never a chunk."""

    def wait(self, timeout_s: float) -> None:
        """Nothing will come."""

    def close(self, timeout_s: float = 2.0) -> None:
        """Nothing has to be ended."""


SHORT_CHUNK = 5
"""Actions in a chunk: so few are soon over, whatever the network; the smallest takes some 40 ms on a processor."""
MakeWorker = Callable[[Path], Worker]


@dataclass(frozen=True)
class Engine:
    """A policy that runs, or is about to.

    Attributes:
        version: that of its files when it was set.
        grid: lays its chunks onto the robot's ticks.
        notes: what was assumed of it when it was read, and what an operator should know; a sentence each.
    """

    folder: Path
    config: PolicyConfig
    worker: Worker
    version: dict[str, tuple[int, int]]
    grid: ChunkGrid
    notes: tuple[str, ...] = ()


def make_engine(
    text: str, library: Library, spec: RobotSpec, make_worker: MakeWorker, terms: Terms
) -> Engine:
    """Find and check a checkpoint and begin to load it in a process of its own.

    Raises:
        PolicyError: it isn't there, can't be read, or is for another robot.
    """
    folder = library.find(text)
    version, (config, notes) = version_of(folder), read_notes(folder)
    try:
        stated = terms.check(config, spec)
    except PolicyError as error:
        raise PolicyError(f'{folder.name}: {error}') from error
    worker = make_worker(folder)
    try:
        worker.start()
    except OSError as error:
        worker.close()
        raise PolicyError(
            f'{folder.name}: no inference process could be started: {error}'
        ) from error
    notes += (*_short_note(stated), *_rate_note(config, stated, spec), *assumptions(stated))
    grid = ChunkGrid(stated.chunk, stated.rate_hz, spec.rate_hz)
    return Engine(folder, config, worker, version, grid, notes)


def _short_note(config: PolicyConfig) -> list[str]:
    if config.chunk > SHORT_CHUNK:
        return []
    last_ms = 1000 * config.chunk / config.rate_hz
    # Short itself: `ros2 topic echo` shows 128 characters of a text.
    return [
        f'chunks of {config.chunk} actions last {last_ms:.0f} ms; where inference takes longer the arms stutter or '
        f'stand: set inference:=sync then'
    ]


def _rate_note(config: PolicyConfig, stated: PolicyConfig, spec: RobotSpec) -> list[str]:
    notes, rate_hz = [], stated.rate_hz
    if config.rate_assumed and not stated.rate_assumed:
        notes.append(f'it states no rate; {rate_hz:g} Hz is what policy_rate_hz says')
    if rate_hz != spec.rate_hz:
        notes.append(
            f'trained at {rate_hz:g} Hz; between its actions the arms go straight, at {spec.rate_hz:g} Hz'
        )
    return notes


def library_of(values: Mapping[str, Any]) -> Library:
    """Where policies are taken from, by the parameters. What the node is started with is good."""
    library = Library.of(values['models_dir'], anywhere=True)
    start = library.find(values['checkpoint'])
    library.anywhere = values['allow_any_path']
    library.trust(start)
    return library


def wait_ready(worker: Worker, timeout_s: float, cancelled: Callable[[], bool]) -> None:
    """Wait until a worker is loaded and warm.

    Raises:
        PolicyError: it failed, or was not ready in time.
    """
    deadline = time.monotonic() + timeout_s
    while not worker.ready:
        if worker.error:
            raise PolicyError(worker.error)
        if cancelled():
            raise PolicyError('the node is shutting down')
        if time.monotonic() > deadline:
            raise PolicyError(f'the policy was not ready within {timeout_s:g} s')
        time.sleep(0.02)


def look_at(path: Path, spec: RobotSpec) -> tuple[bool, str]:
    """Whether a robot can run a policy, and what it is, or why not; by its configuration alone."""
    try:
        config = read_config(path)
    except (PolicyError, OSError) as error:
        return False, str(error)
    reasons = misfits(config, spec)
    height, width = config.image_size
    what = f'{", ".join(config.cameras)} at {width}x{height}, chunks of {config.chunk} actions'
    return not reasons, '; '.join(reasons) or what


class Spawner:
    """Inference processes by the parameters, the suite's own or others; see `Spare` for one that is begun ahead of time."""

    def __init__(self, make_worker: MakeWorker | None) -> None:
        """`make_worker`: makes others."""
        self.make_worker, self.spare = make_worker, Spare()

    def spawn(self, values: Mapping[str, Any], folder: Path) -> Worker:
        """An inference process for a policy; OSError where its `start` finds that the system gives none."""
        if self.make_worker is not None:
            return self.make_worker(folder)
        worker: Worker = InferenceWorker(folder, values['threads'], _choice(values), self.spare)
        return worker

    def prepare(self, values: Mapping[str, Any], soon: bool) -> None:
        """See to it that one of the suite's own waits for the next policy, or that none does."""
        if not soon:
            self.spare.close()
        elif self.make_worker is None:
            self.spare.prepare(values['threads'], _choice(values))


def _choice(values: Mapping[str, Any]) -> EngineChoice:
    return EngineChoice(values['device'], values['engine'], values['precision'])
