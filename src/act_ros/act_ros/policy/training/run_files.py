# SPDX-License-Identifier: Apache-2.0
"""The files of a run on disk: its state, written and read, and the checkpoints that are kept."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import CONFIG, MODEL

STATE = 'training_state.pt'
_STEP = re.compile(r'step_(\d+)')
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
    return state


def step_folders(output: Path) -> list[Path]:
    """The folders `step_N` of a run, by N."""
    found = {int(m[1]): p for p in output.iterdir() if (m := _STEP.fullmatch(p.name))}
    return [found[step] for step in sorted(found)]


def prune(output: Path, keep: int) -> None:
    """Remove the policies of all `step_N` but the last `keep`; what else lies there stays."""
    folders = step_folders(output)
    for folder in folders[: max(0, len(folders) - keep)]:
        remove_policy(folder)


def remove_policy(folder: Path) -> None:
    """Remove a policy's files, whole or partial, and its folder where nothing else is in it."""
    for name in (MODEL, CONFIG):
        for file in (folder / name, folder / f'{name}.partial'):
            file.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()
