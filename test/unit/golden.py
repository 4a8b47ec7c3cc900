# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of other projects, rebuilt from what test/data/checkpoints keeps of them."""

from __future__ import annotations

import json
import shutil
from collections import OrderedDict
from pathlib import Path

import numpy as np
import peer_values
import torch
from safetensors.torch import save_file

from act_ros.policy.policy import Policy

DATA = Path(__file__).parents[1] / 'data' / 'checkpoints'
SIZE = (64, 96)


def rebuild(name: str, folder: Path) -> Path:
    """Write the checkpoint `name` into a folder, as its project wrote it; its weights by their names."""
    shutil.copytree(DATA / name, folder, dirs_exist_ok=True)
    entries = json.loads((folder / 'tensors.json').read_text())
    tensors = OrderedDict()
    for key, entry in entries.items():
        values = (
            np.array(entry['values'], np.float32).reshape(entry['shape'])
            if 'values' in entry
            else peer_values.values(key, tuple(entry['shape']))
        )
        tensors[key] = torch.from_numpy(values)
    if name.startswith('lerobot'):
        save_file(tensors, folder / 'model.safetensors')
    else:
        torch.save(tensors, folder / 'policy_best.ckpt')
    return folder


def expected(name: str) -> np.ndarray:
    """(2, chunk, dof): what the project's own code gave for the observations 0 and 1."""
    return np.load(DATA / name / 'expected.npz')['chunks']


def predicted(policy: Policy, names: dict[str, str] | None = None) -> np.ndarray:
    """What this suite gives for them; `names` gives cameras that have another name here the original's."""
    cameras = tuple((names or {}).get(name, name) for name in policy.config.cameras)
    chunks = []
    for seed in (0, 1):
        qpos, frames = peer_values.observation(seed, cameras, SIZE)
        own = dict(zip(policy.config.cameras, (frames[name] for name in cameras), strict=True))
        chunks.append(policy.predict(qpos, own))
    return np.stack(chunks)


def relative_error(got: np.ndarray, want: np.ndarray) -> float:
    """Largest difference, relative to the largest value."""
    assert got.shape == want.shape
    return float(np.abs(got - want).max() / np.abs(want).max())
