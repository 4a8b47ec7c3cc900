# SPDX-License-Identifier: Apache-2.0
"""Every program of nodes answers `--help`, `-h` and `--version`, and refuses what it does not know: nothing runs."""

from __future__ import annotations

import subprocess
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

import pytest

from act_ros.version import own_version

PROGRAMS = {
    entry.name: entry.value
    for entry in entry_points(group='console_scripts')
    if entry.value.startswith('act_ros.nodes.')
}


def told(name: str, words: list[str], monkeypatch: Any, capsys: Any) -> tuple[int, str, str]:
    """What a program answers, run here: one that begins its work would take rclpy up."""
    module, _, main = PROGRAMS[name].partition(':')
    monkeypatch.setattr('sys.argv', [f'/somewhere/{name}', *words])
    monkeypatch.setattr('rclpy.init', lambda *_, **__: pytest.fail(f'{name} began'))
    status = getattr(import_module(module), main)()
    said = capsys.readouterr()
    return status, said.out, said.err


def test_every_program_of_nodes_is_tried() -> None:
    assert {
        'policy',
        'sim',
        'teleop',
        'recorder',
        'replay',
        'session',
        'rest',
        'guard',
        'keys',
    } <= set(PROGRAMS)


@pytest.mark.parametrize('name', sorted(PROGRAMS))
def test_help_and_version_are_text(name: str, monkeypatch: Any, capsys: Any) -> None:
    for words in (['--help'], ['-h'], ['--help', '--ros-args', '-p', 'seed:=7']):
        status, out, err = told(name, words, monkeypatch, capsys)
        assert status == 0 and not err and out.startswith(f'usage: {name} ')
    module = import_module(PROGRAMS[name].partition(':')[0])
    assert module.__doc__ and module.__doc__.strip().splitlines()[0] in out
    for row in getattr(module, 'PARAMETERS', ()):
        assert f'  {row.name} (default: ' in out and row.description.split()[0] in out
    assert told(name, ['--version'], monkeypatch, capsys) == (
        0,
        f'{name} of act_ros {own_version()}\n',
        '',
    )


@pytest.mark.parametrize('name', sorted(PROGRAMS))
def test_what_is_no_argument_is_refused_before_anything_runs(
    name: str, monkeypatch: Any, capsys: Any
) -> None:
    for words in (
        ['--torque-off'],
        ['-x'],
        ['--helpp'],
        ['--\ud800', '--ros-args', '-p', 'seed:=7'],
    ):
        status, out, err = told(name, words, monkeypatch, capsys)
        assert (
            status == 2 and not out and len(err.splitlines()) == 1 and err.startswith(f'{name}: ')
        )
    if name != 'outlast':
        assert told(name, ['seed:=7'], monkeypatch, capsys)[0] == 2


def test_the_installed_program_answers_too() -> None:
    done = subprocess.run(
        ['ros2', 'run', 'act_ros', 'rest', '--help'], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and 'torque_off' in done.stdout and not done.stderr
