# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: what is written is read back, and what is wrong is refused with its reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from act_ros.policy.checkpoint import load_checkpoint
from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import policy_names, read_config, resolve_checkpoint
from golden import rebuild
from synthetic import tiny_config, write_policy


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    config = write_policy(tmp_path)
    loaded = load_checkpoint(tmp_path, cvae=True)
    assert loaded.config == config
    stored = load_file(tmp_path / 'model.safetensors')
    for name, value in loaded.network.state_dict().items():
        assert torch.equal(value, stored[name])
    for name, value in loaded.normalizer.stats().items():
        assert torch.equal(value, stored[f'stats.{name}'])
    assert sorted(p.name for p in tmp_path.iterdir()) == ['config.json', 'model.safetensors']


def test_native_statistics_per_camera_are_applied_per_camera(tmp_path: Path) -> None:
    means = ((0.1, 0.2, 0.3), (0.6, 0.5, 0.4))
    write_policy(tmp_path, tiny_config(cameras=('a', 'b'), image_mean=means))
    norm = load_checkpoint(tmp_path).normalizer
    grey = torch.full((1, 2, 4, 6, 3), 127.5)
    got = norm.images(grey)[0, :, :, 0, 0]
    want = (0.5 - torch.tensor(means)) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(got, want)


def rewrite(folder: Path, drop: str = '', **changes: torch.Tensor) -> None:
    tensors = load_file(folder / 'model.safetensors')
    tensors.pop(drop, None)
    save_file({**tensors, **changes}, folder / 'model.safetensors')


def test_missing_statistics_are_refused(tmp_path: Path) -> None:
    write_policy(tmp_path)
    rewrite(tmp_path, drop='stats.action.std')
    with pytest.raises(
        PolicyError, match='model.safetensors: the statistic action.std is missing'
    ):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize('value', [0.0, -1.0, float('nan')])
def test_statistics_that_cannot_be_are_refused(tmp_path: Path, value: float) -> None:
    write_policy(tmp_path)
    rewrite(tmp_path, **{'stats.qpos.std': torch.full((14,), value)})
    with pytest.raises(PolicyError, match='qpos.std'):
        load_checkpoint(tmp_path)


def test_every_tensor_that_differs_is_listed(tmp_path: Path) -> None:
    write_policy(tmp_path)
    rewrite(
        tmp_path,
        drop='decoder.norm.bias',
        **{'action_head.bias': torch.zeros(16), 'extra': torch.zeros(1)},
    )
    with pytest.raises(PolicyError) as caught:
        load_checkpoint(tmp_path)
    message = str(caught.value)
    assert 'action_head.bias: got (16,), want (14,)' in message
    assert 'decoder.norm.bias: missing' in message and 'extra: not part of this network' in message


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    write_policy(tmp_path)
    rewrite(tmp_path, **{'action_head.bias': torch.full((14,), float('inf'))})
    with pytest.raises(PolicyError, match='action_head.bias: not finite'):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize('content', [b'', b'\x80\x04garbage', None])
def test_a_damaged_model_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    write_policy(tmp_path)
    path = tmp_path / 'model.safetensors'
    path.write_bytes(path.read_bytes()[:5000] if content is None else content)
    with pytest.raises(PolicyError, match='model.safetensors is damaged.*copy it again'):
        load_checkpoint(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    write_policy(tmp_path)
    (tmp_path / 'model.safetensors').unlink()
    with pytest.raises(PolicyError, match='model.safetensors is missing'):
        load_checkpoint(tmp_path)
    with pytest.raises(PolicyError, match='config.json cannot be read'):
        load_checkpoint(tmp_path / 'nowhere')


def test_lerobots_words_for_sizes_are_read_and_the_old_ones_stay() -> None:
    theirs = {
        'chunk_size': 20, 'dim_model': 64, 'n_heads': 4, 'dim_feedforward': 96,
        'n_encoder_layers': 2, 'n_decoder_layers': 1, 'n_vae_encoder_layers': 3,
    }  # fmt: skip
    ours = PolicyConfig(
        ('a',), chunk=20, d_model=64, heads=4, feedforward=96,
        encoder_layers=2, decoder_layers=1, vae_layers=3,
    )  # fmt: skip
    words = {
        'chunk',
        'd_model',
        'heads',
        'feedforward',
        'encoder_layers',
        'decoder_layers',
        'vae_layers',
    }
    written = json.loads(ours.to_json())
    text = json.dumps({**{name: v for name, v in written.items() if name not in words}, **theirs})
    assert PolicyConfig.from_json(text) == PolicyConfig.from_json(ours.to_json()) == ours
    with pytest.raises(PolicyError, match='chunk_size and chunk are one entry by two names'):
        PolicyConfig.from_dict({'cameras': ['a'], 'chunk': 20, **theirs})


def test_a_configuration_survives_its_file() -> None:
    config = tiny_config(cameras=('cam_high', 'cam_left_wrist'))
    assert PolicyConfig.from_json(config.to_json()) == config
    colours = ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    config = tiny_config(
        cameras=config.cameras, image_std=colours, backbone='resnet50', pre_norm=True, vae=False
    )
    assert PolicyConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'hidden': 3}, 'unknown entries: hidden'),
        ({'format': 9}, '"format" is 9'),
        ({'norm': 'batch'}, "norm is 'batch'; expected one of frozen_batch, group"),
        ({'chunk': 0}, 'chunk is 0; expected a whole number of at least 1'),
        ({'chunk': 2.5}, 'chunk is 2.5'),
        ({'cameras': []}, 'at least one camera'),
        ({'cameras': 'cam_high'}, 'expected a list'),
        ({'cameras': ['a', 'a']}, 'each camera may be named once'),
        ({'backbone_layers': 2}, 'expected 3 or 4'),
        ({'d_model': 30}, 'd_model is 30'),
        ({'image_size': [48]}, r'expected \[height, width\]'),
        ({'image_std': [1, 0, 1]}, 'must be positive'),
        ({'rate_hz': 0}, 'rate_hz is 0'),
        ({'dropout': 1.0}, 'dropout is 1.0'),
        ({'chunk': 10**9}, 'chunk is 1000000000; at most 10000'),
        ({'chunk': True}, 'chunk is True'),
        ({'rate_hz': float('nan')}, 'rate_hz is nan'),
        ({'image_mean': [float('nan'), 0, 0]}, 'image_mean is .* expected 3 numbers'),
        ({'image_mean': [[0, 0, 0], [0, 0, 0]]}, 'image_mean has 2 triples for 1 cameras'),
        ({'cameras': ['a' * 101]}, 'at most 100 printable characters'),
        ({'cameras': ['\ud800']}, 'printable'),
        ({'cameras': [f'cam{i}' for i in range(17)]}, '17 cameras; at most 16'),
        ({'backbone': 'resnet101'}, "backbone is 'resnet101'; expected one of resnet18"),
        ({'activation': 'glu'}, "activation is 'glu'; expected one of relu, gelu"),
        ({'dilation': True}, 'only resnet50'),
        ({'vae': 1}, 'vae is 1; expected true or false'),
    ],
)
def test_a_wrong_configuration_is_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    write_policy(tmp_path)
    path = tmp_path / 'config.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(PolicyError, match=f'config.json: .*{message}'):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    'name', ['cameras', 'image_size', 'state_dim', 'action_dim', 'rate_hz', 'image_std']
)
def test_nothing_is_assumed_where_a_configuration_lacks_what_is_always_written(name: str) -> None:
    written = json.loads(tiny_config().to_json())
    del written[name]
    with pytest.raises(PolicyError, match=f'lacks {name};'):
        PolicyConfig.from_json(json.dumps(written))


@pytest.mark.parametrize(
    'text',
    ['', '[]', '{"format": 1', '{"format": 1}', '[' * 100_000, '{"format": ' + '9' * 5000 + '}'],
)
def test_a_configuration_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(PolicyError):
        PolicyConfig.from_json(text)


def test_a_policy_is_found_by_name_and_by_path(tmp_path: Path) -> None:
    write_policy(tmp_path / 'models' / 'cube')
    folder = (tmp_path / 'models' / 'cube').resolve()
    for name in ('cube', 'models/cube', str(folder), folder):
        assert resolve_checkpoint(name, tmp_path / 'models') == folder


def test_a_policy_is_found_where_training_has_put_it(tmp_path: Path) -> None:
    inner = tmp_path / 'models' / 'cube' / 'checkpoints' / 'last' / 'pretrained_model'
    rebuild('lerobot_0.4', inner)
    rebuild('act', tmp_path / 'models' / 'paper')
    write_policy(tmp_path / 'models' / 'mine')
    (tmp_path / 'models' / 'empty').mkdir()
    assert resolve_checkpoint('cube', tmp_path / 'models') == inner.resolve()
    ckpt = tmp_path / 'models' / 'paper' / 'policy_best.ckpt'
    assert resolve_checkpoint(str(ckpt), tmp_path / 'models') == ckpt.resolve()
    assert read_config(ckpt) == read_config(ckpt.parent)
    assert resolve_checkpoint(inner / 'config.json', tmp_path / 'models') == inner.resolve()
    with pytest.raises(PolicyError, match='dataset_stats.pkl is a file; a policy is a folder'):
        resolve_checkpoint(ckpt.parent / 'dataset_stats.pkl', tmp_path / 'models')
    assert policy_names(tmp_path / 'models') == ['cube', 'mine', 'paper']


@pytest.mark.parametrize('name', ['sphere', '', '/nowhere/at/all'])
def test_an_unknown_policy_is_refused_with_those_there_are(tmp_path: Path, name: str) -> None:
    write_policy(tmp_path / 'models' / 'cube')
    with pytest.raises(PolicyError, match='available there: cube'):
        resolve_checkpoint(name, tmp_path / 'models')


def test_what_a_policy_was_trained_on_is_kept_with_it(tmp_path: Path) -> None:
    config = tiny_config(task='insertion', training_seeds=((1000, 1291), (1300, 1300)))
    write_policy(tmp_path, config)
    assert load_checkpoint(tmp_path).config == config
    assert config.same_network(tiny_config()) and config != tiny_config()
    assert not config.same_network(tiny_config(chunk=6))


def test_a_policy_that_says_nothing_of_its_training_is_read(tmp_path: Path) -> None:
    write_policy(tmp_path)
    entries = json.loads((tmp_path / 'config.json').read_text())
    assert not {'task', 'training_seeds'} & set(entries)
    config = load_checkpoint(tmp_path).config
    assert config.task == '' and config.training_seeds == ()


@pytest.mark.parametrize(
    ('entry', 'value'),
    [
        ('task', 7),
        ('task', 'a\nb'),
        ('task', 'x' * 101),
        ('training_seeds', 'all'),
        ('training_seeds', [5]),
        ('training_seeds', [[5, 3]]),
        ('training_seeds', [[-1, 3]]),
        ('training_seeds', [[1, 2, 3]]),
        ('training_seeds', [[0, True]]),
        ('training_seeds', [[0, 1.5]]),
        ('training_seeds', [[0, 1]] * 1001),
    ],
)
def test_a_task_or_seeds_that_cannot_be_are_refused(
    tmp_path: Path, entry: str, value: object
) -> None:
    write_policy(tmp_path)
    path = tmp_path / 'config.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), entry: value}))
    with pytest.raises(PolicyError, match=f'config.json: {entry} is'):
        load_checkpoint(tmp_path)
