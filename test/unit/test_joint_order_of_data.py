# SPDX-License-Identifier: Apache-2.0
"""No command takes data of another order of joints in silence: it asks, and does as it is answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from act_ros.commands import check_dataset, export_lerobot, import_lerobot
from act_ros.commands.inspect_policy import main as inspect
from act_ros.data.dataset import Dataset
from act_ros.data.errors import EpisodeError
from act_ros.data.formats.collection import find_episodes
from act_ros.data.playback import read_recording
from act_ros.policy.folder import read_config
from named_joints import OURS, RIGHT_FIRST, SPEC, SWAPPED, Said, record, trained

pytestmark = pytest.mark.usefixtures('inline')


@pytest.fixture
def right_first(tmp_path: Path) -> Path:
    return record(tmp_path / 'right_first', RIGHT_FIRST)


def test_check_and_train_ask_about_another_order_and_take_none_in_silence(
    right_first: Path, tmp_path: Path, capsys: Said
) -> None:
    assert check_dataset.main([str(right_first)]) == 1
    said = capsys.readouterr().out
    assert 'BAD   episode_0.hdf5: ' in said and 'entry 0 is right_waist (here left_waist)' in said
    assert '--joint-order as-stated' in said and '--joint-order ours' in said
    assert trained(right_first, tmp_path / 'p') == 2
    said = capsys.readouterr().err
    assert 'entry 0 is right_waist (here left_waist)' in said and len(said.splitlines()) == 1
    assert not (tmp_path / 'p').exists()
    for choice in ('as-stated', 'ours'):
        assert check_dataset.main([str(right_first), '--joint-order', choice]) == 0


def test_an_answer_puts_the_data_into_the_order_of_this_robot_or_leaves_it(
    right_first: Path, tmp_path: Path
) -> None:
    stated = Dataset(right_first, (48, 64), 5, joint_order='as-stated')
    ours = Dataset(right_first, (48, 64), 5, joint_order='ours')
    np.testing.assert_array_equal(stated.qpos, ours.qpos[:, SWAPPED])
    np.testing.assert_array_equal(stated.actions, ours.actions[:, SWAPPED])
    np.testing.assert_allclose(ours.qpos[0], 0.01 * np.arange(14), rtol=1e-6)
    assert stated.joint_names == ours.joint_names == SPEC.joint_names
    with find_episodes(right_first, joint_order='as-stated')[0].open() as episode:
        assert episode.qvel is not None and episode.qvel[0, 0] == pytest.approx(0.07)
        assert episode.joint_names == SPEC.joint_names


def test_the_policy_keeps_the_names_and_a_run_keeps_its_answer(
    right_first: Path, tmp_path: Path, capsys: Said
) -> None:
    assert trained(right_first, tmp_path / 'p', '--joint-order', 'as-stated') == 0
    assert read_config(tmp_path / 'p').joint_names == SPEC.joint_names
    capsys.readouterr()
    assert trained(right_first, tmp_path / 'p', '--resume', '--joint-order', 'ours') == 2
    assert 'joint_order was as-stated, and is ours' in capsys.readouterr().err
    assert inspect([str(tmp_path / 'p'), '--engine', 'torch']) == 0
    assert 'left_waist, left_shoulder' in capsys.readouterr().out


def test_data_without_names_is_taken_with_a_note(tmp_path: Path, capsys: Said) -> None:
    folder = record(tmp_path / 'unnamed', None)
    assert check_dataset.main([str(folder)]) == 0
    assert 'not in the files: joint_names' in capsys.readouterr().out
    data = Dataset(folder, (48, 64), 5)
    assert data.joint_names == ()
    assert any('the files name no joints' in note for note in data.notes)


def test_actions_may_have_names_of_their_own(tmp_path: Path) -> None:
    folder = record(tmp_path / 'data', OURS, action_names=RIGHT_FIRST)
    with pytest.raises(EpisodeError, match='states for action: 14 of 14'):
        Dataset(folder, (48, 64), 5)
    data = Dataset(folder, (48, 64), 5, joint_order='as-stated')
    np.testing.assert_allclose(data.qpos[0], 0.01 * np.arange(14), rtol=1e-6)
    np.testing.assert_allclose(data.actions[0], 0.01 * np.array(SWAPPED), rtol=1e-6)


def test_names_of_one_vector_speak_for_both_where_the_other_has_none(tmp_path: Path) -> None:
    numbers = [f'motor_{i}' for i in range(14)]
    folder = record(tmp_path / 'data', numbers, action_names=RIGHT_FIRST)
    data = Dataset(folder, (48, 64), 5, joint_order='as-stated')
    np.testing.assert_allclose(data.qpos[0], 0.01 * np.array(SWAPPED), rtol=1e-6)


def test_another_robot_is_refused_and_only_its_names_can_be_wrong(
    tmp_path: Path, capsys: Said
) -> None:
    folder = record(tmp_path / 'data', [f'j{i}_panda' if i else 'elbow_flex' for i in range(14)])
    for more in ([], ['--joint-order', 'as-stated']):
        assert trained(folder, tmp_path / 'p', *more) == 2
        said = capsys.readouterr().err
        assert 'are no joints of this robot: elbow_flex' in said and 'ours says' in said
    assert check_dataset.main([str(folder), '--joint-order', 'ours']) == 0


def test_a_replay_is_asked_for_by_its_own_words(right_first: Path) -> None:
    path = right_first / 'episode_0.hdf5'
    with pytest.raises(EpisodeError, match='joint_order:=as-stated puts them'):
        read_recording(path, SPEC)
    stated, ours = (read_recording(path, SPEC, order).actions for order in ('as-stated', 'ours'))
    np.testing.assert_array_equal(stated, ours[:, SWAPPED])


def test_names_go_to_lerobot_and_back_and_are_asked_about_there(
    right_first: Path, tmp_path: Path, capsys: Said
) -> None:
    out, back = tmp_path / 'lerobot', tmp_path / 'back'
    assert export_lerobot.main([str(right_first), '--output', str(out), '--codec', 'h264']) == 0
    info = json.loads((out / 'meta/info.json').read_text())
    assert info['features']['action']['names'] == RIGHT_FIRST
    assert import_lerobot.main([str(out), '--output', str(back)]) == 0
    assert 'entry 0 is right_waist (here left_waist)' in capsys.readouterr().err
    with h5py.File(back / 'episode_0.hdf5') as file:
        assert list(file.attrs['joint_names']) == RIGHT_FIRST
    turned = tmp_path / 'turned'
    words = [str(out), '--output', str(turned), '--joint-order', 'as-stated']
    assert import_lerobot.main(words) == 0
    data = Dataset(turned, (48, 64), 5)
    np.testing.assert_allclose(data.qpos[0], 0.01 * np.array(SWAPPED), rtol=1e-6)
    assert data.joint_names == SPEC.joint_names


@pytest.mark.parametrize('form', [{'motors': RIGHT_FIRST}, [RIGHT_FIRST]])
def test_the_names_of_lerobots_features_are_read(form: Any, tmp_path: Path) -> None:
    out = tmp_path / 'lerobot'
    source = record(tmp_path / 'good', OURS)
    assert export_lerobot.main([str(source), '--output', str(out), '--codec', 'h264']) == 0
    info = json.loads((out / 'meta/info.json').read_text())
    for key in ('action', 'observation.state'):
        info['features'][key]['names'] = form
    (out / 'meta/info.json').write_text(json.dumps(info))
    with pytest.raises(EpisodeError, match='entry 0 is right_waist'):
        Dataset(out, (48, 64), 5)
