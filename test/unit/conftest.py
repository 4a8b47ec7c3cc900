# SPDX-License-Identifier: Apache-2.0
"""Small LeRobot datasets that each test may change, and child processes that are none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from inline import each
from lerobot_sets import v21, v30


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do in this process what the commands give to child processes."""
    monkeypatch.setattr('act_ros.data.child_processes.each', each)
    monkeypatch.setattr('act_ros.data.lerobot.export.each', each)


@pytest.fixture(scope='session')
def lerobot_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a dataset of each version; not to be changed."""
    folder = tmp_path_factory.mktemp('lerobot')
    v21(folder / 'v21')
    v30(folder / 'v30', files=(0, 1, 1))
    return folder


@pytest.fixture
def set_v21(lerobot_folder: Path, tmp_path: Path) -> Path:
    """A dataset of v2.1."""
    return Path(shutil.copytree(lerobot_folder / 'v21', tmp_path / 'v21'))


@pytest.fixture
def set_v30(lerobot_folder: Path, tmp_path: Path) -> Path:
    """A dataset of v3.0, its rows in two files, its pictures in one."""
    return Path(shutil.copytree(lerobot_folder / 'v30', tmp_path / 'v30'))
