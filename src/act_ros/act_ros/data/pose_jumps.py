# SPDX-License-Identifier: Apache-2.0
"""Poses of an episode that an arm cannot have had one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from act_ros.data.formats.base import Episode
from act_ros.data.times import ALOHA_RATE_HZ, STALE_S
from act_ros.robot.jumps import too_far
from act_ros.robot.spec import RobotSpec

TORN_ROWS = 2
"""So many jumps of qpos may be torn readings."""


def jumps(episode: Episode, spec: RobotSpec) -> tuple[list[str], list[str]]:
    """What is wrong with the way from pose to pose, and what one should know: of two publishers, or torn readings."""
    qpos = episode.qpos.astype(np.float64)
    if qpos.shape[1] != spec.dof or len(qpos) < 2:
        return [], []
    # What the recorder notes as old or lost was moved on meanwhile.
    old = any(episode.attrs.get(name) for name in ('stale_rows', 'dropped_rows', 'lost_rows'))
    seconds = 1 / (episode.rate_hz or ALOHA_RATE_HZ) + (STALE_S if old else 0.0)
    far = too_far(spec.velocity, qpos[:-1], qpos[1:], seconds)
    # A simulated arm that gets its commands in bursts does move like that, and measures it.
    moved = far & _moved_so_fast(episode, qpos)
    far &= ~moved
    bad: list[str] = []
    warn: list[str] = []
    if moved.any():
        warn.append(
            f'in {int(moved.any(axis=1).sum())} rows a joint moved faster than an arm of this robot can, by its measured '
            'speed, too: a simulation that was starved of processor time gets its commands in bursts'
        )
    if far.any():
        tick, joint = np.argwhere(far)[0]
        rows = int(far.any(axis=1).sum())
        text = (
            f'qpos jumps in {rows} rows as no arm can, first {spec.joint_names[joint]} at tick {tick + 1}: '
            f'{qpos[tick, joint]:.3f} to {qpos[tick + 1, joint]:.3f}; did a second node publish joint states?'
        )
        (bad if rows > TORN_ROWS else warn).append(text)
    return bad, warn


def _moved_so_fast(episode: Episode, qpos: NDArray[Any]) -> NDArray[np.bool_]:
    """By step and joint, (ticks - 1, dof), whether the measured speed around it says that it was made: within a half.

    Poses of another publisher jump at the speed of the arm that is not meant.
    """
    step = np.abs(np.diff(qpos, axis=0))
    if episode.qvel is None or not episode.attrs.get('sim'):
        return np.zeros(step.shape, np.bool_)
    speed = np.abs(episode.qvel.astype(np.float64))
    fastest = np.maximum(speed[:-1], speed[1:]) / (episode.rate_hz or ALOHA_RATE_HZ)
    return np.asarray(fastest > 0.5 * step)
