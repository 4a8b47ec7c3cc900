# SPDX-License-Identifier: Apache-2.0
"""What cannot be read is refused by name (the original's tensors, its statistics, any file), and nothing is run."""

from __future__ import annotations

import os
import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from act_ros.policy import weights
from act_ros.policy.checkpoint import load_checkpoint
from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import read_config, resolve_checkpoint
from act_ros.policy.formats.arrays import read_plain
from changed_checkpoints import linked_copy, message_of
from golden import rebuild
from synthetic import write_policy


@pytest.fixture(scope='module')
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    names = ('act', 'act_plus_plus')
    return {name: rebuild(name, tmp_path_factory.mktemp(name)) for name in names}


@pytest.fixture
def copy(templates: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: linked_copy(templates[name], tmp_path)


def test_the_original_asks_for_what_no_tensor_tells_and_shows_what_to_write(
    copy: Callable[[str], Path],
) -> None:
    folder = copy('act')
    beside = folder / 'act_ros.yaml'
    template = beside.read_text()
    beside.unlink()
    text = message_of(folder)
    assert 'does not hold cameras and heads' in text and str(beside) in text
    shown = '\n'.join(line for line in text.splitlines() if line.startswith('  '))
    beside.write_text(shown)  # as it stands there
    read_config(folder)
    for wrong, message in (
        ('cameras: [cam_high]\n', 'does not hold heads'),
        ('cameras: cam_high\nheads: 8\n', 'expected a list of names'),
        ('cameras: [cam_high]\nheads: 5\n', 'divisible by heads (5)'),
        ('camera: [cam_high]\nheads: 8\n', 'unknown entries: camera'),
        ('cameras: [cam_high\n', 'not valid YAML'),
        ('a: &x [1, 1]\nb: *x\n', 'aliases'),
        ('- 1\n', 'expected entries'),
        (template + 'action_dim: 15\n', 'action_dim is 15; the policy has 14'),
    ):
        beside.write_text(wrong)
        assert message in message_of(folder)


def test_per_camera_backbones_must_go_with_the_cameras(copy: Callable[[str], Path]) -> None:
    folder = copy('act_plus_plus')
    (folder / 'act_ros.yaml').write_text('cameras: [a, b, c]\nheads: 8\n')
    assert '2 backbones, one for each camera, and 3 cameras' in message_of(folder)


@pytest.mark.parametrize(
    ('rename', 'message'),
    [
        ({'model.query_embed.weight': None}, 'model.query_embed.weight is missing'),
        ({'model.query_embed.weight': 'query_embed.weight'}, 'all begin with "model."'),
        ({'model.is_pad_head.bias': 'model.mlp.0.bias'}, 'CNN-MLP'),
        ({'model.is_pad_head.bias': 'model.input_proj_env_state.bias'}, 'environment state'),
        ({'model.is_pad_head.bias': 'model.backbones.0.1.row_embed.weight'}, 'only "sine"'),
        ({'model.is_pad_head.bias': 'model.surprise'}, 'model.surprise is not one of an ACT'),
    ],
)
def test_a_state_dictionary_of_something_else_is_named(
    copy: Callable[[str], Path], rename: dict[str, str | None], message: str
) -> None:
    folder = copy('act')
    path = folder / 'policy_best.ckpt'
    state = torch.load(path, weights_only=True)
    changed = OrderedDict()
    for name, value in state.items():
        target = rename.get(name, name)
        if target is not None:
            changed[target] = value
    path.unlink()
    torch.save(changed, path)
    assert message in message_of(folder) and 'policy_best.ckpt' in message_of(folder)


@pytest.mark.parametrize(
    ('key', 'value', 'message'),
    [
        (
            'qpos_std',
            np.zeros(14, np.float32),
            'qpos_std is not finite, or a deviation not positive',
        ),
        ('action_mean', np.full(14, np.nan), 'action_mean is not finite'),
        (
            'action_mean',
            np.ones(16, np.float32),
            'action_mean has 16 entries, and the policy needs 14',
        ),
        ('qpos_mean', np.ones(14, bool), 'qpos_mean holds bool'),
        ('qpos_mean', [[0.0] * 14], 'qpos_mean is list; expected numbers'),
        ('qpos_mean', None, 'qpos_mean is missing'),
    ],
)
def test_statistics_of_the_original_that_cannot_be_are_named(
    copy: Callable[[str], Path], key: str, value: object, message: str
) -> None:
    path = copy('act') / 'dataset_stats.pkl'
    path.write_bytes(pickle.dumps({**read_plain(path), key: value}))
    assert f'{path}: the statistic {message}' in message_of(path.parent)


def test_a_vector_quantized_policy_is_named(copy: Callable[[str], Path]) -> None:
    folder = copy('act_plus_plus')
    path = folder / 'policy_best.ckpt'
    state = torch.load(path, weights_only=True)
    state['model.latent_proj.weight'] = state['model.latent_proj.weight'][:32]
    path.unlink()
    torch.save(state, path)
    assert 'use_vq' in message_of(folder)


def test_an_old_pytorch_does_not_read_ckpt_files(
    copy: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, '__version__', '2.9.1+cpu')
    text = message_of(copy('act'))
    assert 'PyTorch 2.9.1+cpu has known holes' in text and '2.10' in text


def test_torch_load_is_told_to_read_weights_only(
    copy: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    load = torch.load

    def watched(*args: Any, **kwargs: Any) -> Any:
        calls.append(kwargs)
        return load(*args, **kwargs)

    monkeypatch.setattr(weights.torch, 'load', watched)
    load_checkpoint(copy('act'))
    assert [call['weights_only'] for call in calls] == [True]


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'PK\x03\x04' + b'\0' * 100, 'it is a zip archive, such as torch.save writes'),
        (b'\x80\x04\x95' + b'\0' * 100, 'it is a pickle'),
        (struct.pack('<Q', 1 << 40) + b'{}', 'header would be'),
        (struct.pack('<Q', 500) + b'{}', 'header is 498 bytes longer than the file'),
        (struct.pack('<Q', 2) + b'[]', 'its header is no list'),
        (struct.pack('<Q', 2) + b'{{', 'its header is no JSON'),
        (b'', 'it has 0 bytes'),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_told(
    tmp_path: Path, content: bytes, message: str
) -> None:
    write_policy(tmp_path)
    (tmp_path / 'model.safetensors').write_bytes(content)
    text = message_of(tmp_path)
    assert 'model.safetensors is damaged or not a safetensors file' in text and message in text


@pytest.mark.parametrize(
    ('kind', 'name'),
    [
        ('act', 'policy_best.ckpt'),
        ('act', 'dataset_stats.pkl'),
        ('lerobot_0.4', 'model.safetensors'),
        ('lerobot_0.4', 'policy_preprocessor_step_3_normalizer_processor.safetensors'),
    ],
)
def test_a_file_that_git_lfs_has_not_fetched_is_told(tmp_path: Path, kind: str, name: str) -> None:
    rebuild(kind, tmp_path)
    (tmp_path / name).write_text(
        'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n'
    )
    with pytest.raises(PolicyError, match=f'{name} cannot be read: .*: run git lfs pull'):
        load_checkpoint(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    write_policy(tmp_path)
    (tmp_path / 'model.safetensors').unlink()
    os.mkfifo(tmp_path / 'model.safetensors')
    assert 'not a regular file' in message_of(tmp_path)


def test_checkpoints_without_a_usual_name_are_listed(tmp_path: Path) -> None:
    for number in (100, 200):
        (tmp_path / f'policy_epoch_{number}_seed_0.ckpt').write_bytes(b'')
    assert 'policy_epoch_100_seed_0.ckpt, policy_epoch_200_seed_0.ckpt' in message_of(tmp_path)


@pytest.mark.parametrize('name', ['a\0b', 'a\nb', 'x' * 5000])
def test_a_name_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PolicyError):
        resolve_checkpoint(name, tmp_path)
