# SPDX-License-Identifier: Apache-2.0
"""`convert` leaves a whole policy or none, and says what is wrong in one line."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from act_ros.commands import convert
from act_ros.policy.checkpoint import load_checkpoint
from synthetic import write_policy


@pytest.fixture(scope='module')
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp('source')
    write_policy(folder)
    return str(folder)


def test_what_it_writes_others_may_read_like_any_other_file(source: str, tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        assert convert.main([source, str(tmp_path / 'two words') + '/']) == 0
    finally:
        os.umask(umask)
    files = list((tmp_path / 'two words').iterdir())
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o644}
    load_checkpoint(tmp_path / 'two words')


@pytest.mark.parametrize('error', [OSError(28, 'No space left on device'), KeyboardInterrupt()])
@pytest.mark.parametrize('there', [True, False])
def test_a_conversion_that_is_cut_short_leaves_no_policy(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, there: bool
) -> None:
    output = tmp_path / 'out'
    if there:
        output.mkdir()

    write = Path.write_text

    def cut_short(path: Path, text: str) -> int:
        if path.name.startswith('config.json'):
            raise error
        return write(path, text)

    monkeypatch.setattr(Path, 'write_text', cut_short)
    assert convert.main([source, str(output)]) == (1 if isinstance(error, OSError) else 130)
    assert output.exists() == there and not (output / 'config.json').exists()


def test_a_home_that_nobody_has_is_an_error_of_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert.main(['~nobody_of_this_name/x', str(tmp_path / 'out')]) == 1
    assert 'no user of this name' in capsys.readouterr().err
