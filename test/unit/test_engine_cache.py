# SPDX-License-Identifier: Apache-2.0
"""Prepared engines: only a few are kept, they go with their policy, and who has no home does without."""

from __future__ import annotations

import hashlib
import os
import pwd
from pathlib import Path

import pytest

from act_ros.policy.engines import cache
from act_ros.policy.training.run_files import remove_policy
from synthetic import write_policy


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))


def key(number: int) -> str:
    return hashlib.sha256(bytes([number])).hexdigest()


def entry(place: Path, number: int) -> Path:
    with cache.new_entry(place, key(number), 'openvino-fp32') as partial:
        (partial / 'model.bin').write_bytes(b'weights')
        return cache.keep(partial, key(number), 1e-5).folder


def test_the_engines_that_were_used_last_are_kept(tmp_path: Path) -> None:
    place = tmp_path / 'policy' / cache.BESIDE
    made = [entry(place, number) for number in range(cache.MOST_BESIDE)]
    for age, folder in enumerate(reversed(made)):
        os.utime(folder / cache.RECORD, (1000 - age, 1000 - age))
    (place / 'of-some-body').mkdir()
    assert cache.find(place, key(0), 'openvino-fp32')
    newest = entry(place, 100)
    left = {made[0], *made[2:], newest, place / 'of-some-body'}
    assert {p for p in place.iterdir() if p.is_dir()} == left


def test_engines_go_with_the_policy_that_they_were_made_of_and_nothing_else_does(
    tmp_path: Path,
) -> None:
    for name in ('whole', 'shared'):
        write_policy(tmp_path / name)
        entry(tmp_path / name / cache.BESIDE, 1)
    (tmp_path / 'shared' / cache.BESIDE / 'notes.txt').write_text('mine')
    for name in ('whole', 'shared'):
        remove_policy(tmp_path / name)
    assert not (tmp_path / 'whole').exists()
    assert [p.name for p in (tmp_path / 'shared').rglob('*') if p.is_file()] == ['notes.txt']


def test_a_user_without_a_home_has_engines_beside_the_policy_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    monkeypatch.delenv('XDG_CACHE_HOME')
    monkeypatch.delenv('HOME', raising=False)
    monkeypatch.setattr(pwd, 'getpwuid', nobody)
    write_policy(tmp_path)
    assert cache.places(cache_source(tmp_path)) == [tmp_path / cache.BESIDE]
    with pytest.raises(OSError, match='no home; set XDG_CACHE_HOME'):
        entry(tmp_path / cache.BESIDE, 1)


def cache_source(folder: Path) -> cache.Source:
    from act_ros.policy.formats.detect import read_source

    return read_source(folder)
