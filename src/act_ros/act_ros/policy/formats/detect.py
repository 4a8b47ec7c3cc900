# SPDX-License-Identifier: Apache-2.0
"""From a path to the reader of what is there."""

from __future__ import annotations

from pathlib import Path

from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.policy.formats.files import read_json
from act_ros.policy.formats.lerobot import is_lerobot_config, read_lerobot
from act_ros.policy.formats.native import CONFIG, read_native, read_native_config
from act_ros.policy.formats.original import find_ckpt, read_original
from act_ros.policy.formats.source import Source
from act_ros.text import listed


def is_policy(path: Path) -> bool:
    """Whether a path looks like a checkpoint of any format: a folder, or a .ckpt file."""
    if path.suffix == '.ckpt':
        return path.is_file()
    return (path / CONFIG).is_file() or any(file.is_file() for file in path.glob('*.ckpt'))


def read_source(path: Path) -> Source:
    """Read all of a checkpoint of any format but its weights.

    Raises:
        PolicyError: it isn't one, or is damaged, incomplete, hostile or not supported; says why.
    """
    kind, path = _kind(path)
    if kind == 'original':
        return read_original(path)
    return read_lerobot(path) if kind == 'lerobot' else read_native(path)


def read_any_config(path: Path) -> tuple[PolicyConfig, tuple[str, ...]]:
    """The configuration of a checkpoint of any format, and the reader's notes; raises as `read_source`.

    Of a native checkpoint, of which there are no notes, the model file isn't looked at.
    """
    kind, path = _kind(path)
    if kind == 'native':
        return read_native_config(path), ()
    source = read_source(path)
    return source.config, source.notes


def _kind(path: Path) -> tuple[str, Path]:
    """The format, and the folder or file to read."""
    if path.suffix == '.ckpt' and not path.is_dir():
        return 'original', path
    if (path / CONFIG).exists():
        try:
            data = read_json(path / CONFIG)
        except PolicyError:
            return 'native', path  # whose reader says what is wrong
        return 'lerobot' if is_lerobot_config(data) else 'native', path
    ckpt = find_ckpt(path)
    if ckpt is not None:
        return 'original', ckpt
    if path.is_dir():
        there = sorted(entry.name for entry in path.iterdir())
        raise PolicyError(
            f'{path} is not a policy: it has neither {CONFIG} (act_ros, LeRobot) nor a .ckpt file '
            f'(tonyzhaozh/act); there are: {listed(there) or "no files"}'
        )
    return 'native', path
