# SPDX-License-Identifier: Apache-2.0
"""What the command `train` is given to train the tiny network for two steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from synthetic import TINY

TRAINING = {
    'pretrained': False,
    'steps': 2,
    'batch': 4,
    'lr': 1e-3,
    'lr_backbone': 1e-3,
    'precision': 'bf16',
    'validation': 0.3,
    'checkpoint_every': 1,
    'log_every': 1,
}
PATIENCE_S = 240


def write_recipe(path: Path, policy: dict[str, Any] | None = None, **training: Any) -> None:
    """A configuration file with the tiny network as 'paper'."""
    network = {**TINY, 'image_size': [48, 64], **(policy or {})}
    entry = {'policy': network, 'training': {**TRAINING, **training}}
    path.write_text(yaml.safe_dump({'paper': entry}))


def words(episodes: Path, folder: Path) -> list[str]:
    """The arguments for a run in `folder`, whose configuration file this writes."""
    path = folder / 'training.yaml'
    write_recipe(path)
    output = folder / 'out'
    return [
        '--data',
        str(episodes),
        '--output',
        str(output),
        '--config-file',
        str(path),
        '--device',
        'cpu',
    ]
