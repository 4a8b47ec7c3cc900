# SPDX-License-Identifier: Apache-2.0
"""int8: made once of recorded episodes, near to PyTorch; where it is not there, or of something else, one line says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import openvino
import pytest

from act_ros.commands.quantize import main
from act_ros.policy.engines import choice as choices
from act_ros.policy.engines import quantized
from act_ros.policy.engines.base import TOLERANCE
from act_ros.policy.engines.choice import EngineChoice
from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import version_of
from act_ros.policy.formats.detect import read_source
from act_ros.policy.policy import Policy
from synthetic import some_images, tiny_config, write_episode, write_policy

INT8 = EngineChoice(precision='int8')


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees another's cache, or the user's; no GPU is taken for one, either."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    monkeypatch.setattr(choices, 'gpu', lambda: '')


@pytest.fixture(scope='module')
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy with its network in int8; not to be changed."""
    folder = tmp_path_factory.mktemp('int8')
    write_policy(folder / 'policy')
    write_episode(folder / 'data' / 'episode_0.hdf5', 24)
    assert main([str(folder / 'policy'), '--data', str(folder / 'data')]) == 0
    return folder / 'policy'


@pytest.fixture
def policy(made: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    folder = tmp_path / 'policy'
    subprocess.run(['cp', '-r', str(made), str(folder)], check=True)
    return folder


def test_it_is_near_to_pytorch_and_needs_neither_pytorch_nor_the_quantizer_to_run(
    made: Path, tmp_path: Path
) -> None:
    before = version_of(made)
    found = Policy.load(made, 1, INT8)
    assert str(found.settled.choice) == 'openvino int8 on cpu'
    assert version_of(made) == before
    entry = found.settled.entry
    assert entry is not None and 0 < entry.difference < TOLERANCE['int8']
    chunk = found.predict(np.zeros(14, np.float32), some_images(tiny_config()))
    assert chunk.shape == (tiny_config().chunk, 14)
    code = (
        'import sys, numpy as np; from act_ros.policy.policy import Policy, EngineChoice; '
        'Policy.load(sys.argv[1], 1, EngineChoice(precision="int8")); '
        'sys.exit("torch" in sys.modules or "nncf" in sys.modules)'
    )
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, '-c', code, str(made)], env=env, check=True)


def test_joint_positions_go_into_it_and_actions_come_out_of_it_unrounded(made: Path) -> None:
    model = openvino.Core().read_model(made / quantized.FOLDER / quantized.NETWORK)
    rounded = [op for op in model.get_ops() if op.get_type_name() == 'FakeQuantize']
    assert rounded, 'nothing is in int8'
    assert not [op for op in rounded if 'decoder' in op.get_friendly_name()]
    (state,) = (value for value in model.inputs if value.partial_shape.rank.get_length() == 2)
    seen = [state]
    while len(takers := [taker.get_node() for taker in seen[-1].get_target_inputs()]) == 1:
        assert takers[0].get_type_name() != 'FakeQuantize', (
            f'before {takers[0].get_friendly_name()}'
        )
        seen.append(takers[0].output(0))
        if takers[0].get_type_name() == 'MatMul':
            return
    pytest.fail(f'the joint positions go to {[taker.get_type_name() for taker in takers]}')


def test_a_policy_without_it_names_the_command_that_makes_it(tmp_path: Path) -> None:
    write_policy(tmp_path / 'policy')
    with pytest.raises(
        PolicyError, match='int8 needs .* ros2 run act_ros quantize .*/policy --data'
    ):
        Policy.load(tmp_path / 'policy', 1, INT8)
    assert Policy.load(tmp_path / 'policy', 1, EngineChoice()).settled.choice.precision == 'fp32'


def test_that_of_other_weights_is_refused(policy: Path) -> None:
    write_policy(policy, seed=1)
    with pytest.raises(PolicyError, match='int8 was made of other weights; make it anew'):
        Policy.load(policy, 1, INT8)


@pytest.mark.parametrize('name', [*quantized.FILES, quantized.RECORD])
@pytest.mark.parametrize('how', ['gone', 'empty', 'noise', 'longer'])
def test_one_that_is_damaged_is_refused(policy: Path, name: str, how: str) -> None:
    file = policy / quantized.FOLDER / name
    text = file.read_bytes()
    file.unlink()
    if how != 'gone':
        file.write_bytes({'empty': b'', 'noise': bytes(range(256)), 'longer': text + b'{'}[how])
    with pytest.raises(PolicyError, match='int8 is damaged .*; make it anew: ros2 run act_ros'):
        Policy.load(policy, 1, INT8)


def test_a_network_that_openvino_cannot_read_is_refused_in_one_line(policy: Path) -> None:
    folder = policy / quantized.FOLDER
    (folder / quantized.NETWORK).write_text('no network')
    quantized.write_record(folder, read_source(policy))
    with pytest.raises(PolicyError, match='openvino cannot compile this network') as refused:
        Policy.load(policy, 1, INT8)
    assert '\n' not in str(refused.value)


def test_observations_of_another_size_are_refused(policy: Path) -> None:
    folder = policy / quantized.FOLDER
    path = folder / quantized.OBSERVATIONS
    np.savez(path, state=np.zeros((2, 14), np.float32), frames=np.zeros((2, 1, 4, 4, 3), np.uint8))
    quantized.write_record(folder, read_source(policy))
    with pytest.raises(PolicyError, match='expected \\(n, 14\\) float32 and'):
        Policy.load(policy, 1, INT8)


def test_a_quantizer_that_is_not_installed_is_named(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, 'nncf', None)
    write_policy(tmp_path / 'policy')
    write_episode(tmp_path / 'data' / 'episode_0.hdf5')
    assert main([str(tmp_path / 'policy'), '--data', str(tmp_path / 'data')]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len([line for line in said if 'pip install nncf' in line]) == 1
    assert not (tmp_path / 'policy' / quantized.FOLDER).exists()


def test_episodes_without_a_camera_of_the_policy_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_policy(tmp_path / 'policy', tiny_config(cameras=('cam_low',)))
    write_episode(tmp_path / 'data' / 'episode_0.hdf5')
    assert main([str(tmp_path / 'policy'), '--data', str(tmp_path / 'data')]) == 1
    assert 'cam_low' in capsys.readouterr().err
