# SPDX-License-Identifier: Apache-2.0
"""Policies for the command `evaluate`, its run in this process, and the results it leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from act_ros.commands.evaluate import RESULTS, main
from synthetic import tiny_config, write_policy

Said = pytest.CaptureFixture[str]


def write_models(folder: Path) -> Path:
    """Policies with random weights: of a task, of none, of a real one, with training seeds."""
    write_policy(folder / 'cube', tiny_config(task='transfer_cube', training_seeds=((5, 8),)))
    write_policy(folder / 'plain', seed=1)
    write_policy(
        folder / 'shirt', tiny_config(task='fold_shirt', training_seeds=((0, 9),)), seed=2
    )
    write_policy(folder / 'peg', tiny_config(task='insertion'), seed=3)
    return folder


def evaluate(*arguments: object) -> int:
    try:
        return main([*map(str, arguments), '--engine', 'torch'])
    except SystemExit as end:
        assert isinstance(end.code, int)
        return end.code


def load(folder: Path) -> Any:
    text = (folder / RESULTS).read_text(encoding='utf-8')
    assert text.isascii() and text.replace('\n', '').isprintable()
    return json.loads(text)
