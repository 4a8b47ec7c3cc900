# SPDX-License-Identifier: Apache-2.0
"""What people look at: success with its interval, a plot of joints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from act_ros.sim.world import WorldState


def wilson_interval(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a proportion, by Wilson's score (E. B. Wilson, JASA 22, 1927).

    Raises:
        ValueError: no trials, or more successes than trials.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f'{successes} of {trials} is no proportion')
    p = successes / trials
    middle = (p + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials))
    return max(0.0, middle - half), min(1.0, middle + half)


def success_line(successes: int, trials: int) -> str:
    """'41 of 50 succeeded: 82 % (95 % interval 69 to 90 %)'."""
    low, high = wilson_interval(successes, trials)
    return (
        f'{successes} of {trials} succeeded: {100 * successes / trials:.0f} % '
        f'(95 % interval {100 * low:.0f} to {100 * high:.0f} %)'
    )


@dataclass
class EpisodeTrace:
    """An episode as it went: states of the simulated world, positions and commands, one entry a tick."""

    states: list[WorldState] = field(default_factory=list)
    qpos: list[NDArray[np.floating]] = field(default_factory=list)
    action: list[NDArray[np.floating]] = field(default_factory=list)

    def append(
        self, state: WorldState, qpos: NDArray[np.floating], action: NDArray[np.floating]
    ) -> None:
        """Add one tick: a snapshot of the world, positions (14,) and the command (14,)."""
        self.states.append(state)
        self.qpos.append(np.array(qpos))
        self.action.append(np.array(action))


def plot_episode(
    path: Path, trace: EpisodeTrace, names: Sequence[str], title: str, rate_hz: float = 50.0
) -> None:
    """Plot commands against measured positions, one panel a joint, into a PNG."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    qpos, action = np.array(trace.qpos), np.array(trace.action)
    seconds = np.arange(len(qpos)) / rate_hz
    half = (len(names) + 1) // 2
    figure, axes = pyplot.subplots(half, 2, figsize=(12, 1.6 * half), sharex=True, squeeze=False)
    for i, name in enumerate(names):
        panel = axes[i % half][i // half]
        panel.plot(seconds, action[:, i], label='command', linewidth=1.0)
        panel.plot(seconds, qpos[:, i], label='measured', linewidth=1.0)
        panel.set_ylabel(name.replace('_', '\n', 1), fontsize=7)
        panel.tick_params(labelsize=7)
    axes[0][0].legend(fontsize=7, loc='upper right')
    for panel in axes[-1]:
        panel.set_xlabel('seconds')
    figure.suptitle(title)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
