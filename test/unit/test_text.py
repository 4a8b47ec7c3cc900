# SPDX-License-Identifier: Apache-2.0
"""Nothing from outside is shown unless it is printable text: errors, output, attributes of HDF5, JSON."""

from __future__ import annotations

import ast
import builtins
import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from act_ros.commands import check_dataset
from act_ros.control.session.types import SessionError
from act_ros.data.child_processes import ChildError
from act_ros.data.errors import EpisodeError
from act_ros.data.formats.store import Storage, store_episode
from act_ros.data.recording.episode_writer import EpisodeWriter, read_episode
from act_ros.data.recording.log import BusyError, LogError
from act_ros.policy.errors import NonFiniteError, PolicyError
from act_ros.robot.image import ImageError
from act_ros.robot.spec import SpecError
from act_ros.text import (
    MOST,
    PrintableError,
    listed,
    printable,
    printable_data,
    printable_output,
    shown,
)

PACKAGE = Path(__file__).resolve().parents[2] / 'src/act_ros/act_ros'
# A lone surrogate, the escape of terminals, an override of the direction, nothing, and a line of its own.
NASTY = 'a\ud800b\udcff\x1b[31m\u202e\0\x9b\u2028\r\nERROR: x\t' + 'long' * 10
texts = st.text(max_size=60) | st.text(
    '\ud800\udfff\x00\x07\x1b\r\n\t\u202e\u2066\u200b\ufeffaé', max_size=20
)
FLOW = {'Ended', 'TooNarrow', '_GivenUp'}
"""Exceptions that no person reads: they are caught where they belong."""


def fit(text: str, most: int | None = MOST) -> bool:
    """Whether a text may be shown."""
    return text.replace('\n', '').isprintable() and (most is None or len(text) <= most)


@given(texts, st.integers(1, 80))
@example(NASTY, 80)
def test_what_is_shown_is_printable_and_as_short_as_asked_and_stays_so(
    text: str, most: int
) -> None:
    got = printable(text, most)
    got.encode()
    assert fit(got, most) and printable(got, most) == got
    assert fit(shown(text)) and '\n' not in shown(text)
    assert fit(listed([text, text])) and '\n' not in listed([text, text])
    if fit(text, most):
        assert got == text


def test_what_is_not_printable_stands_as_its_escape() -> None:
    assert (
        printable('\ud800 \x1b[31m \u202e \U000e0001\r') == r'\ud800 \x1b[31m \u202e \U000e0001\r'
    )
    assert printable('grüße\n  日本 🤖\tx') == 'grüße\n  日本 🤖    x'
    assert printable('x' * 5000) == 'x' * (MOST - 1) + '…'
    assert (
        printable(OSError(2, 'no such file', '/a\udcff')) == r"[Errno 2] no such file: '/a\udcff'"
    )


@pytest.mark.parametrize(
    'kind',
    [
        PolicyError,
        NonFiniteError,
        EpisodeError,
        ChildError,
        LogError,
        BusyError,
        SessionError,
        ImageError,
        SpecError,
    ],
)
@given(text=texts)
@example(text=NASTY)
def test_every_error_has_a_printable_message(kind: type[Exception], text: str) -> None:
    error = kind(f'{text} is wrong')
    assert fit(str(error)) and str(error) == printable(f'{text} is wrong')


def _classes() -> dict[str, list[str]]:
    """Every class of the package with the names of its bases."""
    found = {}
    for file in PACKAGE.rglob('*.py'):
        for node in ast.walk(ast.parse(file.read_text(encoding='utf-8'))):
            if isinstance(node, ast.ClassDef):
                found[node.name] = [ast.unparse(base) for base in node.bases]
    return found


def _all_bases(name: str, classes: dict[str, list[str]]) -> set[str]:
    return {name}.union(*(_all_bases(base, classes) for base in classes.get(name, [])))


def test_no_error_and_no_node_of_the_package_has_another_base() -> None:
    classes = _classes()
    assert 'PolicyError' in classes and 'PolicyNode' in classes
    for name in set(classes) - FLOW - {'PrintableError', 'BaseNode'}:
        bases = _all_bases(name, classes)
        raised = any(
            isinstance(getattr(builtins, b, None), type)
            and issubclass(getattr(builtins, b), BaseException)
            for b in bases
        )
        assert not raised or 'PrintableError' in bases, f'{name}: make it a PrintableError'
        assert 'Node' not in bases or 'BaseNode' in bases, f'{name}: make it a BaseNode'


def test_whatever_a_program_prints_goes_through_the_filter() -> None:
    """Every command, and the start of every node."""
    files = [*(PACKAGE / 'commands').glob('*.py'), PACKAGE / 'nodes/process/run.py']
    entries = 0
    for file in files:
        for node in ast.parse(file.read_text(encoding='utf-8')).body:
            if isinstance(node, ast.FunctionDef) and node.name in ('main', 'run', 'export_aloha'):
                if file.name != 'run.py' and node.name == 'run':
                    continue
                entries += 1
                assert 'printable_output()' in [ast.unparse(d) for d in node.decorator_list], file
    assert entries == 14


@given(text=texts)
@example(text=NASTY)
def test_output_is_printable_and_progress_bars_still_work(text: str) -> None:
    out, err = (io.TextIOWrapper(io.BytesIO(), 'utf-8', newline='') for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err), printable_output():
        print(text)
        sys.stderr.write(f'\r 50%|{text}')
        assert not sys.stderr.isatty()
    for stream in (out, err):
        stream.flush()
        written = stream.buffer.getvalue().decode()  # type: ignore[attr-defined]
        assert fit(written.replace('\r', ''), None)
    assert written.startswith('\r 50%|')


def test_a_command_shows_an_argument_and_an_error_as_printable_text(capsys) -> None:
    with pytest.raises(SystemExit, match='2'):
        check_dataset.main(['/nowhere/\ud800\x1b[31m'])
    error = capsys.readouterr().err
    assert r'/nowhere/\ud800\x1b[31m' in error and fit(error) and error.count('\n') == 1
    with pytest.raises(SystemExit):
        check_dataset.main(['--jpeg-channels', '\ud800\u202e'])
    assert fit(capsys.readouterr().err)


data = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(data)
def test_data_is_printable_in_all_its_texts_and_the_same_else(value: object) -> None:
    def all_texts(data: object) -> list[str]:
        if isinstance(data, dict):
            return [t for k, v in data.items() for t in (k, *all_texts(v))]
        if isinstance(data, list):
            return [t for v in data for t in all_texts(v)]
        return [data] if isinstance(data, str) else []

    clean = printable_data(value)
    assert all(fit(text, None) for text in all_texts(json.loads(json.dumps(clean))))
    assert printable_data(clean) == clean
    if all(fit(text, None) for text in all_texts(value)) and '\t' not in str(value):
        assert clean == value


@settings(max_examples=20)
@given(task=texts, names=st.lists(texts, min_size=2, max_size=2))
@example(task=NASTY, names=['\ud800', '\0'])
def test_attributes_of_an_episode_are_printable_however_it_comes_to_be(
    tmp_path: Path, task: str, names: list[str]
) -> None:
    """Recorded; and taken over from a file of somebody else, whose attributes may be any bytes."""
    for path in tmp_path.iterdir():
        path.unlink()
    attrs = {'task': task, 'rate_hz': 50.0, 'notes': [task, 'x']}
    writer = EpisodeWriter(tmp_path / 'episode_0.hdf5', names, ['cam_high'], attrs)
    frame = np.zeros((16, 16, 3), np.uint8)
    writer.append(*[np.zeros(2)] * 4, {'cam_high': frame}, 0.0, {'cam_high': 0.0})
    recorded = writer.finish(success=True)
    # What is written goes through JSON, to which two halves of a pair are one character.
    assert _attributes(recorded)['task'] == printable(json.loads(json.dumps(task)), None)
    with h5py.File(recorded, 'r+') as file:
        file.attrs['task'] = np.bytes_(
            task.encode(errors='surrogatepass').replace(b'\0', b'') + b'\xff'
        )
        file.attrs['operator'] = b'\x1b[31m\xe2\x80\xae'
    with read_episode(recorded) as episode:
        assert fit(episode.attrs['task'], None) and fit(episode.attrs['operator'], None)
        store_episode(episode, tmp_path / 'copy.hdf5', Storage())
    assert _attributes(tmp_path / 'copy.hdf5')['operator'] == r'\x1b[31m\u202e'


def _attributes(path: Path) -> dict[str, object]:
    """The attributes of a file, all of whose texts are printable."""
    with h5py.File(path) as file:
        attrs = dict(file.attrs)
    for value in attrs.values():
        for text in np.ravel(value):
            assert not isinstance(text, (str, bytes)) or fit(str(text), None)
    return attrs


def test_an_error_is_caught_as_what_it_also_is() -> None:
    for kind, also in (
        (PolicyError, ValueError),
        (EpisodeError, RuntimeError),
        (LogError, OSError),
    ):
        with pytest.raises(also):
            raise kind('x')
        assert issubclass(kind, PrintableError)
