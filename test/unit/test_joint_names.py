# SPDX-License-Identifier: Apache-2.0
"""What names of joints say of their order, and that no command takes another order in silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml

from act_ros.commands import check_dataset, convert, export_lerobot, import_lerobot
from act_ros.commands.evaluate import main as evaluate
from act_ros.commands.inspect_policy import main as inspect
from act_ros.commands.train import main as train
from act_ros.data.dataset import Dataset
from act_ros.data.errors import EpisodeError
from act_ros.data.formats.collection import find_episodes
from act_ros.data.playback import read_recording
from act_ros.data.recording.episode_writer import EpisodeWriter
from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import read_config
from act_ros.policy.policy import Policy
from act_ros.policy.robot_fit import misfits
from act_ros.robot.joint_names import names_in, read_joint_order
from act_ros.robot.spec import RobotSpec
from golden import rebuild
from synthetic import TINY, some_images, tiny_config, write_policy

SPEC = RobotSpec.load()
OURS = list(SPEC.joint_names)
RIGHT_FIRST = OURS[7:] + OURS[:7]
JOINTS = [*SPEC.joints, 'gripper']
SWAPPED = [*range(7, 14), *range(7)]
Said = pytest.CaptureFixture[str]


pytestmark = pytest.mark.usefixtures('inline')


@pytest.mark.parametrize(
    'stated',
    [
        OURS,
        {'motors': OURS},
        {'axes': OURS},
        {'motors': {name: i for i, name in enumerate(OURS)}},
        {name: i for i, name in reversed([*enumerate(OURS)])},
        {str(i): name for i, name in enumerate(OURS)},
        [OURS],
        [OURS[:7], OURS[7:]],
        {'left_arm': JOINTS, 'right_arm': JOINTS},
        JOINTS * 2,
        ', '.join(OURS),
        json.dumps(OURS),
        [f'{name}.pos' for name in OURS],
        [f'{joint}_{side}' for side in ('left', 'right') for joint in JOINTS],
        [f'follower_{side}/{joint}' for side in ('left', 'right') for joint in JOINTS],
        [f'puppet_{side}/{joint}' for side in ('left', 'right') for joint in JOINTS],
        [f'vx300s_{side}/{joint}' for side in ('left', 'right') for joint in JOINTS],
        [f'{side}_{joint}' for side in ('L', 'R') for joint in JOINTS],
        [name.title().replace('_', '') for name in OURS],
        [name.replace('gripper', 'left_finger') for name in OURS],
        [
            f'{side}_arm_joint_{i}_rad' if i < 7 else f'{side}_gripper_open'
            for side in ('left', 'right')
            for i in range(1, 8)
        ],
    ],
)
def test_the_order_of_this_robot_is_read_in_every_spelling(stated: Any) -> None:
    order = read_joint_order(names_in(stated), 14, SPEC)
    assert order.places == tuple(range(14)) and not order.other and not order.silent
    assert order.difference(SPEC) == ''


@pytest.mark.parametrize(
    ('stated', 'width'),
    [
        (None, 14),
        ([], 14),
        (['state'], 14),
        ({'axes': ['action']}, 14),
        ([f'motor_{i}' for i in range(14)], 14),
        ({'motors': [f'joint_{i}' for i in range(1, 15)]}, 14),
        ([f'{side}_{i}' for side in ('left', 'right') for i in range(7)], 14),
        (['motor_0', 'motor_1'], 2),
        ([str(i) for i in range(14)], 14),
    ],
)
def test_names_that_say_nothing_are_taken_as_none(stated: Any, width: int) -> None:
    assert read_joint_order(names_in(stated), width, SPEC).silent


@pytest.mark.parametrize(
    'stated',
    [
        RIGHT_FIRST,
        {'motors': [f'{name}.pos' for name in RIGHT_FIRST]},
        {'right_arm': JOINTS, 'left_arm': JOINTS},
        {name: i for i, name in enumerate(RIGHT_FIRST)},
        [f'{joint}_{side}' for side in ('right', 'left') for joint in JOINTS],
        [f'{side}_{i}' for side in ('right', 'left') for i in range(7)],
        [*(f'motor_{i}' for i in range(7, 14)), *(f'motor_{i}' for i in range(7))],
    ],
)
def test_the_right_arm_first_is_another_order_and_said_with_numbers(stated: Any) -> None:
    names = names_in(stated)
    order = read_joint_order(names, 14, SPEC)
    assert order.other and order.places == tuple(SWAPPED)
    said = order.difference(SPEC)
    assert said.startswith('14 of 14 joints are in another place')
    assert f'entry 0 is {names[0]} (here left_waist)' in said


def test_grippers_at_the_end_are_another_order() -> None:
    names = [n for n in OURS if 'gripper' not in n] + ['left_gripper', 'right_gripper']
    order = read_joint_order(names, 14, SPEC)
    assert order.places == (0, 1, 2, 3, 4, 5, 12, 6, 7, 8, 9, 10, 11, 13)
    assert 'entry 6 is right_waist (here left_gripper)' in order.difference(SPEC)


@pytest.mark.parametrize(
    ('names', 'width', 'message'),
    [
        (['shoulder_pan.pos', 'shoulder_lift.pos'] * 7, 14, '14 of 14 names are no joints of this robot: shoulder_pan'),
        ([*OURS[:13], 'left_waist'], 14, 'waist is named more often than this robot has it'),
        (JOINTS, 14, '7 names for 14 entries'),
        ([*OURS, 'base_x', 'base_y'], 16, '16 names for 16 entries, and this robot has 14 joints'),
        ([*OURS[:13], 'right_hand_thumb'], 14, '1 of 14 names are no joints of this robot: right_hand_thumb'),
    ],
)  # fmt: skip
def test_the_joints_of_another_robot_are_named(names: list[str], width: int, message: str) -> None:
    order = read_joint_order(names, width, SPEC)
    assert order.other and order.places is None and message in order.difference(SPEC)


def record(folder: Path, names: Any, ticks: int = 12, **attrs: Any) -> Path:
    """An episode in which entry i of every vector is 0.01 · i, and small motions."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / 'episode_0.hdf5'
    says = {'sim': True, 'task': 'test', 'rate_hz': 50.0, **attrs}
    writer = EpisodeWriter(path, OURS, ('cam_high',), says)
    base = 0.01 * np.arange(14)
    for t in range(ticks):
        image = {'cam_high': np.full((96, 128, 3), 10 * t, np.uint8)}
        writer.append(base, base, base, base + 0.001 * t, image, 0.02 * t, {'cam_high': 0.0})
    writer.finish(success=True)
    with h5py.File(path, 'r+') as file:
        del file.attrs['joint_names']
        if names is not None:
            file.attrs['joint_names'] = names
    return folder


def recipe(path: Path) -> Path:
    training = {'pretrained': False, 'steps': 1, 'batch': 2, 'validation': 0.0}
    policy = {**TINY, 'image_size': [48, 64]}
    path.write_text(yaml.safe_dump({'paper': {'policy': policy, 'training': training}}))
    return path


def trained(data: Path, output: Path, *more: str) -> int:
    file = recipe(data.parent / 'training.yaml')
    words = ['--data', data, '--output', output, '--config-file', file, '--device', 'cpu', *more]
    return train([str(word) for word in words])


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


def test_a_policy_of_another_order_is_refused_and_turned_by_convert(
    tmp_path: Path, capsys: Said
) -> None:
    """Its actions for a pose are then the same, joint by joint."""
    config = write_policy(tmp_path / 'p', tiny_config(joint_names=RIGHT_FIRST))
    (reason,) = misfits(config, SPEC)
    assert 'entry 0 is right_waist (here left_waist)' in reason and 'act_ros convert' in reason
    assert evaluate(['--checkpoint', str(tmp_path / 'p'), '--seeds', '0']) == 2
    assert 'entry 0 is right_waist' in capsys.readouterr().err
    assert inspect([str(tmp_path / 'p'), '--engine', 'torch']) == 0
    assert 'fits the robot: no: the joints that the policy names' in capsys.readouterr().out
    words = [str(tmp_path / 'p'), str(tmp_path / 'turned'), '--joint-order']
    assert convert.main([*words, 'as-stated']) == 0
    assert misfits(read_config(tmp_path / 'turned'), SPEC) == []
    before, after = Policy.load(tmp_path / 'p', 1), Policy.load(tmp_path / 'turned', 1)
    qpos, images = np.linspace(-0.5, 0.5, 14, dtype=np.float32), some_images(config)
    theirs = before.predict(qpos[SWAPPED], images)
    np.testing.assert_allclose(after.predict(qpos, images), theirs[:, SWAPPED], atol=1e-5)
    words[1] = str(tmp_path / 'named')
    assert convert.main([*words, 'ours']) == 0
    named = Policy.load(tmp_path / 'named', 1)
    assert named.config.joint_names == SPEC.joint_names
    np.testing.assert_array_equal(named.predict(qpos, images), before.predict(qpos, images))


def test_a_policy_of_another_robot_is_refused_with_what_was_got(tmp_path: Path) -> None:
    (reason,) = misfits(tiny_config(joint_names=['elbow_flex', *OURS[1:]]), SPEC)
    assert '1 of 14 names are no joints of this robot: elbow_flex' in reason
    assert 'as-stated' not in reason
    with pytest.raises(PolicyError, match='joint_names is'):
        tiny_config(joint_names=['left_waist\n'])


def test_lerobots_layout_carries_names_and_rate_beside_it(tmp_path: Path, capsys: Said) -> None:
    source = rebuild('lerobot_0.4_variant', tmp_path / 'source')
    assert convert.main([str(source), str(tmp_path / 'a'), '--rate', '50']) == 0
    config = json.loads((tmp_path / 'a/config.json').read_text())
    (tmp_path / 'a/config.json').write_text(json.dumps({**config, 'joint_names': OURS}))
    assert convert.main([str(tmp_path / 'a'), str(tmp_path / 'b'), '--to', 'lerobot']) == 0
    back = read_config(tmp_path / 'b')
    assert back.joint_names == SPEC.joint_names and not back.rate_assumed
    beside = tmp_path / 'b/act_ros.yaml'
    beside.write_text(yaml.safe_dump({'joint_names': {'motors': RIGHT_FIRST}}))
    back = read_config(tmp_path / 'b')
    assert back.joint_names == tuple(RIGHT_FIRST) and back.rate_assumed
    beside.write_text('joint_names: 3\n')
    with pytest.raises(PolicyError, match='joint_names is 3; expected a list'):
        read_config(tmp_path / 'b')


def test_a_rate_that_nobody_stated_stays_known_as_such(tmp_path: Path, capsys: Said) -> None:
    """From the data to the policy, through a conversion, until somebody states it."""
    folder = record(tmp_path / 'data', OURS)
    with h5py.File(folder / 'episode_0.hdf5', 'r+') as file:
        del file.attrs['rate_hz']
    assert trained(folder, tmp_path / 'p') == 0
    assert read_config(tmp_path / 'p').rate_assumed
    assert inspect([str(tmp_path / 'p'), '--engine', 'torch']) == 0
    shown = capsys.readouterr().out
    assert '50 Hz (assumed)' in shown and 'nobody stated the rate' in shown
    assert convert.main([str(tmp_path / 'p'), str(tmp_path / 'copy')]) == 0
    assert read_config(tmp_path / 'copy').rate_assumed
    assert convert.main([str(tmp_path / 'p'), str(tmp_path / 'stated'), '--rate', '50']) == 0
    assert not read_config(tmp_path / 'stated').rate_assumed
    assert any('nobody stated the rate' in note for note in Policy.load(tmp_path / 'p').notes)


@pytest.mark.parametrize('name', ['lerobot_0.3', 'lerobot_0.4', 'act', 'act_plus_plus'])
def test_of_other_projects_checkpoints_the_rate_is_assumed_until_it_is_stated(
    name: str, tmp_path: Path
) -> None:
    folder = rebuild(name, tmp_path)
    assert read_config(folder).rate_assumed
    with (folder / 'act_ros.yaml').open('a') as file:
        file.write('rate_hz: 50\n')
    assert not read_config(folder).rate_assumed


@pytest.mark.parametrize('name', ['aloha_sim_transfer_cube', 'aloha_sim_insertion'])
def test_the_shipped_policies_name_the_joints_of_this_robot(name: str) -> None:
    config = read_config(Path(__file__).parents[2] / 'models' / name)
    assert config.joint_names == SPEC.joint_names and misfits(config, SPEC) == []
