# SPDX-License-Identifier: Apache-2.0
"""The demonstrate command writes episodes that say what was seen and sent, and overwrites none."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from act_ros.commands import demonstrate
from act_ros.commands.demonstrate import (
    Demonstration,
    DemonstrationSetting,
    Demonstrator,
    _demonstrations,
    main,
)
from act_ros.data.recording.episode_writer import read_episode
from act_ros.sim.operator.operator import Operator
from act_ros.sim.world import World


def _setting(folder: Path, keep_failures: bool = True) -> DemonstrationSetting:
    cameras = ('cam_high', 'cam_left_wrist')
    return DemonstrationSetting('transfer_cube', 12, cameras, 48, 64, keep_failures, folder)


@pytest.fixture(scope='module')
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    demonstration = Demonstrator(_setting(tmp_path_factory.mktemp('staging'))).record(1000)
    assert demonstration.path is not None
    return demonstration.path


def test_rows_hold_the_observation_before_their_action(recorded: Path) -> None:
    world = World('transfer_cube', 1000)
    operator = Operator('transfer_cube', 1000, world.spec)
    with read_episode(recorded) as episode:
        assert episode.action.shape == (12, 14)
        for row in range(12):
            action = operator.act(world)
            np.testing.assert_array_equal(episode.qpos[row], world.qpos.astype(np.float32))
            np.testing.assert_array_equal(episode.action[row], action.astype(np.float32))
            world.command(action)
            world.step(0.02)
        assert episode.stamp is not None
        np.testing.assert_allclose(np.diff(episode.stamp), 0.02, atol=1e-9)


def test_images_and_attributes_are_there(recorded: Path) -> None:
    with read_episode(recorded) as episode:
        assert set(episode.images) == {'cam_high', 'cam_left_wrist'}
        assert episode.images['cam_high'][11].shape == (48, 64, 3)
        wanted = {'task': 'transfer_cube', 'seed': 1000, 'sim': True, 'rate_hz': 50.0}
        assert {key: episode.attrs[key] for key in wanted} == wanted
        # Twelve ticks are too few for the task.
        assert episode.attrs['success'] is False


def test_failures_leave_nothing_unless_they_are_wanted(tmp_path: Path) -> None:
    demonstration = Demonstrator(_setting(tmp_path, keep_failures=False)).record(1000)
    assert (demonstration.success, demonstration.path) == (False, None)
    assert list(tmp_path.iterdir()) == []


def test_several_processes_record_the_same_in_the_order_of_the_seeds(
    recorded: Path, tmp_path: Path
) -> None:
    made = _demonstrations(_setting(tmp_path), iter(range(1000, 1100)), workers=2)
    first, second = next(made), next(made)
    made.close()
    assert (first.seed, second.seed) == (1000, 1001)
    assert first.path is not None
    with read_episode(first.path) as here, read_episode(recorded) as there:
        np.testing.assert_array_equal(here.qpos, there.qpos)
        np.testing.assert_array_equal(here.images['cam_high'][7], there.images['cam_high'][7])


def test_a_run_goes_on_after_what_is_there(
    recorded: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    there = tmp_path / 'episode_0.hdf5'
    there.write_bytes(recorded.read_bytes())
    (tmp_path / '.staging-killed').mkdir()
    arguments = ['--episodes', '2', '--first-seed', '999', '--size', '48x64', '--keep-failures']
    assert main([*arguments, '--ticks', '12', '--output', str(tmp_path)]) == 0
    assert there.read_bytes() == recorded.read_bytes()
    seeds = []
    for number in (1, 2):
        with read_episode(tmp_path / f'episode_{number}.hdf5') as episode:
            seeds.append(episode.attrs['seed'])
            assert len(episode.qpos) == 12
    assert seeds == [999, 1001]
    names = {item.name for item in tmp_path.iterdir()}
    assert names == {'.recorder.lock', *(f'episode_{number}.hdf5' for number in range(3))}
    assert '2 episodes of transfer_cube' in capsys.readouterr().out


def test_attempts_that_all_fail_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demonstrate, 'MOST_FAILURES', 3)
    arguments = ['--ticks', '2', '--episodes', '1', '--size', '48x64', '--output', str(tmp_path)]
    assert main(arguments) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert 'the first 3 attempts at transfer_cube failed within 2 ticks' in said
    assert '--ticks 400 is usual' in said and not list(tmp_path.glob('episode_*'))


def test_attempts_that_fail_after_one_was_kept_do_not(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demonstrate, 'MOST_FAILURES', 2)
    outcomes = [False, True, *[False] * 9, True]

    def made(setting: DemonstrationSetting, seeds: Iterator[int], workers: int) -> Any:
        for seed, success in zip(seeds, outcomes, strict=False):
            path = setting.folder / f'episode_{seed}.hdf5'
            if success:
                path.write_bytes(recorded.read_bytes())
            yield Demonstration(seed, success, path if success else None)

    monkeypatch.setattr(demonstrate, '_demonstrations', made)
    assert main(['--episodes', '2', '--output', str(tmp_path)]) == 0
    assert len(list(tmp_path.glob('episode_*'))) == 2


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--cameras', 'cam_ceiling'], 'no camera cam_ceiling; --cameras takes cam_high'),
    ],
)
def test_wrong_arguments_are_named(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, '--output', str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
