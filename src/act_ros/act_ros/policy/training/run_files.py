# SPDX-License-Identifier: Apache-2.0
"""The files of a run on disk: its state, written and read, and the checkpoints that are kept."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from act_ros.policy.engines.cache import forget
from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import CONFIG, MODEL

STATE = 'training_state.pt'
_KINDS: dict[str, type | tuple[type, ...]] = {
    'step': int, 'seconds': (int, float), 'best': (int, float), 'seed': int, 'recipe': dict, 'config': str,
    'episodes': list, 'network': dict, 'average': dict, 'optimizer': dict,
}  # fmt: skip
"""What every state has."""
_SPARE = 1 << 20
"""Bytes beside the tensors that a file of them needs at most."""


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a run's state. The room is taken first: PyTorch ends the process where a disk fills up under it.

    Raises:
        OSError: there is no room, or the folder can't be written.
    """
    with path.open('wb') as file:
        os.posix_fallocate(file.fileno(), 0, _size(state) + _SPARE)
        torch.save(dict(state), file)
        file.truncate()


def _size(value: Any) -> int:
    """Bytes of all tensors in nested dictionaries and lists."""
    if isinstance(value, Tensor):
        return value.numel() * value.element_size() + 256  # and its header
    if isinstance(value, Mapping):
        return sum(_size(item) for item in value.values())
    return sum(_size(item) for item in value) if isinstance(value, (list, tuple)) else 0


def load_state(output: Path) -> dict[str, Any]:
    """Read the state of a run from its output folder.

    Raises:
        PolicyError: there is none, or it is damaged.
    """
    path = output / STATE
    try:
        state: dict[str, Any] = torch.load(path, map_location='cpu', weights_only=True)
    except FileNotFoundError as error:
        raise PolicyError(f'cannot resume: there is no {path}') from error
    except Exception as error:  # torch.load raises whatever the damaged bytes provoke
        raise PolicyError(
            f'cannot resume: {path} is damaged ({error}); train anew in another folder'
        ) from error
    lacking = [name for name, kind in _KINDS.items() if not _is(state, name, kind)]
    if lacking:
        raise PolicyError(
            f'cannot resume: {path} is not the state of a run of act_ros: it has no usable {", ".join(lacking)}; '
            f'train anew in another folder'
        )
    return state


def _is(state: Any, name: str, kind: type | tuple[type, ...]) -> bool:
    return isinstance(state, dict) and isinstance(state.get(name), kind)


def step_folder(output: Path, step: int) -> Path:
    """Where a run keeps the policy of a step."""
    return output / f'step_{step}'


def prune(output: Path, steps: Sequence[int], keep: int) -> list[int]:
    """Remove the policies of all steps but the last `keep`; what else lies there stays, and what cannot be removed.

    Args:
        output: of the run.
        steps: whose `step_N` the run wrote, in order.
        keep: how many may stay.

    Returns:
        The steps that are left to the run.
    """
    gone = []
    for step in steps[: max(0, len(steps) - keep)]:
        with suppress(
            OSError
        ):  # the training goes before tidiness; it is tried again after the next checkpoint
            remove_policy(step_folder(output, step))
            gone.append(step)
    return [step for step in steps if step not in gone]


def remove_policy(folder: Path) -> None:
    """Remove a policy's files, whole or partial, the engines made of it, and its folder where nothing else is in it."""
    forget(folder)
    for name in (MODEL, CONFIG):
        for file in (folder / name, folder / f'{name}.partial'):
            file.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()
