# SPDX-License-Identifier: Apache-2.0
"""A policy's folder: where it is, and its configuration. Imports no PyTorch, for the nodes' sake."""

from __future__ import annotations

import os
from pathlib import Path

from act_ros.paths import share_dir
from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.policy.formats.detect import is_policy, read_any_config
from act_ros.policy.formats.native import CONFIG, MODEL
from act_ros.text import shown

__all__ = [
    'CONFIG',
    'MODEL',
    'policy_names',
    'read_config',
    'read_notes',
    'resolve_checkpoint',
    'version_of',
]

MOST_NAME = 4000
_WITHIN = ('', 'pretrained_model', 'checkpoints/last/pretrained_model')
"""Where in a folder the policy may be; the last two are where LeRobot's training puts it."""
_READ = ('.json', '.safetensors', '.ckpt', '.pkl', '.yaml')


def read_config(path: Path) -> PolicyConfig:
    """Read a checkpoint's configuration, whatever its format.

    Raises:
        PolicyError: there is none, or it is wrong; the message names the file.
    """
    return read_any_config(path)[0]


def read_notes(path: Path) -> tuple[PolicyConfig, tuple[str, ...]]:
    """The same, and what its reader took otherwise or left out, a sentence each."""
    return read_any_config(path)


def version_of(path: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change (ns) of each file that a policy may be read from: others mean another policy.

    Raises:
        PolicyError: the folder cannot be looked at.
    """
    folder = path if path.is_dir() else path.parent
    try:
        read = [file for file in folder.iterdir() if file.suffix in _READ]
        stats = {file.name: file.stat() for file in read if file.is_file()}
    except OSError as error:
        raise PolicyError(f'{folder} cannot be read: {error}') from error
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}


def policy_names(models: Path) -> list[str]:
    """Names of the policies in a folder of models, sorted."""
    if not models.is_dir():
        return []
    return sorted(path.name for path in models.iterdir() if path.is_dir() and _policy_in(path))


def resolve_checkpoint(name: str | os.PathLike[str], models: Path | None = None) -> Path:
    """The folder or .ckpt file of a policy that is named by a path, or by its name in the folder of models.

    'NAME', 'models/NAME' and a path all work; a name in `models` wins over a folder of the working
    directory. The output folder of a training with LeRobot stands for the policy in it.

    Args:
        name: what the user wrote.
        models: folder of the models; by default the suite's own.

    Raises:
        PolicyError: there is none; the message lists those that are in `models`.
    """
    models = share_dir() / 'models' if models is None else models
    text = os.fspath(name)
    if not text.isprintable() or len(text) > MOST_NAME:
        raise PolicyError(
            f'the name of a policy cannot be {shown(text)}: it has {len(text)} characters, of which at most '
            f'{MOST_NAME}, and printable ones only, are taken'
        )
    try:
        given = Path(text).expanduser()
    except RuntimeError as error:
        raise PolicyError(
            f'there is no policy {shown(text)}: no user of this name has a home'
        ) from error
    if given.name in (CONFIG, MODEL):
        given = given.parent
    for path in (models / given, models.parent / given, given) if text else ():
        found = _policy_in(path)
        if found is not None:
            return found.resolve()
    names = ', '.join(policy_names(models)) or 'none'
    if text and os.path.isfile(given):  # noqa: PTH113 - False also for a name that is too long
        raise PolicyError(
            f'{given} is a file; a policy is a folder with {CONFIG} or a .ckpt file, or a .ckpt file'
        )
    if text and os.path.isdir(given):  # noqa: PTH112 - False also for a name that is too long
        raise PolicyError(
            f'{given} has neither {CONFIG} nor a .ckpt file: it is not a policy; in {models} are: {names}'
        )
    raise PolicyError(
        f"there is no policy '{name}', neither as a path nor in {models}; available there: {names}"
    )


def _policy_in(path: Path) -> Path | None:
    """The policy that a path means; None where there is none."""
    try:
        return next((path / inner for inner in _WITHIN if is_policy(path / inner)), None)
    except OSError:  # a name that is too long, a folder that may not be read
        return None
