# SPDX-License-Identifier: Apache-2.0
"""Policies on disk: a folder with `config.json` and `model.safetensors` (weights and statistics).

Nothing in it is a pickle: reading a hostile file gives an error, and runs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import CONFIG, MODEL, read_config
from act_ros.policy.network import ACT
from act_ros.policy.normalize import KEYS, Normalizer

STATS = 'stats.'
"""Prefix of the statistics among the tensors of the model file."""
CVAE = 'vae_encoder'
"""Prefix of the parameters that only training uses."""


@dataclass(frozen=True)
class Loaded:
    """A policy as read: its configuration, its network and the statistics it was trained with."""

    config: PolicyConfig
    network: ACT
    normalizer: Normalizer


def save_checkpoint(
    folder: Path, config: PolicyConfig, weights: Mapping[str, Tensor], stats: Mapping[str, Tensor]
) -> None:
    """Write a checkpoint folder; each of its two files appears whole or not at all.

    Args:
        folder: made where it isn't there.
        config: what the network was built from.
        weights: the network's state.
        stats: the statistics by `normalize.KEYS`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in weights.items()}
    tensors.update(
        {STATS + name: value.detach().cpu().contiguous().clone() for name, value in stats.items()}
    )
    partial = folder / f'{MODEL}.partial'
    save_file(tensors, partial)
    partial.replace(folder / MODEL)
    text = folder / f'{CONFIG}.partial'
    text.write_text(config.to_json())
    text.replace(folder / CONFIG)


def load_checkpoint(folder: Path, cvae: bool = False) -> Loaded:
    """Read a checkpoint folder.

    Args:
        folder: holds `config.json` and `model.safetensors`.
        cvae: also read the CVAE encoder, to go on training.

    Raises:
        PolicyError: a file is missing or damaged, statistics are missing, tensors don't fit the configuration.
    """
    config = read_config(folder)
    tensors = _read_tensors(folder / MODEL)
    stats: dict[str, NDArray[np.float32]] = {
        name: tensors.pop(STATS + name).float().numpy() for name in KEYS if STATS + name in tensors
    }
    try:
        normalizer = Normalizer(config, stats)
    except PolicyError as error:
        raise PolicyError(f'{folder / MODEL}: {error}') from error
    network = ACT(config, cvae)
    if not cvae:
        tensors = {name: value for name, value in tensors.items() if not name.startswith(CVAE)}
    _check_tensors(folder / MODEL, tensors, network.state_dict())
    network.load_state_dict(tensors)
    return Loaded(config, network.eval(), normalizer.eval())


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except FileNotFoundError as error:
        raise PolicyError(f'{path} is missing; copy the whole folder of the policy') from error
    except (SafetensorError, OSError) as error:
        raise PolicyError(
            f'{path} is damaged or not a safetensors file ({error}); copy it again, or train the policy again'
        ) from error
    return tensors


def _check_tensors(path: Path, got: Mapping[str, Tensor], want: Mapping[str, Tensor]) -> None:
    """Compare names and shapes, and that every weight is finite."""
    wrong = [f'{name}: missing' for name in want if name not in got]
    wrong += [f'{name}: not part of this network' for name in got if name not in want]
    wrong += [
        f'{name}: got {tuple(got[name].shape)}, want {tuple(want[name].shape)}'
        for name in want
        if name in got and got[name].shape != want[name].shape
    ]
    wrong += [f'{name}: not finite' for name, value in got.items() if not value.isfinite().all()]
    if wrong:
        raise PolicyError(
            f'{path} does not fit the {CONFIG} beside it; {len(wrong)} tensors differ:\n  '
            + '\n  '.join(wrong)
        )
