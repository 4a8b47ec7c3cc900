# SPDX-License-Identifier: Apache-2.0
"""Every option of every command refuses what it cannot be, in one line and with status 2; nothing is left behind.

Which options there are, and what they take, is read from what `--help` prints.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import signal
import subprocess
import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from act_ros.commands.options import (
    OneLineParser,
    existing_path,
    file_to_write,
    folder_to_write,
)
from act_ros.text import printable_output
from act_ros.version import own_version
from synthetic import write_episode

NEEDED = {
    'train': ['--config', 'small', '--device', 'cpu', '--data', 'DATA', '--output', 'out'],
    'evaluate': [],
    'demonstrate': ['--output', 'out'],
    'visualize': ['DATA', '--output', 'out'],
    'check_dataset': ['DATA'],
    'export_lerobot': ['DATA', '--output', 'out'],
    'import_lerobot': ['DATA', '--output', 'out'],
    'export_aloha': ['DATA', '--output', 'out'],
    'convert': ['aloha_sim_transfer_cube', 'out'],
    'quantize': ['aloha_sim_transfer_cube', '--data', 'DATA'],
    'playback': ['DATA'],
    'inspect': ['aloha_sim_transfer_cube'],
    'find_arms': [],
}
"""What each command cannot do without."""
NO_NUMBERS = (
    '',
    ' ',
    'text',
    'nan',
    'inf',
    '-inf',
    '1e999',
    '0x10',
    '1,5',
    '-1',
    '٣',
    '9' * 30,
    '\ud800',
)
NOT_WHOLE = ('1.5', '1e2', *NO_NUMBERS)
BAD = {
    'N': NOT_WHOLE,
    'TICKS': NOT_WHOLE,
    'HZ': ('0', '1e9', *NO_NUMBERS),
    'M': ('-0.5', *NO_NUMBERS),
    'DECAY': ('-11', '11', *(text for text in NO_NUMBERS if text != '-1')),
    'GB': ('-0.5', *NO_NUMBERS),
    'LIST': ('', ' ', 'text', '1-', '-1', '5-3', '0,,1', '1.5', '0-99999999', '9' * 30, '\ud800'),
    'HEIGHTxWIDTH': (
        '',
        'text',
        '0x0',
        '480',
        '480x',
        '-1x5',
        '99999x99999',
        '480x640x3',
        'nanxnan',
    ),
    'DIR': ('', ' ', 'FILE', 'FILE/below', 'x' * 5000, 'a\0b'),
    'FILE': ('', ' ', 'FOLDER', 'nowhere/file', 'x' * 5000, 'a\0b'),
    'CAMERA=NAME': ('', 'top', '=', 'top=', '=cam_high'),
    'NAME': ('', ' '),
    'WORDS': ('', ' '),
    'CAMERA': ('', ' ', 'nonesuch'),
    'POLICY': ('', ' ', 'nonesuch', '\ud800', 'FILE'),
}
"""What an option must refuse, by how its help calls its value."""


def commands() -> dict[str, Any]:
    """`main` of each program of the package that is a command, by its name."""
    found = {}
    for entry in entry_points(group='console_scripts'):
        if entry.value.startswith('act_ros.commands.'):
            module, _, name = entry.value.partition(':')
            found[entry.name] = getattr(import_module(module), name)
    return found


COMMANDS = commands()


def told(
    name: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> tuple[int, str, str]:
    """Run a command; its status, and what it prints to either stream."""
    try:
        status = COMMANDS[name](arguments)
    except SystemExit as end:
        status = int(end.code or 0)
    said = capsys.readouterr()
    return status, said.out, said.err


def options(text: str) -> dict[str, str]:
    """By option what it takes: 'N', 'DIR', '{a,b}', or '' where it takes nothing."""
    found = {}
    for line in text.splitlines():
        match = re.match(r'  (?:-\w, )?(--[a-z-]+)(?: (\S+))?', line)
        if match:
            found[match[1]] = (match[2] or '').strip('[]')
    return found


def test_every_command_is_here() -> None:
    assert sorted(COMMANDS) == sorted(NEEDED)


@pytest.mark.parametrize('name', sorted(NEEDED))
def test_help_and_version_are_told(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for flag in ('--help', '-h'):
        status, out, err = told(name, [flag], capsys)
        assert status == 0 and not err and out.startswith(f'usage: {name} ')
    for option, takes in options(out).items():
        assert option in ('--help', '--version') or not takes or takes[0] == '{' or takes in BAD, (
            option
        )
    assert told(name, ['--version'], capsys) == (0, f'{name} of act_ros {own_version()}\n', '')


@pytest.mark.parametrize('name', sorted(NEEDED))
def test_every_option_refuses_what_it_cannot_be(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'DATA').mkdir()
    (tmp_path / 'FOLDER').mkdir()
    (tmp_path / 'FILE').write_text('no folder')
    before = sorted(tmp_path.rglob('*'))
    found = options(told(name, ['--help'], capsys)[1])
    tried = 0
    for option, takes in found.items():
        values = ('', 'nonesuch', '\ud800') if takes.startswith('{') else BAD.get(takes, ())
        for value in values:
            case = f'{name} {option}={value[:40]!a}'
            status, out, err = told(name, [*NEEDED[name], f'{option}={value}'], capsys)
            assert status == 2 and not out, f'{case}: status {status}, {out}'
            assert len(err.splitlines()) == 1 and err.startswith(f'{name}: '), f'{case}: {err}'
            assert len(err) < 700, f'{case}: a line of {len(err)} characters'
            assert sorted(tmp_path.rglob('*')) == before, case
            tried += 1
    assert tried >= sum(takes != '' for takes in found.values())


@pytest.mark.parametrize('name', sorted(NEEDED))
def test_what_is_missing_or_unknown_is_said_in_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (
        [*NEEDED[name], '--nonesuch'],
        [*NEEDED[name], '--\ud800', 'x'],
        NEEDED[name][:-2],
    ):
        if arguments or name not in ('evaluate', 'check_dataset', 'inspect', 'find_arms'):
            status, _, err = told(name, arguments, capsys)
            assert status == 2 and len(err.splitlines()) == 1, (arguments, err)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    'place',
    ['nowhere', 'FILE', 'EMPTY', ''],
    ids=['missing', 'a file', 'an empty folder', 'no name'],
)
@pytest.mark.parametrize('name', [n for n, needed in NEEDED.items() if 'DATA' in needed])
def test_a_source_without_episodes_is_refused(
    name: str,
    place: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'FILE').write_text('no episode')
    (tmp_path / 'EMPTY').mkdir()
    arguments = [place if word == 'DATA' else word for word in NEEDED[name]]
    status, out, err = told(name, arguments, capsys)
    assert status == 2 and not out and len(err.splitlines()) == 1, err
    assert not (tmp_path / 'out').exists()


def test_a_tilde_that_the_shell_has_left_is_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    (tmp_path / 'data').mkdir()
    assert existing_path('~/data') == tmp_path / 'data'
    assert folder_to_write('~/new/run') == tmp_path / 'new' / 'run'
    assert file_to_write('~/data/found.json') == tmp_path / 'data' / 'found.json'
    for kind in (existing_path, folder_to_write, file_to_write):
        with pytest.raises(argparse.ArgumentTypeError, match='no user of this name has a home'):
            kind('~nosuchuser/data')


def test_a_reader_that_has_read_enough_ends_a_command_quietly(tmp_path: Path) -> None:
    write_episode(tmp_path / 'episode_0.hdf5')
    program = (
        'import sys; from act_ros.commands.check_dataset import main; sys.exit(main(sys.argv[1:]))'
    )
    for unbuffered in ((), ('-u',)):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            [sys.executable, *unbuffered, '-c', program, str(tmp_path), '--workers', '1'],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
        os.close(writing)
        assert done.stderr == '' and done.returncode in (0, 1, 128 + signal.SIGPIPE)


def test_what_a_terminal_cannot_show_stands_as_its_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.BytesIO()
    monkeypatch.setattr('sys.stdout', io.TextIOWrapper(shown, 'ascii', write_through=True))
    with printable_output():
        print('2 episodes (episode_0 …), jerk 3 rad/s³')
    assert shown.getvalue().decode() == '2 episodes (episode_0 \\u2026), jerk 3 rad/s\\xb3\n'


def test_parsers_are_of_one_kind() -> None:
    for name, main in COMMANDS.items():
        module = import_module(main.__module__)
        made = (
            module.parser(name, 'raw')
            if name in ('import_lerobot', 'export_aloha')
            else module.parser()
        )
        assert isinstance(made, OneLineParser), name
