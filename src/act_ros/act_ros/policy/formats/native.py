# SPDX-License-Identifier: Apache-2.0
"""This suite's own checkpoints: `config.json` and `model.safetensors`, which holds the statistics too."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.policy.formats.files import read_header, read_text, read_vectors
from act_ros.policy.formats.source import Source

CONFIG = 'config.json'
MODEL = 'model.safetensors'
STATS = 'stats.'
"""Prefix of the statistics among the tensors of the model file."""
STATS_KEYS = ('qpos.mean', 'qpos.std', 'action.mean', 'action.std')


def read_native_config(folder: Path) -> PolicyConfig:
    """The configuration alone.

    Raises:
        PolicyError: there is none, or it is wrong; the message names the file.
    """
    path = folder / CONFIG
    try:
        text = read_text(path)
    except PolicyError as error:
        if 'cannot be read' in str(error):
            raise
        raise PolicyError(f'{path} cannot be read: {error}') from error
    try:
        return PolicyConfig.from_json(text)
    except PolicyError as error:
        raise PolicyError(f'{path}: {error}') from error


def read_native(folder: Path) -> Source:
    """Read all of a checkpoint but its weights.

    Raises:
        PolicyError: a file is missing, damaged or wrong.
    """
    config = read_native_config(folder)
    model = folder / MODEL
    entries = read_header(model)
    present = [key for key in STATS_KEYS if STATS + key in entries]
    vectors = read_vectors(model, entries, [STATS + key for key in present])
    weights = [
        name for name in entries if not name.startswith(STATS) or name[len(STATS) :] not in present
    ]
    return Source(
        'act_ros',
        folder,
        config,
        {key: vectors[STATS + key].astype(np.float32) for key in present},
        model,
        {name: name for name in weights},
        {name: entries[name].shape for name in weights},
        dict.fromkeys(('qpos', 'action', 'images'), 'mean and standard deviation'),
    )
