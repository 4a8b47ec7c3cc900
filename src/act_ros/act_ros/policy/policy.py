# SPDX-License-Identifier: Apache-2.0
"""A trained policy that runs: from joint positions and frames to a chunk of actions.

Imports no PyTorch: where another engine runs the network, it isn't needed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

import numpy as np

from act_ros.policy.config import PolicyConfig
from act_ros.policy.engines.base import InferenceEngine
from act_ros.policy.engines.choice import REFERENCE, EngineChoice
from act_ros.policy.engines.load import Settled, load_engine
from act_ros.policy.errors import NonFiniteError
from act_ros.policy.folder import resolve_checkpoint
from act_ros.policy.formats.detect import read_source
from act_ros.policy.formats.source import Source
from act_ros.policy.inference.input_checks import checked_frames, checked_qpos
from act_ros.policy.robot_fit import assumptions
from act_ros.robot.types import Floats, Frame

__all__ = ['Policy', 'resolve_checkpoint', 'runs_on', 'warm_up']


class Policy:
    """A network with its weights and statistics; the units outside are the robot's.

    Attributes:
        config: what it was trained for: cameras, image size, chunk, lengths, rate.
        notes: what was assumed about it or left out of it when it was read, for people.
        settled: the engine that runs it, and why that one.
        threads: CPU threads that it was given; None: as the engine chooses.
    """

    def __init__(
        self, source: Source, engine: InferenceEngine, settled: Settled, threads: int | None
    ) -> None:
        """Make a policy of what was read and of the engine that runs it; see `load`."""
        self.config: PolicyConfig = source.config
        self.notes: tuple[str, ...] = (*source.notes, *assumptions(source.config))
        self.settled, self.threads = settled, threads
        self._engine, self._stats = engine, source.stats

    @classmethod
    def load(
        cls,
        checkpoint: str | os.PathLike[str],
        threads: int | None = None,
        choice: EngineChoice = REFERENCE,
    ) -> Policy:
        """Load a policy.

        Args:
            checkpoint: its folder or .ckpt file in any format that is known, or its name among the suite's
                models.
            threads: CPU threads, with PyTorch of this whole process from now on; by default the engine's choice.
            choice: device, engine and precision; by default PyTorch in fp32 on the processor. Another engine is
                prepared once, which takes some seconds, and compared with that (see `engines`).

        Raises:
            PolicyError: it isn't there, is damaged or incomplete; or the engine cannot be had.
        """
        source = read_source(resolve_checkpoint(checkpoint))
        engine, settled = load_engine(source, choice, threads)
        return cls(source, engine, settled, threads)

    def predict(self, qpos: Floats, images: Mapping[str, Frame]) -> Floats:
        """Predict the actions of the next `config.chunk` ticks, (chunk, action_dim) float32.

        Args:
            qpos: (state_dim,) radians, grippers 0..1.
            images: by camera an RGB frame (H, W, 3) uint8 of any size of the right aspect ratio.
                Cameras that the policy doesn't use are ignored.

        Raises:
            PolicyError: an input is missing or has the wrong shape or type.
            NonFiniteError: the network gave NaN or infinity.
        """
        stats = self._stats
        state = (checked_qpos(self.config, qpos) - stats['qpos.mean']) / stats['qpos.std']
        frames = checked_frames(self.config, images)
        pixels = np.stack([frames[name] for name in self.config.cameras])  # (C, h, w, 3)
        normalized = self._engine.run(state, pixels)
        with np.errstate(over='ignore', invalid='ignore'):  # what is not finite is refused below
            chunk: Floats = normalized * stats['action.std'] + stats['action.mean']
        if not np.isfinite(chunk).all():
            raise NonFiniteError(
                f'{np.count_nonzero(~np.isfinite(chunk))} of {chunk.size} predicted values are not finite'
            )
        return chunk


WARM_UP_S, MOST = 0.04, 10
"""For how long passes are timed, and at most how many."""
QUICK_S = 0.06
"""A policy whose passes take longer is slow, even where other programs slow it down: no tick will wait for it."""


def warm_up(
    policy: Policy, alone: Callable[[], AbstractContextManager[object]] = nullcontext
) -> float:
    """Run a policy on a black picture: the first two passes allocate and are slow.

    Args:
        policy: to be run.
        alone: entered for each pass that counts, of a policy that is quick. Between such passes others have the
            processor for as long: a simulator that waited through all of them would be late by as much.

    Returns:
        Seconds of a pass, the median of those after the first two.

    Raises:
        PolicyError: as `Policy.predict`.
    """
    if min(_pass_s(policy), _pass_s(policy)) >= QUICK_S:
        alone = nullcontext
    seconds: list[float] = []
    while not seconds or (len(seconds) < MOST and sum(seconds) < WARM_UP_S):
        if seconds:
            time.sleep(seconds[-1])
        with alone():
            seconds.append(_pass_s(policy))
    return float(np.median(seconds))


def _pass_s(policy: Policy) -> float:
    """Seconds that a pass takes now."""
    config = policy.config
    begin, black = time.perf_counter(), np.zeros((*config.image_size, 3), np.uint8)
    policy.predict(np.zeros(config.state_dim, np.float32), dict.fromkeys(config.cameras, black))
    return time.perf_counter() - begin


def runs_on(policy: Policy, seconds: float) -> str:
    """What runs a policy, how fast, and why that, for people."""
    choice, threads = policy.settled.choice, policy.threads
    cores = '' if threads is None or choice.device != 'cpu' else f', {threads} threads'
    cores = cores.replace(' 1 threads', ' 1 thread')
    return f'runs on {choice}{cores}: {1e3 * seconds:.1f} ms ({policy.settled.why})'
