# SPDX-License-Identifier: Apache-2.0
"""The weights of a checkpoint, from safetensors or from `torch.save`'s archive."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from act_ros.policy.errors import PolicyError
from act_ros.policy.formats.files import FLOATS, check_file
from act_ros.policy.formats.source import Source
from act_ros.text import listed

SAFE_TORCH = (2, 10)
"""First PyTorch whose `weights_only` is believed: CVE-2025-32434 (before 2.6), CVE-2026-24747 (before 2.10)."""


def read_weights(source: Source, names: Mapping[str, str]) -> dict[str, Tensor]:
    """Read tensors, whose shapes have been found to fit, by the network's names.

    Raises:
        PolicyError: the file is damaged, or a tensor has no floating-point numbers.
    """
    read = _read_torch if source.model.suffix == '.ckpt' else _read_safetensors
    stored = read(source.model, list(names.values()))
    tensors = {name: stored[key] for name, key in names.items()}
    for name in ('action_head.weight', 'action_head.bias'):
        if source.keep is not None:
            tensors[name] = tensors[name][: source.keep]
    wrong = [names[name] for name, value in tensors.items() if not value.is_floating_point()]
    if wrong:
        raise PolicyError(
            f'{source.model}: tensors {listed(wrong)} hold no floating-point numbers (one of '
            f'{", ".join(FLOATS)} is expected)'
        )
    return tensors


def save_weights(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file; it appears whole or not at all."""
    partial = path.with_name(f'{path.name}.partial')
    partial.write_bytes(save(dict(tensors)))  # `save_file` makes it readable for this user only
    partial.replace(path)


def _read_safetensors(path: Path, keys: list[str]) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework='pt') as file:
            return {key: file.get_tensor(key) for key in keys}
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise PolicyError(
            f'{path} is damaged or not a safetensors file ({error}); copy it again, or train the policy again'
        ) from error


def _read_torch(path: Path, keys: list[str]) -> dict[str, Tensor]:
    """Read a state dictionary of which `torch_zip` has found that it holds tensors and nothing else."""
    version = torch.__version__.split('.')
    if tuple(int(part) for part in version[:2]) < SAFE_TORCH:
        raise PolicyError(
            f'{path} is a .ckpt file, and PyTorch {torch.__version__} has known holes in reading those; '
            f'install {".".join(map(str, SAFE_TORCH))} or later, or convert the policy on another machine'
        )
    check_file(path, 8 << 30)
    try:
        state = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch.load raises whatever the damaged bytes provoke
        text = str(error).splitlines()[0] if str(error) else ''
        raise PolicyError(
            f'{path} is damaged ({type(error).__name__}: {text}); copy it again'
        ) from error
    missing = [key for key in keys if not isinstance(state.get(key), Tensor)]
    if missing:
        raise PolicyError(f'{path}: tensor {listed(missing)} is missing')
    return {key: state[key] for key in keys}
