# SPDX-License-Identifier: Apache-2.0
"""Tests that draw their examples: the same in every run; with --fuzz new ones, and what fails is kept and tried again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import fuzzing
import pytest

TEST = """
from pathlib import Path
from hypothesis import given, settings, strategies as st

@settings(max_examples=20)
@given(word=st.text(), pair=st.tuples(st.binary(), st.floats(0, 1)), number=st.integers())
def test_it(tmp_path, word, pair, number):
    with (Path(__file__).parent / 'drawn.txt').open('a') as file:
        file.write(f'{word!r} {pair} {number}\\n')
    assert abs(number) < 2**40 or len(word) < WANTED

def test_other():
    pass
"""


@pytest.fixture
def run(tmp_path: Path):
    """`run(wanted, options)`: run the test above, which fails for long words; its end and what was drawn."""
    conftest = (
        f'import fuzzing\nfrom pathlib import Path\nfuzzing.ROOT = Path({str(tmp_path)!r})\n'
    )
    (tmp_path / 'conftest.py').write_text(conftest + 'fuzzing.FOUND = fuzzing.ROOT / "found"\n')
    env = {
        **os.environ,
        'PYTHONPATH': str(Path(fuzzing.__file__).parent),
        'PYTEST_DISABLE_PLUGIN_AUTOLOAD': '1',
        'HYPOTHESIS_STORAGE_DIRECTORY': str(tmp_path / 'hypothesis'),
    }

    def begin(wanted: int, *options: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        (tmp_path / 'test_it.py').write_text(TEST.replace('WANTED', str(wanted)))
        (tmp_path / 'drawn.txt').unlink(missing_ok=True)
        command = [
            sys.executable,
            '-m',
            'pytest',
            '-p',
            'no:cacheprovider',
            '-c',
            os.devnull,
            '-p',
            'fuzzing',
        ]
        done = subprocess.run(
            [*command, f'--rootdir={tmp_path}', *options, 'test_it.py'],
            cwd=tmp_path, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done, (tmp_path / 'drawn.txt').read_text().splitlines()

    return begin


def test_two_runs_draw_the_same_examples_and_a_fuzzing_one_others(run) -> None:
    (first, drawn), (second, again) = run(10**6), run(10**6)
    assert first.returncode == second.returncode == 0, first.stdout
    assert len(drawn) >= 20 and drawn == again
    fuzzed, others = run(10**6, '--fuzz', '0.01')
    assert f'{len(others):,} examples of 1 tests, 0 failed' in fuzzed.stdout
    assert len(others) >= 20 and drawn[1:20] != others[1:20]


def test_what_fuzzing_finds_is_written_down_and_tried_first_from_then_on(run, tmp_path) -> None:
    fuzzed, _ = run(2, '--fuzz', '1')
    assert fuzzed.returncode == 1 and '1 deselected' in fuzzed.stdout
    (path,) = (tmp_path / 'found').glob('*.json')
    assert f'found: found/{path.name}' in fuzzed.stdout
    kept = json.loads(path.read_text())
    assert kept['test'] == 'test_it.py::test_it'
    drawn = kept['drawn']
    small = f"{drawn['word']!r} (b'', 0.0) {drawn['number']}"

    still, drawn = run(2)
    assert still.returncode == 1 and drawn[0] == small and len(drawn) < 5
    mended, drawn = run(10**6)
    assert mended.returncode == 0 and drawn[0] == small and len(drawn) > 20


def test_what_was_found_belongs_to_a_test() -> None:
    for path in fuzzing.FOUND.glob('*.json'):
        file, name = json.loads(path.read_text())['test'].split('::')
        text = (fuzzing.ROOT / file).read_text()
        assert f'def {name}(' in text, f'delete {path}: its test is gone'


def test_all_that_a_test_may_draw_is_the_same_when_read_back() -> None:
    for value in (None, True, 1, 1.5, 'a\ud800', b'\xff', (1, [b'', ()]), {'a': {1: (2,)}}, [[]]):
        packed = json.loads(json.dumps(fuzzing._pack(value)))
        assert fuzzing._unpack(packed) == value
    with pytest.raises(TypeError, match='let the test draw plain values'):
        fuzzing._pack(object())
