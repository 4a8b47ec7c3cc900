# SPDX-License-Identifier: Apache-2.0
"""Poses of an episode that no arm can have had one after the other are named, unless the arm measured that speed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from act_ros.data.check import Report, check_episode
from act_ros.data.formats.collection import EpisodeRef
from act_ros.data.recording.episode_writer import EpisodeWriter
from act_ros.robot.spec import RobotSpec

SPEC = RobotSpec.load()
TICKS, SHOULDER = 30, 1


def episode(
    folder: Path, jumps: dict[int, float], measured: bool = False, sim: bool = True
) -> Report:
    """Arms that stand, but for a joint that is elsewhere from a tick on; `measured`: its speed says so, too."""
    path = folder / 'episode_0.hdf5'
    attrs = {'sim': sim, 'task': 'test', 'rate_hz': SPEC.rate_hz, 'act_ros_version': '0.1.0'}
    writer = EpisodeWriter(path, SPEC.joint_names, ('cam_high',), attrs)
    qpos, frame = SPEC.start.astype(np.float64), np.zeros((48, 64, 3), np.uint8)
    for tick in range(TICKS):
        qvel = np.zeros(SPEC.dof)
        if tick in jumps:
            qpos = qpos.copy()
            qpos[SHOULDER] += jumps[tick]
            qvel[SHOULDER] = jumps[tick] * SPEC.rate_hz * measured
        ages = {'cam_high': 0.0}
        frame = frame + np.uint8(1)
        writer.append(
            qpos, qvel, 0 * qvel, SPEC.start, {'cam_high': frame}, tick / SPEC.rate_hz, ages
        )
    writer.finish(success=True)
    return check_episode(EpisodeRef(path), SPEC, pixels=False)


FOUR = {5: 0.5, 9: -0.5, 14: 0.4, 20: -0.4}


def said(texts: list[str], words: str) -> bool:
    return any(words in text for text in texts)


def test_poses_that_jump_spoil_an_episode_and_a_torn_reading_does_not(tmp_path: Path) -> None:
    (tmp_path / 'torn').mkdir()
    assert said(episode(tmp_path, FOUR).bad, 'qpos jumps in 4 rows')
    torn = episode(tmp_path / 'torn', {5: 0.5, 6: -0.5})
    assert not torn.bad and said(torn.warn, 'qpos jumps in 2 rows')


def test_a_simulated_arm_that_measures_the_speed_did_move_and_it_is_said(tmp_path: Path) -> None:
    found = episode(tmp_path, FOUR, measured=True)
    assert not found.bad and said(found.warn, 'in 4 rows a joint moved faster than an arm')


@pytest.mark.parametrize('measured', [False, True])
def test_a_real_arm_cannot_whatever_is_measured(tmp_path: Path, measured: bool) -> None:
    assert said(episode(tmp_path, FOUR, measured, sim=False).bad, 'as no arm can')


def test_what_an_arm_can_is_nothing_to_speak_of(tmp_path: Path) -> None:
    most = float(SPEC.velocity[SHOULDER]) / SPEC.rate_hz
    found = episode(tmp_path, {tick: most for tick in (5, 6, 7, 8)})
    assert not said(found.bad + found.warn, 'jump') and not said(found.warn, 'faster than an arm')
