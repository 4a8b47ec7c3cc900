# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of other projects give the actions that their own code gave."""

from __future__ import annotations

import importlib.util
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import peer_values
import peers
import pytest
from safetensors.torch import load_file, save_file

from act_ros.commands.convert import main as convert
from act_ros.commands.inspect_policy import main as inspect
from act_ros.control.ensemble import TemporalEnsemble
from act_ros.policy.checkpoint import load_checkpoint
from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import read_config
from act_ros.policy.formats.detect import read_source
from act_ros.policy.policy import Policy
from act_ros.robot.types import Chunk
from golden import DATA, SIZE, expected, predicted, rebuild, relative_error
from synthetic import write_policy

LIMIT = 1e-5
RENAMED = {'lerobot_0.4': {'top': 'cam_high'}}
GOLDEN = (
    'lerobot_0.3',
    'lerobot_0.3_min_max',
    'lerobot_0.4',
    'lerobot_0.4_variant',
    'act',
    'act_plus_plus',
)


@pytest.fixture(scope='module')
def golden(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: rebuild(name, tmp_path_factory.mktemp(name)) for name in GOLDEN}


@pytest.mark.parametrize('name', GOLDEN)
def test_a_golden_checkpoint_gives_what_its_own_code_gave(
    golden: dict[str, Path], name: str
) -> None:
    policy = Policy.load(golden[name], threads=1)
    assert relative_error(predicted(policy, RENAMED.get(name)), expected(name)) < LIMIT
    assert read_config(golden[name]) == policy.config


@pytest.mark.parametrize('name', ['lerobot_0.3', 'lerobot_0.4', 'act', 'act_plus_plus'])
def test_a_converted_checkpoint_predicts_the_same_to_the_bit(
    golden: dict[str, Path], name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert([str(golden[name]), str(tmp_path / 'native')]) == 0
    before, after = Policy.load(golden[name], threads=1), Policy.load(tmp_path / 'native')
    assert np.array_equal(predicted(before), predicted(after))
    assert load_checkpoint(tmp_path / 'native', cvae=True).config == after.config
    assert 'Converted from' in (tmp_path / 'native' / 'README.md').read_text()


def test_what_was_exported_to_lerobot_is_read_back(
    golden: dict[str, Path], tmp_path: Path
) -> None:
    """Its layout is LeRobot's own: the same files, steps and tensors as LeRobot 0.4.4 wrote."""
    assert (
        convert([str(golden['lerobot_0.4_variant']), str(tmp_path / 'out'), '--to', 'lerobot'])
        == 0
    )
    theirs, ours = golden['lerobot_0.4_variant'], tmp_path / 'out'
    assert {p.name for p in ours.iterdir()} == {
        p.name for p in theirs.iterdir() if p.name not in ('tensors.json', 'expected.npz')
    }
    for name in ('policy_preprocessor.json', 'policy_postprocessor.json'):
        got, want = (json.loads((folder / name).read_text()) for folder in (ours, theirs))
        assert [s['registry_name'] for s in got['steps']] == [
            s['registry_name'] for s in want['steps']
        ]
        for mine, other in zip(got['steps'], want['steps'], strict=True):
            assert mine.get('state_file') == other.get('state_file')
            assert set(mine['config']) == set(other['config'])
    got, want = (json.loads((folder / 'config.json').read_text()) for folder in (ours, theirs))
    assert set(got) <= set(want) and got['input_features'] == want['input_features']
    shapes = [
        {name: value.shape for name, value in load_file(folder / 'model.safetensors').items()}
        for folder in (ours, theirs)
    ]
    assert shapes[0] == shapes[1]
    again = predicted(Policy.load(ours, threads=1))
    assert relative_error(again, expected('lerobot_0.4_variant')) < LIMIT


def test_what_lerobot_cannot_hold_is_not_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_policy(tmp_path / 'mine')
    assert convert([str(tmp_path / 'mine'), str(tmp_path / 'out'), '--to', 'lerobot']) == 1
    assert 'norm group' in capsys.readouterr().err and not (tmp_path / 'out').exists()


def test_a_camera_is_renamed_and_the_rate_is_set(
    golden: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = str(golden['lerobot_0.4'])
    arguments = [source, str(tmp_path / 'out'), '--rename', 'top=cam_low2', '--rate', '30']
    assert convert(arguments) == 0
    config = read_config(tmp_path / 'out')
    assert config.cameras[0] == 'cam_low2' and config.rate_hz == 30
    assert convert([source, str(tmp_path / 'no'), '--rename', 'front=x']) == 1
    assert 'names camera front' in capsys.readouterr().err


def test_the_yaml_beside_a_lerobot_checkpoint_names_cameras_and_rate(tmp_path: Path) -> None:
    rebuild('lerobot_0.4', tmp_path)
    (tmp_path / 'act_ros.yaml').write_text('rename: {top: cam_high}\nrate_hz: 30\n')
    config = read_config(tmp_path)
    assert config.cameras[0] == 'cam_high' and config.rate_hz == 30
    (tmp_path / 'act_ros.yaml').unlink()
    (tmp_path / 'train_config.json').write_text('{"env": {"type": "aloha", "fps": 25}}')
    assert read_config(tmp_path).rate_hz == 25


def test_the_layout_of_2024_is_read_too(golden: dict[str, Path], tmp_path: Path) -> None:
    """Before 2025 each feature had its shape and mode in lists of their own, and there was no type."""
    rebuild('lerobot_0.3', tmp_path)
    data = json.loads((tmp_path / 'config.json').read_text())
    del data['type'], data['normalization_mapping']
    for side in ('input', 'output'):
        features = data.pop(f'{side}_features')
        data[f'{side}_shapes'] = {name: entry['shape'] for name, entry in features.items()}
        data[f'{side}_normalization_modes'] = dict.fromkeys(features, 'mean_std')
    (tmp_path / 'config.json').write_text(json.dumps(data))
    got = predicted(Policy.load(tmp_path, threads=1))
    assert relative_error(got, expected('lerobot_0.3')) < LIMIT


def test_the_layers_of_a_cvae_encoder_are_those_that_are_there(tmp_path: Path) -> None:
    """Until September 2024 LeRobot took n_encoder_layers for both encoders (its pull request 400)."""
    folder = rebuild('lerobot_0.3', tmp_path / 'old')
    data = json.loads((folder / 'config.json').read_text())
    built = data['n_vae_encoder_layers']
    data['n_vae_encoder_layers'] = built + 3
    (folder / 'config.json').write_text(json.dumps(data))
    assert convert([str(folder), str(tmp_path / 'new')]) == 0
    assert load_checkpoint(tmp_path / 'new', cvae=True).config.vae_layers == built


def test_a_momentum_of_before_july_2024_is_told(tmp_path: Path) -> None:
    """LeRobot's pull requests 319 and 490: the entry has another name since, and another meaning."""
    folder = rebuild('lerobot_0.3', tmp_path)
    data = json.loads((folder / 'config.json').read_text())
    del data['temporal_ensemble_coeff']
    data |= {'temporal_ensemble_momentum': 0.99, 'n_action_steps': 1}
    (folder / 'config.json').write_text(json.dumps(data))
    notes = '\n'.join(read_source(folder).notes)
    assert 'a momentum of 0.99' in notes and 'actions of each chunk' not in notes


def test_statistics_as_lists_are_read(golden: dict[str, Path], tmp_path: Path) -> None:
    """What people make of arrays that one version of NumPy wrote and another cannot unpickle."""
    folder = rebuild('act', tmp_path)
    stats = pickle.loads((folder / 'dataset_stats.pkl').read_bytes())
    lists = {name: np.asarray(value).tolist() for name, value in stats.items()}
    (folder / 'dataset_stats.pkl').write_bytes(pickle.dumps(lists))
    got = predicted(Policy.load(folder, threads=1))
    assert np.array_equal(got, predicted(Policy.load(golden['act'], threads=1)))
    lists['qpos_mean'] = [lists['qpos_mean']]
    (folder / 'dataset_stats.pkl').write_bytes(pickle.dumps(lists))
    with pytest.raises(PolicyError, match='the statistic qpos_mean is list; expected numbers'):
        read_source(folder)


def test_statistics_are_matched_by_feature_and_not_by_undoing_underscores(tmp_path: Path) -> None:
    """Each camera has statistics of its own here, and each name has underscores."""
    rebuild('lerobot_0.3', tmp_path)
    mean = np.array(read_config(tmp_path).image_mean)
    stored = load_file(tmp_path / 'model.safetensors')
    for row, name in zip(mean, peers.CAMERAS, strict=True):
        key = f'normalize_inputs.buffer_observation_images_{name}.mean'
        assert np.array_equal(row.astype(np.float32), stored[key].numpy().ravel())


def test_statistics_that_lerobots_migration_has_misnamed_are_found(tmp_path: Path) -> None:
    """It takes every underscore of an old buffer's name for a dot (LeRobot's issue 4451)."""
    rebuild('lerobot_0.4', tmp_path)
    for path in tmp_path.glob('policy_*.safetensors'):
        tensors = load_file(path)
        save_file({name.replace('_', '.'): value for name, value in tensors.items()}, path)
    policy = Policy.load(tmp_path, threads=1)
    assert relative_error(predicted(policy, {'top': 'cam_high'}), expected('lerobot_0.4')) < LIMIT
    assert sum('issue 4451' in note for note in policy.notes) == 4


def test_only_the_first_decoder_layer_of_the_original_is_read(golden: dict[str, Path]) -> None:
    policy = Policy.load(golden['act'])
    assert policy.config.decoder_layers == 1
    assert any('decoder has 3 layers' in note for note in policy.notes)


def test_actions_of_the_mobile_base_can_be_left_out(tmp_path: Path) -> None:
    rebuild('act_plus_plus', tmp_path)
    assert read_config(tmp_path).action_dim == 16
    with (tmp_path / 'act_ros.yaml').open('a') as file:
        file.write('action_dim: 14\n')
    got = predicted(Policy.load(tmp_path, threads=1))
    assert relative_error(got, expected('act_plus_plus')[:, :, :14]) < LIMIT


def test_cameras_and_heads_of_act_plus_plus_come_from_its_own_configuration(
    tmp_path: Path,
) -> None:
    rebuild('act_plus_plus', tmp_path)
    (tmp_path / 'act_ros.yaml').write_text(f'image_size: {list(SIZE)}\n')
    config = {'camera_names': ['cam_high', 'cam_low'], 'policy_config': {'nheads': 8, 'lr': 1e-5}}
    (tmp_path / 'config.pkl').write_bytes(pickle.dumps(config))
    got = predicted(Policy.load(tmp_path, threads=1))
    assert relative_error(got, expected('act_plus_plus')) < LIMIT


@pytest.mark.parametrize('name', GOLDEN)
def test_a_configuration_is_read_without_pytorch(golden: dict[str, Path], name: str) -> None:
    program = (
        'import sys; from pathlib import Path; from act_ros.policy.folder import read_config;'
        'print(read_config(Path(sys.argv[1])).chunk, "torch" in sys.modules)'
    )
    done = subprocess.run(
        [sys.executable, '-c', program, str(golden[name])],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ['10', 'False']


def test_the_ensemble_is_lerobots_and_the_originals_over_400_steps() -> None:
    stored = np.load(DATA / 'ensemble.npz')
    ensemble, random = TemporalEnsemble(25, 14, 0.01, 'oldest'), np.random.RandomState(0)
    actions = []
    for t in range(400):
        ensemble.add(Chunk(t, random.standard_normal((25, 14)).astype(np.float32), 0.0))
        actions.append(ensemble.action(t))
    for name in ('lerobot', 'table'):
        assert relative_error(np.stack(actions), stored[name]) < LIMIT


def test_inspect_tells_what_it_is_and_whether_it_fits(
    golden: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert inspect([str(golden['lerobot_0.4']), '--engine', 'torch']) == 0
    shown = capsys.readouterr().out
    for text in ('LeRobot 0.4', 'top, cam_low', '96x64', 'chunk:          10 actions', 'MEAN_STD',
                 'no: the policy was trained with camera top', '50 Hz is assumed'):  # fmt: skip
        assert text in shown
    assert inspect(['aloha_sim_transfer_cube', '--engine', 'torch']) == 0
    assert 'fits the robot: yes' in capsys.readouterr().out
    assert inspect(['/nowhere']) == 1
    assert capsys.readouterr().err.startswith('inspect: there is no policy')


@pytest.mark.skipif(importlib.util.find_spec('lerobot') is None, reason='LeRobot is not installed')
@pytest.mark.parametrize('cameras', [1, 2, 3, 4])
def test_the_installed_lerobot_gives_the_same(cameras: int, tmp_path: Path) -> None:
    peer = peers.LeRobotPeer(cameras, SIZE, chunk_size=10, dim_model=64, dim_feedforward=96)
    peer.save(tmp_path)
    policy = Policy.load(tmp_path, threads=1)
    qpos, frames = peer_values.observation(cameras, peer.cameras, SIZE)
    assert relative_error(policy.predict(qpos, frames), peer.chunk(qpos, frames)) < LIMIT


def test_weights_in_half_precision_are_read(tmp_path: Path) -> None:
    rebuild('lerobot_0.4_variant', tmp_path)
    model = tmp_path / 'model.safetensors'
    save_file({name: value.bfloat16() for name, value in load_file(model).items()}, model)
    got = predicted(Policy.load(tmp_path, threads=1))
    assert relative_error(got, expected('lerobot_0.4_variant')) < 0.05
