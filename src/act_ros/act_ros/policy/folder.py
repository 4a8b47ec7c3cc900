# SPDX-License-Identifier: Apache-2.0
"""A policy's folder: where it is, and its configuration. Imports no PyTorch, for the nodes' sake."""

from __future__ import annotations

import os
from pathlib import Path

from act_ros.paths import share_dir
from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError

CONFIG = 'config.json'
MODEL = 'model.safetensors'


def read_config(folder: Path) -> PolicyConfig:
    """Read a checkpoint's configuration.

    Raises:
        PolicyError: there is none, or it is wrong; the message names the file.
    """
    path = folder / CONFIG
    try:
        return PolicyConfig.from_json(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f'{path} cannot be read: {error}') from error
    except PolicyError as error:
        raise PolicyError(f'{path}: {error}') from error


def resolve_checkpoint(name: str | os.PathLike[str], models: Path | None = None) -> Path:
    """The folder of a policy that is named by a path, or by its name in the folder of models.

    'NAME', 'models/NAME' and a path all work; a name in `models` wins over a folder of the working
    directory.

    Args:
        name: what the user wrote.
        models: folder of the models; by default the suite's own.

    Raises:
        PolicyError: there is none; the message lists those that are in `models`.
    """
    models = share_dir() / 'models' if models is None else models
    given = Path(name).expanduser()
    for folder in (models / given, models.parent / given, given) if os.fspath(name) else ():
        if (folder / CONFIG).is_file():
            return folder.resolve()
    names = ', '.join(sorted(path.parent.name for path in models.glob(f'*/{CONFIG}'))) or 'none'
    if os.fspath(name) and given.is_dir():
        raise PolicyError(
            f'{given} has no {CONFIG}: it is not a policy of act_ros; in {models} are: {names}'
        )
    raise PolicyError(
        f"there is no policy '{name}', neither as a path nor in {models}; available there: {names}"
    )
