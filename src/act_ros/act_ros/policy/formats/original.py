# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of the paper's code and its children: tonyzhaozh/act, Interbotix/act, act-plus-plus.

A folder has `policy_best.ckpt`, a state dictionary without any sizes beside it, and `dataset_stats.pkl`. Sizes
are read from the tensors. What no tensor tells, the names of the cameras and the number of attention heads,
is in act-plus-plus's `config.pkl`, and otherwise asked for in `act_ros.yaml`.

Only the first of the decoder's layers reaches the output in that code (`detr_vae.py` takes `[0]` of the
layers' outputs), so one is what is built here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.policy.formats.arrays import read_plain
from act_ros.policy.formats.files import TensorEntry
from act_ros.policy.formats.original_tensors import (
    check_supported,
    find_backbones,
    find_resnet,
    map_tensors,
    without_prefix,
)
from act_ros.policy.formats.source import (
    BESIDE,
    DEFAULT_RATE_HZ,
    JOINTS,
    Source,
    check_unwrapped,
    read_beside,
    source_shapes,
    stated_joints,
)
from act_ros.policy.formats.torch_zip import read_state_names
from act_ros.text import listed, shown

STATS, CONFIG = 'dataset_stats.pkl', 'config.pkl'
PREFERRED = ('policy_best.ckpt', 'policy_last.ckpt')
_ENTRIES = ('cameras', 'heads', 'image_size', 'rate_hz', 'dilation', 'action_dim', *JOINTS)
_IMAGE_SIZE = (480, 640)


def find_ckpt(folder: Path) -> Path | None:
    """The .ckpt file of a folder that is meant; None where there is none.

    Raises:
        PolicyError: there are several, and none has one of the usual names.
    """
    files = sorted(path for path in folder.glob('*.ckpt') if not path.is_dir())
    for name in PREFERRED:
        if folder / name in files:
            return folder / name
    if len(files) > 1:
        raise PolicyError(
            f'{folder} has {len(files)} checkpoints and no {PREFERRED[0]}; give the path of one: '
            f'{listed(path.name for path in files)}'
        )
    return files[0] if files else None


def read_original(path: Path) -> Source:
    """Read all of a checkpoint but its weights.

    Args:
        path: a .ckpt file, with `dataset_stats.pkl` beside it.

    Raises:
        PolicyError: a file is missing, damaged or hostile, the policy isn't ACT, or something has to be
            written to `act_ros.yaml`; the message shows what.
    """
    state = read_state_names(path)
    check_unwrapped(path, state)
    entries = {without_prefix(path, name): entry for name, entry in state.items()}
    check_supported(path, entries)
    backbones = find_backbones(entries)
    beside = read_beside(path.parent, _ENTRIES)
    known = _known(path, beside, len(backbones))
    names, vae = map_tensors(path, entries, len(backbones) > 1)
    keep = beside.get('action_dim')
    if keep is not None:  # the CVAE encoder reads all actions
        vae, names = False, {k: v for k, v in names.items() if not k.startswith('vae_encoder')}
    config = _config(path, entries, known, beside, backbones, vae)
    stats = _statistics(path.parent / STATS, config, keep)
    plus = keep is not None or len(backbones) > 1 or config.action_dim != config.state_dim
    return Source(
        'act-plus-plus' if plus else 'tonyzhaozh/act or Interbotix/act',
        path,
        config,
        stats,
        path,
        {name: f'model.{stored}' for name, stored in names.items()},
        source_shapes(names, entries, keep),
        {'qpos': 'mean_std', 'action': 'mean_std', 'images': "ImageNet's mean_std"},
        tuple(_notes(entries, config, beside, vae)),
        keep,
    )


def _known(path: Path, beside: Mapping[str, Any], backbones: int) -> tuple[Any, Any]:
    """Cameras and heads: from the yaml beside the checkpoint, or from act-plus-plus's configuration."""
    cameras, heads = beside.get('cameras'), beside.get('heads')
    pickled = path.parent / CONFIG
    if (cameras is None or heads is None) and pickled.exists():
        data = read_plain(pickled)
        inner = data.get('policy_config')
        cameras = data.get('camera_names') if cameras is None else cameras
        heads = inner.get('nheads') if heads is None and isinstance(inner, dict) else heads
    if cameras is None or heads is None:
        missing = [n for n, v in (('cameras', cameras), ('heads', heads)) if v is None]
        example = ['cam_high', 'cam_low', 'cam_left_wrist', 'cam_right_wrist']
        example = example[:backbones] if backbones > 1 else example
        raise PolicyError(
            f'{path} does not hold {" and ".join(missing)}, and no tensor tells. Write a file '
            f'{path.parent / BESIDE} with, for instance:\n'
            f'  cameras: [{", ".join(example)}]  # names, in the order of camera_names in training\n'
            f'  heads: 8  # nheads in imitate_episodes.py, which has 8\n'
            f'  # image_size: [480, 640]  # height, width in training; where it is another\n'
            f'  # rate_hz: 50  # where the data was recorded at another rate'
        )
    if not isinstance(cameras, (list, tuple)) or not cameras:
        where = path.parent / (CONFIG if beside.get('cameras') is None else BESIDE)
        raise PolicyError(f'{where}: cameras is {shown(cameras)}; expected a list of names')
    if backbones > 1 and len(cameras) != backbones:
        raise PolicyError(
            f'{path} has {backbones} backbones, one for each camera, and {len(cameras)} cameras are named: '
            f'{shown(list(cameras))}'
        )
    return cameras, heads


def _config(
    path: Path,
    entries: Mapping[str, TensorEntry],
    known: tuple[Any, Any],
    beside: Mapping[str, Any],
    backbones: Mapping[int, Collection[str]],
    vae: bool,
) -> PolicyConfig:
    def layers(start: str) -> int:
        pattern = re.compile(re.escape(start) + r'\.(\d+)\.')
        return len({m[1] for m in map(pattern.match, entries) if m})

    def shape(name: str) -> tuple[int, ...]:
        return entries[name].shape

    action_dim = shape('action_head.weight')[0]
    keep = beside.get('action_dim', action_dim)
    if type(keep) is not int or not 1 <= keep <= action_dim:
        raise PolicyError(
            f'{path.parent / BESIDE}: action_dim is {shown(keep)}; the policy has {action_dim} actions'
        )
    chunk, d_model = shape('query_embed.weight')
    try:
        return PolicyConfig(
            cameras=known[0],
            image_size=beside.get('image_size', _IMAGE_SIZE),
            chunk=chunk,
            state_dim=shape('input_proj_robot_state.weight')[1],
            action_dim=keep,
            rate_hz=beside.get('rate_hz', DEFAULT_RATE_HZ),
            rate_assumed='rate_hz' not in beside,
            **stated_joints(beside, path.parent / BESIDE),
            d_model=d_model,
            heads=known[1],
            feedforward=shape('transformer.encoder.layers.0.linear1.weight')[0],
            encoder_layers=layers('transformer.encoder.layers'),
            decoder_layers=1,
            vae_layers=max(1, layers('encoder.layers')),
            latent_dim=shape('latent_out_proj.weight')[1],
            backbone=find_resnet(path, backbones[0]),
            dilation=beside.get('dilation', False),
            per_camera=len(backbones) > 1,
            pre_norm='transformer.encoder.norm.weight' in entries,
            vae=vae,
        )
    except PolicyError as error:
        told = [name for name in (BESIDE, CONFIG) if (path.parent / name).exists()]
        raise PolicyError(f'{path} with {" and ".join(told)} beside it: {error}') from error


def _statistics(
    path: Path, config: PolicyConfig, keep: int | None
) -> dict[str, NDArray[np.float32]]:
    data = read_plain(path)
    stats = {}
    for ours, theirs in (
        ('qpos.mean', 'qpos_mean'),
        ('qpos.std', 'qpos_std'),
        ('action.mean', 'action_mean'),
        ('action.std', 'action_std'),
    ):
        if data.get(theirs) is None:
            raise PolicyError(
                f'{path}: the statistic {theirs} is missing; without it the policy would act in wrong units'
            )
        values = _array(data[theirs])
        if values is None:
            raise PolicyError(
                f'{path}: the statistic {theirs} is {type(data[theirs]).__name__}; expected numbers'
            )
        if values.dtype.kind not in 'fiu':
            raise PolicyError(
                f'{path}: the statistic {theirs} holds {values.dtype}; expected numbers'
            )
        values = values.astype(np.float32).reshape(-1)
        values = values[:keep] if keep is not None and ours.startswith('action') else values
        length = config.action_dim if ours.startswith('action') else config.state_dim
        if len(values) != length:
            raise PolicyError(
                f'{path}: the statistic {theirs} has {len(values)} entries, and the policy needs {length}'
            )
        if not np.isfinite(values).all() or (theirs.endswith('std') and (values <= 0).any()):
            raise PolicyError(
                f'{path}: the statistic {theirs} is not finite, or a deviation not positive: '
                f'{shown(values.tolist(), 400)}'
            )
        stats[ours] = values
    return stats


def _array(values: Any) -> NDArray[Any] | None:
    """A statistic as an array; also where somebody made lists of them to move them between versions of NumPy."""
    if isinstance(values, list) and all(type(v) in (int, float) for v in values):
        return np.array(values, np.float64)
    return values if isinstance(values, np.ndarray) else None


def _notes(
    entries: Mapping[str, TensorEntry], config: PolicyConfig, beside: Mapping[str, Any], vae: bool
) -> list[str]:
    notes = []
    built = len({n.split('.')[3] for n in entries if n.startswith('transformer.decoder.layers.')})
    if built > 1:
        notes.append(
            f'the decoder has {built} layers, of which that code uses the first: it is the one that is read'
        )
    if not vae:
        notes.append('it has no CVAE encoder, or one that cannot be used: it runs, with z = 0')
    assumed = [f'image_size {list(config.image_size)}'] if 'image_size' not in beside else []
    if config.backbone == 'resnet50' and 'dilation' not in beside:
        assumed.append('dilation false')
    if assumed:
        notes.append(
            f"assumed, as the original's code has it: {', '.join(assumed)}; {BESIDE} can say otherwise"
        )
    if 'action_dim' in beside:
        whole = entries['action_head.weight'].shape[0]
        notes.append(f'the first {config.action_dim} of its {whole} actions are kept')
    return notes
