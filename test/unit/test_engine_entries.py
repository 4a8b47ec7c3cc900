# SPDX-License-Identifier: Apache-2.0
"""A prepared engine is kept whole: one that is damaged, a stranger's or half made is not used."""

from __future__ import annotations

from pathlib import Path

import pytest

from act_ros.policy.engines.cache import find, keep, new_entry


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))


def entry(place: Path, key: str = 'k' * 64) -> Path:
    with new_entry(place, key, 'openvino-fp32') as partial:
        (partial / 'model.bin').write_bytes(b'weights')
        return keep(partial, key, 1e-5).folder


def test_an_entry_is_found_until_it_is_damaged(tmp_path: Path) -> None:
    key = 'k' * 64
    assert find(tmp_path, key, 'openvino-fp32') is None
    folder = entry(tmp_path)
    found = find(tmp_path, key, 'openvino-fp32')
    assert found is not None and found.difference == 1e-5 and found.folder == folder
    (folder / 'model.bin').write_bytes(b'Weights')
    with pytest.raises(ValueError, match='damaged model.bin'):
        find(tmp_path, key, 'openvino-fp32')
    (folder / 'record.json').write_bytes(b'[1, 2')
    with pytest.raises(ValueError, match='cannot be read'):
        find(tmp_path, key, 'openvino-fp32')
    (folder / 'record.json').unlink()
    with pytest.raises(ValueError, match='is not whole'):
        find(tmp_path, key, 'openvino-fp32')


def test_an_entry_that_came_with_a_strangers_policy_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry(tmp_path)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'another user'))
    with pytest.raises(ValueError):
        find(tmp_path, 'k' * 64, 'openvino-fp32')
    entry(tmp_path / 'own')
    with pytest.raises(ValueError, match='was not made by this user'):
        find(tmp_path, 'k' * 64, 'openvino-fp32')


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / 'openvino-fp32-0.partial').mkdir()
    entry(tmp_path)
    assert not list(tmp_path.glob('*.partial'))
