# SPDX-License-Identifier: Apache-2.0
"""The tensors of tonyzhaozh/act and act-plus-plus (`detr/models/detr_vae.py`), and where they are in our network."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from act_ros.policy.errors import PolicyError
from act_ros.policy.formats.files import TensorEntry
from act_ros.text import listed

_MODULES = {
    'transformer.encoder.layers.': 'encoder.layers.',
    'transformer.encoder.norm.': 'encoder.norm.',
    'transformer.decoder.layers.0.': 'decoder.layers.0.',
    'transformer.decoder.norm.': 'decoder.norm.',
    'action_head.': 'action_head.',
    'query_embed.': 'decoder_pos_embed.',
    'input_proj.': 'encoder_img_feat_input_proj.',
    'input_proj_robot_state.': 'encoder_robot_state_input_proj.',
    'latent_out_proj.': 'encoder_latent_input_proj.',
    'additional_pos_embed.': 'encoder_1d_feature_pos_embed.',
}
"""Modules of the original, and ours."""
_CVAE = {
    'encoder.layers.': 'vae_encoder.layers.',
    'encoder.norm.': 'vae_encoder.norm.',
    'cls_embed.': 'vae_encoder_cls_embed.',
    'encoder_action_proj.': 'vae_encoder_action_input_proj.',
    'encoder_joint_proj.': 'vae_encoder_robot_state_input_proj.',
    'latent_proj.': 'vae_encoder_latent_output_proj.',
    'pos_table': 'vae_encoder_pos_enc',
}
"""The same for the CVAE encoder."""
_UNUSED = ('transformer.decoder.layers.', 'is_pad_head.', 'encoder.')
_BACKBONE = re.compile(r'backbones\.(\d{1,2})\.0\.body\.(.+)')
_BLOCKS = {
    ((2, 2, 2, 2), False): 'resnet18',
    ((3, 4, 6, 3), False): 'resnet34',
    ((3, 4, 6, 3), True): 'resnet50',
}
"""Blocks of the four stages, and whether they have a third convolution."""


def without_prefix(path: Path, name: str) -> str:
    """The name of a tensor without the `model.` that all of them begin with; PolicyError where it lacks it."""
    if not name.startswith('model.'):
        raise PolicyError(
            f'{path}: tensor {listed([name])} is not one of an ACT policy of tonyzhaozh/act, whose names '
            f'all begin with "model."'
        )
    return name.removeprefix('model.')


def check_supported(path: Path, entries: Mapping[str, TensorEntry]) -> None:
    """Refuse by name what isn't ACT, or needs what the robot doesn't have."""
    reasons = {
        'mlp.': 'it is a CNN-MLP policy; act_ros runs ACT',
        'input_proj_env_state.': 'the policy needs the environment state, which an ALOHA robot does not '
        'publish: policies with it are not supported',
        'backbones.0.1.': 'it has learned position embeddings of the image; only "sine" is supported',
    }
    for start, reason in reasons.items():
        if any(name.startswith(start) for name in entries):
            raise PolicyError(f'{path}: {reason} (tensor model.{start}*)')
    for name in (
        'query_embed.weight',
        'action_head.weight',
        'input_proj.weight',
        'input_proj_robot_state.weight',
        'latent_out_proj.weight',
        'transformer.encoder.layers.0.linear1.weight',
        'transformer.decoder.layers.0.linear1.weight',
        'backbones.0.0.body.conv1.weight',
    ):
        if name not in entries:
            raise PolicyError(f'{path}: tensor model.{name} is missing; it is not an ACT policy')
        dims = 4 if name.endswith(('input_proj.weight', 'conv1.weight')) else 2
        if len(entries[name].shape) != dims:
            raise PolicyError(
                f'{path}: tensor model.{name} has shape {entries[name].shape}; expected {dims} dimensions'
            )
    latent = entries['latent_out_proj.weight'].shape[1]
    proj = entries.get('latent_proj.weight')
    if proj is not None and proj.shape and proj.shape[0] == latent:
        raise PolicyError(
            f'{path}: its latent is a vector-quantized code (use_vq), which needs a second network to draw '
            f'from: such policies are not supported'
        )


def find_backbones(entries: Mapping[str, TensorEntry]) -> dict[int, list[str]]:
    """By the backbone's number the names of its tensors, without what comes before."""
    found: dict[int, list[str]] = {}
    for name in entries:
        match = _BACKBONE.fullmatch(name)
        if match:
            found.setdefault(int(match[1]), []).append(match[2])
    return found


def find_resnet(path: Path, tensors: Collection[str]) -> str:
    """The name of the ResNet that has these tensors.

    Raises:
        PolicyError: it isn't one of those that are supported.
    """
    blocks = tuple(
        len({name.split('.')[1] for name in tensors if name.startswith(f'layer{stage}.')})
        for stage in range(1, 5)
    )
    kind = (blocks, 'layer1.0.conv3.weight' in tensors)
    if kind not in _BLOCKS:
        raise PolicyError(
            f'{path}: its backbone has {blocks} blocks; supported are {", ".join(_BLOCKS.values())}'
        )
    return _BLOCKS[kind]


def map_tensors(
    path: Path, entries: Mapping[str, TensorEntry], per_camera: bool
) -> tuple[dict[str, str], bool]:
    """By our name the original's, and whether a whole CVAE encoder is among them."""
    names: dict[str, str] = {}
    cvae: dict[str, str] = {}
    for stored in entries:
        match = _BACKBONE.fullmatch(stored)
        if match:
            if not stored.endswith('num_batches_tracked'):
                number = f'{match[1]}.' if per_camera else ''
                names[f'backbone.{number}{match[2]}'] = stored
            continue
        for table, target in ((_MODULES, names), (_CVAE, cvae)):
            start = next((s for s in table if stored.startswith(s)), None)
            if start is not None:
                target[table[start] + stored.removeprefix(start)] = stored
                break
        else:
            if not stored.startswith(_UNUSED):
                raise PolicyError(
                    f'{path}: tensor {listed([f"model.{stored}"])} is not one of an ACT policy of '
                    f'tonyzhaozh/act or act-plus-plus'
                )
    vae = any(name.startswith('vae_encoder.layers.') for name in cvae)
    return ({**names, **cvae} if vae else names), vae
