# SPDX-License-Identifier: Apache-2.0
"""Episodes, and a finished run, for the tests that leave them as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from training_runs import trainer

from synthetic import write_episodes


@pytest.fixture(scope='session')
def episodes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_episodes(tmp_path_factory.mktemp('episodes'))


@pytest.fixture(scope='session')
def whole(episodes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of seed 1, for the tests that compare with one and leave it as it is."""
    folder = tmp_path_factory.mktemp('whole')
    trainer(episodes, folder).run()
    return folder
