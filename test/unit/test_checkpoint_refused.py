# SPDX-License-Identifier: Apache-2.0
"""What cannot be read is refused by name: the file, the tensor, the camera, and what to do. Nothing is run."""

from __future__ import annotations

import json
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
from safetensors.torch import load_file, save_file

from act_ros.policy import weights
from act_ros.policy.checkpoint import load_checkpoint
from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import read_config, resolve_checkpoint
from act_ros.policy.formats.arrays import read_plain
from golden import rebuild
from synthetic import write_policy

PREPROCESSOR, POSTPROCESSOR = 'policy_preprocessor.json', 'policy_postprocessor.json'
NORMS = 'policy_preprocessor_step_3_normalizer_processor.safetensors'


@pytest.fixture(scope='module')
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    names = ('lerobot_0.3', 'lerobot_0.4', 'act', 'act_plus_plus')
    return {name: rebuild(name, tmp_path_factory.mktemp(name)) for name in names}


@pytest.fixture
def copy(templates: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """A checkpoint whose files may be changed: the large ones are links until they are replaced."""

    def make(name: str) -> Path:
        for path in templates[name].iterdir():
            if path.stat().st_size > 1 << 20:
                os.link(path, tmp_path / path.name)
            else:
                (tmp_path / path.name).write_bytes(path.read_bytes())
        return tmp_path

    return make


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def edit_tensors(path: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(path)
    change(tensors)
    path.unlink()
    save_file(tensors, path)


def message_of(folder: Path) -> str:
    with pytest.raises(PolicyError) as caught:
        load_checkpoint(folder)
    return str(caught.value)


@pytest.mark.parametrize(
    ('entry', 'value', 'message'),
    [
        ('type', 'diffusion', "policy of type 'diffusion'; act_ros runs ACT"),
        ('n_obs_steps', 2, 'n_obs_steps is 2; only 1'),
        ('vision_backbone', 'resnet101', "vision_backbone is 'resnet101'; supported are resnet18"),
        ('feedforward_activation', 'glu', "activation is 'glu'"),
        ('replace_final_stride_with_dilation', True, 'resnet18 has none, only resnet50'),
        ('dim_model', 'wide', "d_model is 'wide'"),
        ('chunk_size', 10**12, 'at most 10000'),
        ('n_heads', 7, 'divisible by heads (7)'),
        ('input_features', {}, '"input_features" is {}'),
        ('input_features', [1], '"input_features" is [1]'),
        ('use_peft', True, 'use_peft is True'),
    ],
)
def test_a_lerobot_configuration_that_is_not_supported_is_named(
    copy: Callable[[str], Path], entry: str, value: object, message: str
) -> None:
    folder = copy('lerobot_0.4')
    edit(folder / 'config.json', lambda data: data.update({entry: value}))
    assert 'config.json' in message_of(folder) and message in message_of(folder)


@pytest.mark.parametrize(
    ('name', 'feature', 'message'),
    [
        ('observation.environment_state', {'type': 'ENV', 'shape': [7]}, 'environment state'),
        (
            'observation.images.cam_low',
            {'type': 'VISUAL', 'shape': [3, 48, 64]},
            'cameras have different sizes',
        ),
        (
            'observation.images.cam_low',
            {'type': 'VISUAL', 'shape': [1, 64, 96]},
            'camera observation.images.cam_low has shape (1, 64, 96)',
        ),
        ('observation.state', {'type': 'ENV', 'shape': [14]}, 'environment state'),
        ('observation.state', {'type': 'STATE', 'shape': [-1]}, 'shape of observation.state'),
    ],
)
def test_a_feature_that_is_not_supported_is_named(
    copy: Callable[[str], Path], name: str, feature: dict[str, Any], message: str
) -> None:
    folder = copy('lerobot_0.4')
    edit(folder / 'config.json', lambda data: data['input_features'].update({name: feature}))
    assert message in message_of(folder)


@pytest.mark.parametrize(
    ('file', 'step', 'change', 'message'),
    [
        (PREPROCESSOR, 3, {'registry_name': 'image_crop_resize_processor'}, 'image_crop_resize'),
        (PREPROCESSOR, 3, {'registry_name': 'to_batch_processor'}, '0 steps normalizer_processor'),
        (PREPROCESSOR, 3, {'state_file': '../../etc/passwd'}, 'expected one beside it'),
        (PREPROCESSOR, 3, {'state_file': 'gone.safetensors'}, 'gone.safetensors is missing'),
        (PREPROCESSOR, 3, {'state_file': '\ud800'}, r'\ud800 cannot be read'),
        (PREPROCESSOR, 3, {'state_file': '\x1b[2J\u202e'}, r'\x1b[2J\u202e is missing'),
        (PREPROCESSOR, 3, {'state_file': None}, 'names no file with the statistics'),
        (PREPROCESSOR, 2, {'config': {'float_dtype': 'float16'}}, "everything 'float16'"),
        (POSTPROCESSOR, 0, {'registry_name': 'absolute_actions_processor'}, 'absolute_actions'),
    ],
)
def test_a_step_of_a_pipeline_that_is_not_known_is_named(
    copy: Callable[[str], Path], file: str, step: int, change: dict[str, Any], message: str
) -> None:
    folder = copy('lerobot_0.4')
    edit(folder / file, lambda data: data['steps'][step].update(change))
    assert message in message_of(folder) and str(folder) in message_of(folder)


def test_a_feature_without_statistics_is_refused_and_never_passed_through(
    copy: Callable[[str], Path],
) -> None:
    folder = copy('lerobot_0.4')
    edit_tensors(folder / NORMS, lambda t: t.pop('observation.images.cam_low.std'))
    text = message_of(folder)
    assert NORMS in text and 'observation.images.cam_low.std is missing' in text
    edit(
        folder / PREPROCESSOR,
        lambda data: data['steps'][3]['config']['features'].pop('observation.state'),
    )
    assert 'no feature observation.state: it would pass without normalization' in message_of(
        folder
    )
    (folder / PREPROCESSOR).unlink()
    assert 'has no statistics' in message_of(folder)


def test_a_renaming_with_two_origins_is_refused(copy: Callable[[str], Path]) -> None:
    folder = copy('lerobot_0.4')
    names = {'a': 'observation.images.cam_high', 'b': 'observation.images.cam_high'}
    edit(folder / PREPROCESSOR, lambda d: d['steps'][0]['config'].update(rename_map=names))
    assert 'observation.images.cam_high two origins: a, b' in message_of(folder)
    names = {'observation.images.cam_low': 'elsewhere'}
    edit(folder / PREPROCESSOR, lambda d: d['steps'][0]['config'].update(rename_map=names))
    assert 'no origin: it is renamed away' in message_of(folder)


def test_old_statistics_that_are_missing_or_never_set_or_nobodys_are_named(
    copy: Callable[[str], Path],
) -> None:
    folder = copy('lerobot_0.3')
    key = 'normalize_inputs.buffer_observation_images_cam_left_wrist.mean'
    model = folder / 'model.safetensors'
    edit_tensors(model, lambda t: t[key].fill_(float('inf')))
    text = message_of(folder)
    assert 'observation.images.cam_left_wrist' in text and 'never set' in text
    edit_tensors(model, lambda t: t.update({key.replace('left', 'lift'): t.pop(key)}))
    assert f'tensor {key} is missing, the statistics of' in message_of(folder)
    edit_tensors(model, lambda t: t.update({key: torch.ones(3, 1, 1)}))
    assert 'is the statistic of no feature' in message_of(folder)


def test_weights_inside_a_wrapper_of_training_are_named(copy: Callable[[str], Path]) -> None:
    folder = copy('lerobot_0.3')
    path = folder / 'model.safetensors'
    tensors = load_file(path)
    for wrapped, wrapper in (('module.', 'DistributedData'), ('_orig_mod.', 'torch.compile')):
        path.unlink()
        save_file({wrapped + name: value for name, value in tensors.items()}, path)
        assert wrapper in message_of(folder)


def test_two_features_that_share_a_buffers_name_are_refused(copy: Callable[[str], Path]) -> None:
    folder = copy('lerobot_0.3')
    image = {'type': 'VISUAL', 'shape': [3, 64, 96]}
    edit(
        folder / 'config.json',
        lambda d: d['input_features'].update({'observation.images.cam.high': image}),
    )
    text = message_of(folder)
    assert 'observation.images.cam_high, observation.images.cam.high would share' in text


def test_sizes_that_do_not_fit_the_tensors_are_found_before_anything_is_allocated(
    copy: Callable[[str], Path],
) -> None:
    folder = copy('lerobot_0.4')
    edit(
        folder / 'config.json',
        lambda d: d.update(dim_model=8192, dim_feedforward=65536, n_encoder_layers=8),
    )
    assert 'model.safetensors does not fit the config.json beside it' in message_of(folder)


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
