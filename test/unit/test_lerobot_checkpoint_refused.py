# SPDX-License-Identifier: Apache-2.0
"""What act_ros cannot run of a checkpoint of LeRobot is refused by name: the entry, the feature, the step, the tensor."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from changed_checkpoints import linked_copy, message_of
from golden import rebuild

PREPROCESSOR, POSTPROCESSOR = 'policy_preprocessor.json', 'policy_postprocessor.json'
NORMS = 'policy_preprocessor_step_3_normalizer_processor.safetensors'


@pytest.fixture(scope='module')
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    names = ('lerobot_0.3', 'lerobot_0.4')
    return {name: rebuild(name, tmp_path_factory.mktemp(name)) for name in names}


@pytest.fixture
def copy(templates: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: linked_copy(templates[name], tmp_path)


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def edit_tensors(path: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(path)
    change(tensors)
    path.unlink()
    save_file(tensors, path)


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
