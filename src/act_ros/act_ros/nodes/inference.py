# SPDX-License-Identifier: Apache-2.0
"""Policies for the node: from the text of the `checkpoint` parameter to an inference process.

The process owns PyTorch; nothing here imports it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import read_config, resolve_checkpoint
from act_ros.robot.spec import RobotSpec
from act_ros.robot.types import Chunk, Observation


class Worker(Protocol):
    """An inference process, as `act_ros.policy.worker.InferenceWorker` is one.

    Used by one thread at a time. `non_finite` counts the predictions it threw away as not finite.
    """

    non_finite: int

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

    def close(self) -> None:
        """End the process."""


MakeWorker = Callable[[Path], Worker]


@dataclass(frozen=True)
class Engine:
    """A policy that runs, or is about to."""

    folder: Path
    config: PolicyConfig
    worker: Worker


def check_fits(config: PolicyConfig, spec: RobotSpec) -> None:
    """Check that a policy was made for this robot.

    Raises:
        PolicyError: cameras, vector lengths or the control rate differ; says which.
    """
    unknown = [name for name in config.cameras if name not in spec.cameras]
    if unknown:
        raise PolicyError(
            f'the policy was trained with camera {", ".join(unknown)}, and this robot has '
            f'{", ".join(spec.cameras)}; add it to config/aloha.yaml, or choose another checkpoint'
        )
    for what, got in (('state_dim', config.state_dim), ('action_dim', config.action_dim)):
        if got != spec.dof:
            raise PolicyError(
                f'{what} of the policy is {got}, and this robot has {spec.dof} joints'
            )
    if config.rate_hz != spec.rate_hz:
        raise PolicyError(
            f'the policy was trained at {config.rate_hz:g} Hz, and this robot runs at '
            f'{spec.rate_hz:g} Hz: it would move at the wrong speed'
        )


def make_engine(text: str, models_dir: Path, spec: RobotSpec, make_worker: MakeWorker) -> Engine:
    """Find and check a checkpoint and begin to load it in a process of its own.

    Raises:
        PolicyError: it isn't there, can't be read, or is for another robot.
    """
    folder = resolve_checkpoint(text, models_dir)
    config = read_config(folder)
    try:
        check_fits(config, spec)
    except PolicyError as error:
        raise PolicyError(f'{folder.name}: {error}') from error
    worker = make_worker(folder)
    worker.start()
    return Engine(folder, config, worker)


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
