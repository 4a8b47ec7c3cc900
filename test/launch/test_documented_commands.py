# SPDX-License-Identifier: Apache-2.0
"""Every command in a ```bash block of a page could be typed as it is: options, arguments, names and paths exist."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml
from reference import command_parsers, launch_arguments, own_parser

from act_ros.nodes.doctor.node import as_parameters
from act_ros.nodes.shared.lifecycle_graph import ASKED
from pages import PAGES, ROOT, Command, Page

pytestmark = pytest.mark.timeout(300)

COMMANDS = [Page(path) for path in PAGES]
REFERENCE = Page(ROOT / 'docs/reference.md').text
OF_THE_SHELL = {
    *('cd', 'cp', 'export', 'git', 'grep', 'ls', 'mkdocs', 'pytest', 'source', 'udevadm'),
    *('rs-enumerate-devices', 'tee', 'tensorboard', 'lerobot-train'),
}
ARMS = ('leader_left', 'leader_right', 'follower_left', 'follower_right')
PLACES = re.compile(r'(?:data|models|outputs|lerobot|examples|path|config)/')
MAKING = ('--output', '--json')
"""Options whose value is made by the command."""
MAKING_ARGUMENTS = ('dataset', 'record', 'video')


def refuse(command: Command, why: str) -> None:
    raise AssertionError(f'{command}\n  {why}')


@pytest.mark.parametrize('page', COMMANDS, ids=lambda page: page.name)
def test_a_command_of_a_page_could_be_typed(page: Page) -> None:
    known = {*page.given}
    for command in page.commands:
        program, *words = command.words
        if program in OF_THE_SHELL:
            if program == 'cp':
                known.add(words[-1])
            continue
        check = CHECKS.get(program) or (partial(own, program) if '/' in program else None)
        if check is None:
            refuse(command, f'{program} is not known here')
        check(command, list(words))
        paths(command, known)


def ros2(command: Command, words: list[str]) -> None:
    kind, *rest = words
    if kind == 'run':
        run(command, rest)
    elif kind == 'launch':
        launch(command, rest)
    elif kind == 'param':
        param(command, rest)
    elif kind == 'topic':
        names = [word for word in rest[1:] if word.startswith('/')]
        assert names[0] in rows('Topics'), command
    elif kind == 'service':
        service(command, rest)
    elif kind == 'lifecycle':
        verb, name, label = rest
        assert verb == 'set' and f'{name}/change_state' in rows('Services'), command
        assert label in {edge.label for edge in ASKED}, command
    else:
        refuse(command, f'ros2 {kind} is not known here')


def run(command: Command, words: list[str]) -> None:
    """An executable of act_ros; options by its own parser, parameters by the reference."""
    package, name, *rest = words
    assert package == 'act_ros', command
    if name in parsers():
        parse(command, parsers()[name], rest)
        return
    assert name in {entry.name for entry in distribution('act_ros').entry_points}, command
    rest = as_parameters(rest) if name == 'doctor' else rest
    given = [rest[i + 1].split(':=')[0] for i, word in enumerate(rest) if word == '-p']
    assert set(given) <= set(parameters(name)), command
    assert not rest or rest[0] == '--ros-args', command


def parse(command: Command, parser: argparse.ArgumentParser, words: list[str]) -> None:
    """Its options take these words; that the places are there, too, is looked at by `paths`."""
    said = io.StringIO()
    there = mock.patch('act_ros.commands.options._kind', _taken_for)
    with there, contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            parser.parse_args(words)
        except SystemExit as end:
            if end.code:
                refuse(command, said.getvalue())


def _taken_for(path: Path) -> str:
    return 'file' if path.suffix else 'folder'


def launch(command: Command, words: list[str]) -> None:
    """The arguments are declared, and the values among their choices."""
    package, file, *rest = words
    assert package == 'act_ros', command
    assert (ROOT / 'launch' / file).exists(), command
    declared = {argument.name: argument for argument in launch_arguments(file)}
    for word in rest:
        if word == '--show-args':
            continue
        name, assigned, value = word.partition(':=')
        if not assigned or name not in declared:
            refuse(command, f'{name} is no argument of {file}; there are {", ".join(declared)}')
        choices = declared[name].choices
        if choices and value not in choices:
            refuse(command, f'{name} is one of {choices}')


def param(command: Command, words: list[str]) -> None:
    """The node has the parameter, and it can be changed while it runs."""
    verb, node, name, *_ = words
    found = parameters(node.rpartition('/')[2])
    assert name in found, command
    assert verb != 'set' or 'any time' in found[name], command


def service(command: Command, words: list[str]) -> None:
    """The service is of this type, and the request has these fields."""
    verb, name, kind, *request = words
    assert verb == 'call', command
    assert f'`{kind.replace("/srv/", "/")}`' in rows('Services').get(name, ''), command
    package, _, short = kind.split('/')
    fields = getattr(import_module(f'{package}.srv'), short).Request.get_fields_and_field_types()
    assert set(yaml.safe_load(request[0]) if request else {}) <= set(fields), command


def make(command: Command, words: list[str]) -> None:
    targets = re.findall(r'^(\w+):', (ROOT / 'Makefile').read_text(), re.MULTILINE)
    assert {word for word in words if '=' not in word} <= set(targets), command


def own(program: str, command: Command, words: list[str]) -> None:
    """A program of this repository that is run by its path."""
    assert (ROOT / program).exists(), command
    if program.startswith('benchmarks/'):
        parse(command, own_parser(ROOT / program), words)


def python(command: Command, words: list[str]) -> None:
    own(words[0], command, words[1:])


def torchrun(command: Command, words: list[str]) -> None:
    module = words.index('-m')
    assert words[module + 1] == 'act_ros.commands.train', command
    parse(command, parsers()['train'], words[module + 2 :])


CHECKS: dict[str, Callable[[Command, list[str]], None]] = {
    'ros2': ros2,
    'make': make,
    'python': python,
    'torchrun': torchrun,
}


@cache
def parsers() -> dict[str, argparse.ArgumentParser]:
    return command_parsers()


@cache
def rows(section: str) -> dict[str, str]:
    """The lines of a table of the reference by their first cell; ARM and CAM stand for each name."""
    text = re.split(rf'^## {section}\n', REFERENCE, maxsplit=1, flags=re.MULTILINE)[1]
    text = re.split(r'^## ', text, maxsplit=1, flags=re.MULTILINE)[0]
    found = {}
    for line in re.findall(r'^\| `.*$', text, re.MULTILINE):
        name = line.split('`')[1]
        found[name] = line
        cameras = ('cam_high', 'cam_low', 'cam_left_wrist', 'cam_right_wrist')
        for word, names in (('/ARM/', ARMS), ('/CAM/', cameras)):
            found |= {name.replace(word, f'/{each}/'): line for each in names if word in name}
    return found


@cache
def parameters(node: str) -> dict[str, str]:
    """The lines of the reference on the parameters of a node."""
    text = re.split(r'^## Parameters\n', REFERENCE, maxsplit=1, flags=re.MULTILINE)[1]
    text = re.split(r'^## ', text, maxsplit=1, flags=re.MULTILINE)[0]
    parts = re.split(rf'^### {node}\n', text, maxsplit=1, flags=re.MULTILINE)
    if len(parts) < 2:
        return {}
    lines = re.findall(r'^\| `.*$', parts[1].split('\n### ')[0], re.MULTILINE)
    return {line.split('`')[1]: line for line in lines}


def paths(command: Command, known: set[str]) -> None:
    """What a command reads is in the repository, made above on the page, or declared as given."""
    made: set[str] = set()
    words = command.words
    for before, word in zip(('', *words), words, strict=False):
        name, _, value = word.rpartition(':=')
        value = value.rstrip('/')
        converted = 'convert' in words and word == words[words.index('convert') + 2]
        if before in MAKING or name in MAKING_ARGUMENTS or converted:
            made.add(value)
        elif PLACES.match(value) and not exists(value, known):
            refuse(command, f'{value} is neither there, nor made above, nor declared as given')
    if 'record.launch.py' in words:
        tasks = [w.partition(':=')[2] for w in words if w.startswith('task:=')]
        made |= {f'data/{task}' for task in tasks}
    known |= made


def exists(path: str, known: set[str]) -> bool:
    place = Path(path)
    return (ROOT / path).exists() or any(str(p) in known for p in (place, *place.parents))


def test_a_wrong_command_would_be_found(tmp_path: Path) -> None:
    wrong: list[tuple[str, ...]] = [
        ('ros2', 'run', 'act_ros', 'train', '--dataset', 'x', '--output', 'y'),
        ('ros2', 'run', 'act_ros', 'no_such_command'),
        ('ros2', 'run', 'act_ros', 'rest', '--ros-args', '-p', 'torque:=true'),
        ('ros2', 'launch', 'act_ros', 'aloha.launch.py', 'ensemble:=average'),
        ('ros2', 'launch', 'act_ros', 'aloha.launch.py', 'policy:=x'),
        ('ros2', 'param', 'set', '/act/policy', 'models_dir', 'x'),
        ('ros2', 'topic', 'echo', '/act/policy_states'),
        ('ros2', 'service', 'call', '/act/policy/enable', 'std_srvs/srv/Trigger'),
        ('ros2', 'service', 'call', '/act/policy/enable', 'std_srvs/srv/SetBool', '{on: true}'),
    ]
    for words in wrong:
        with pytest.raises((AssertionError, AttributeError)):
            ros2(Command('page', words), list(words[1:]))
    with pytest.raises(AssertionError, match='neither there'):
        paths(Command('page', ('ros2', 'run', 'act_ros', 'inspect', 'models/nowhere')), set())


@pytest.mark.parametrize('writer', ['reference.py', 'security_policy.py'])
def test_what_is_written_from_the_code_is_what_the_code_says(
    environment: dict[str, str], writer: str
) -> None:
    command: list[Any] = [sys.executable, ROOT / 'scripts' / writer, '--check']
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=290)
    assert done.returncode == 0, done.stdout + done.stderr
