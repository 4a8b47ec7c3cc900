# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of other projects whose files a test may change, and what is said of them then."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from act_ros.policy.checkpoint import load_checkpoint
from act_ros.policy.errors import PolicyError


def linked_copy(template: Path, folder: Path) -> Path:
    """A checkpoint whose files may be changed: the large ones are links until they are replaced."""
    for path in template.iterdir():
        if path.stat().st_size > 1 << 20:
            os.link(path, folder / path.name)
        else:
            (folder / path.name).write_bytes(path.read_bytes())
    return folder


def message_of(folder: Path) -> str:
    with pytest.raises(PolicyError) as caught:
        load_checkpoint(folder)
    return str(caught.value)
