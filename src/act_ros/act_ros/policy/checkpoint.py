# SPDX-License-Identifier: Apache-2.0
"""Policies on disk: written in this suite's own form, read in any form that `formats` knows.

The own form is a folder with `config.json` and `model.safetensors` (weights and statistics). Of no form is a
pickle executed: reading a hostile file gives an error, and runs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import CONFIG, MODEL
from act_ros.policy.formats.detect import read_source
from act_ros.policy.formats.native import STATS
from act_ros.policy.formats.source import Source
from act_ros.policy.network import ACT
from act_ros.policy.normalize import Normalizer
from act_ros.policy.vision import lay_out
from act_ros.policy.weights import read_weights, save_weights
from act_ros.text import listed

CVAE = 'vae_encoder'
"""Prefix of the parameters that only training uses."""


@dataclass(frozen=True)
class Loaded:
    """A policy as read: its configuration, its network, the statistics it was trained with, and where from."""

    config: PolicyConfig
    network: ACT
    normalizer: Normalizer
    source: Source


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
    save_weights(folder / MODEL, tensors)
    text = folder / f'{CONFIG}.partial'
    text.write_text(config.to_json())
    text.replace(folder / CONFIG)


def load_checkpoint(path: Path, cvae: bool = False) -> Loaded:
    """Read a checkpoint.

    Args:
        path: its folder, or a .ckpt file.
        cvae: also read the CVAE encoder, to go on training.

    Raises:
        PolicyError: a file is missing, damaged, hostile or not supported, statistics are missing, tensors
            don't fit the configuration.
    """
    return load_source(read_source(path), cvae)


def load_source(source: Source, cvae: bool = False) -> Loaded:
    """The same, of what a reader has found out about it."""
    config = source.config
    try:
        normalizer = Normalizer(config, source.stats)
    except PolicyError as error:
        raise PolicyError(f'{source.model}: {error}') from error
    # Shapes only: nothing is allocated before they are found to fit.
    with torch.device('meta'), _NoInitialization():
        network = ACT(config, cvae)
    names = {k: v for k, v in source.names.items() if cvae or not k.startswith(CVAE)}
    _check_shapes(source, names, network.state_dict())
    tensors = read_weights(source, names)
    wrong = [name for name, value in tensors.items() if not value.isfinite().all()]
    if wrong:
        raise PolicyError(
            f'{source.model} holds weights that cannot be used; '
            f'{", ".join(f"{source.names[name]}: not finite" for name in wrong[:8])}'
        )
    # Copies: what is read may be the file itself, mapped, which somebody may change or cut.
    own = {name: value.to(torch.float32, copy=True) for name, value in tensors.items()}
    network.load_state_dict(own, assign=True)
    lay_out(network)
    return Loaded(config, network.eval(), normalizer.eval(), source)


class _NoInitialization(TorchFunctionMode):
    """Parameters get no values: to draw some without a device, PyTorch would load its compiler, for four seconds."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is Tensor.normal_ or getattr(func, '__module__', '') == nn.init.__name__:
            return args[0] if args else kwargs['tensor']
        return func(*args, **kwargs)


def _check_shapes(source: Source, names: Mapping[str, str], want: Mapping[str, Tensor]) -> None:
    """Compare the names and shapes in a file with those of the network."""
    got = source.shapes
    wrong = [f'{name}: missing' for name in want if name not in names]
    wrong += [
        f'{listed([stored])}: not part of this network'
        for name, stored in names.items()
        if name not in want
    ]
    wrong += [
        f'{names[name]}: got {got[name]}, want {tuple(want[name].shape)}'
        for name in want
        if name in names and got[name] != want[name].shape
    ]
    if wrong:
        more = f'\n  and {len(wrong) - 20} more' if len(wrong) > 20 else ''
        raise PolicyError(
            f'{source.model} does not fit the {_described(source)}; {len(wrong)} tensors differ:\n  '
            + '\n  '.join(wrong[:20])
            + more
        )


def _described(source: Source) -> str:
    return f'{CONFIG} beside it' if source.path.is_dir() else 'sizes that some of its tensors have'
