# SPDX-License-Identifier: Apache-2.0
"""What of an episode is played back to a robot: its actions, checked, at the robot's own rate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from act_ros.data.errors import EpisodeError, SourceError
from act_ros.data.formats.base import Episode
from act_ros.data.formats.caps import MOST_ROWS
from act_ros.data.formats.collection import EpisodeRef, choose, find_episodes
from act_ros.data.joint_names import UNNAMED, check_order, named
from act_ros.data.times import ALOHA_RATE_HZ
from act_ros.robot.joint_names import ASKED
from act_ros.robot.spec import RobotSpec
from act_ros.robot.types import Floats


@dataclass(frozen=True)
class Recording:
    """Actions (T, dof) float32, one for each tick of the robot; task and seed where the file knows.

    `notes`: what was assumed, for people.
    """

    actions: Floats
    task: str
    seed: int | None
    recorded_hz: float
    notes: tuple[str, ...] = ()


def find_episode(path: Path, joint_order: str | None = None) -> EpisodeRef:
    """The one episode that `path` names: an HDF5 file, or FOLDER/episode_N of a LeRobot dataset.

    Raises:
        EpisodeError: there is none, or a folder of several.
    """
    if path.is_file():
        return find_episodes(path, joint_order=joint_order)[0]
    if path.is_dir():
        refs = find_episodes(path, joint_order=joint_order)
        if len(refs) == 1:
            return refs[0]
        raise SourceError(
            f'{path} holds {len(refs)} episodes; name one of them, e.g. {refs[0].path}'
        )
    stem, _, index = path.name.rpartition('_')
    if stem == 'episode' and index.isdecimal() and path.parent.is_dir():
        return choose(find_episodes(path.parent, joint_order=joint_order), index)[0]
    raise SourceError(
        f'there is no episode {path}; name an HDF5 file, or LEROBOT_FOLDER/episode_N'
    )


def read_recording(path: Path, spec: RobotSpec, joint_order: str = ASKED) -> Recording:
    """Read what is played back.

    Args:
        path: see `find_episode`.
        spec: the robot that it is played on.
        joint_order: what was answered to joints that are stated in another order, or 'asked'; see `arrange`.

    Raises:
        EpisodeError: it cannot be read, or isn't a recording of such a robot.
    """
    choice = None if joint_order == ASKED else joint_order
    with find_episode(path, choice).open() as episode:
        actions = episode.action
        if actions.ndim != 2 or not len(actions) or actions.shape[1] != spec.dof:
            raise EpisodeError(
                f'{path}: its actions are {actions.shape}; expected (ticks, {spec.dof}), one tick at least'
            )
        check_order(episode, spec, 'joint_order:={}')
        # At another rate than that of its rows it would move faster.
        episode.refuse_faults(cameras=())
        bad = np.flatnonzero(~np.isfinite(actions).all(axis=1))
        if len(bad):
            raise EpisodeError(
                f'{path}: the action of tick {bad[0]} is not finite ({len(bad)} such ticks); it is not replayed'
            )
        rate = episode.rate_hz or ALOHA_RATE_HZ
        notes = [] if named(episode, spec) else [UNNAMED]
        if episode.rate_hz is None:
            notes.append(f'the file states no rate; {rate:g} Hz is taken, as in ALOHA (DT = 0.02)')
        return Recording(
            _at_rate(actions, rate, spec.rate_hz),
            str(episode.attrs.get('task') or ''),
            _seed(episode),
            rate,
            tuple(notes),
        )


def _seed(episode: Episode) -> int | None:
    value = episode.attrs.get('seed')
    return value if isinstance(value, int) and value >= 0 else None


def _at_rate(actions: Floats, rate_hz: float, wanted_hz: float) -> Floats:
    """The same motion in the same time at another rate, linear between the ticks.

    Raises:
        EpisodeError: it would be longer than any.
    """
    if abs(rate_hz - wanted_hz) < 1e-3 * wanted_hz:
        return actions.astype(np.float32)
    known = np.arange(len(actions)) / rate_hz
    if known[-1] * wanted_hz > MOST_ROWS:
        raise EpisodeError(
            f'it was recorded at {rate_hz:g} Hz: at {wanted_hz:g} Hz its {len(actions)} ticks would be '
            f'{known[-1] * wanted_hz:.3g}; at most {MOST_ROWS} are replayed'
        )
    times = np.arange(int(np.floor(known[-1] * wanted_hz + 1e-6)) + 1) / wanted_hz
    columns = [np.interp(times, known, column) for column in actions.T]
    return np.stack(columns, axis=1).astype(np.float32)
