# SPDX-License-Identifier: Apache-2.0
"""Where policies are taken from: the folders of models, what is linked into them, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from act_ros.policy.errors import PolicyError
from act_ros.policy.library import Library
from synthetic import write_policy


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for name in ('models/good', 'elsewhere/other'):
        write_policy(tmp_path / name)
    return tmp_path / 'models'


def test_what_is_linked_into_the_folder_may_be_used_and_nothing_beside_it(models: Path) -> None:
    other = models.parent / 'elsewhere' / 'other'
    (models / 'linked').symlink_to(other)
    library = Library([models])
    assert library.find('linked') == other
    assert library.find(str(other)) == other  # the same place by another name
    (models / 'linked').unlink()
    for text in (str(other), '../elsewhere/other', 'good/../../elsewhere/other'):
        with pytest.raises(PolicyError, match='allow_any_path'):
            library.find(text)


def test_a_link_that_leads_to_itself_is_in_nobodys_way(models: Path) -> None:
    (models / 'loop').symlink_to('loop')
    library = Library([models])
    assert library.find('good') == models / 'good'
    assert list(library.policies()) == ['good']
    with pytest.raises(PolicyError, match="there is no policy 'loop'"):
        library.find('loop')


def test_a_folder_of_models_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=f'{tmp_path}/none.*available there: none'):
        Library([tmp_path / 'none']).find('good')
