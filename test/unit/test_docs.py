# SPDX-License-Identifier: Apache-2.0
"""The pages hold together: links lead somewhere, paths exist, quoted messages are those of the code."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from pages import PAGES, ROOT, Page

ALL = [Page(path) for path in PAGES]
FOLDERS = ('config', 'docs', 'examples', 'launch', 'models', 'scripts', 'src', 'test')
MOST_WORDS = 700
SAYING = {'error', 'warning', 'fatal', '_say', 'say', 'mark', 'fail', '_fail'}
INTERNAL = {
    'the node is shutting down',
    'recording into \0',  # no trouble
    '\0 (waited \0 s)',  # added to what is waited for
    '\0 is \0, expected \0',  # a parameter of another type, which ROS itself explains
    'stopped: \0: \0',
}


@pytest.mark.parametrize('page', ALL, ids=lambda page: page.name)
def test_a_link_leads_to_a_file_and_a_heading(page: Page) -> None:
    for link in page.links:
        path, _, anchor = link.partition('#')
        target = (page.path.parent / path).resolve() if path else page.path
        assert target.exists(), f'{page.name}: {link}'
        if anchor:
            assert anchor in Page(target).anchors, f'{page.name}: there is no heading {link}'


@pytest.mark.skipif(find_spec('mkdocs') is None, reason='mkdocs comes with scripts/setup.sh --dev')
def test_the_pages_are_a_site_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, '-m', 'mkdocs', 'build', '--strict', '-d', str(tmp_path / 'site')]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'site/index.html').exists()


def test_the_readme_is_a_front_door() -> None:
    assert len((ROOT / 'README.md').read_text(encoding='utf-8').split()) <= MOST_WORDS


@pytest.mark.parametrize('page', ALL, ids=lambda page: page.name)
def test_a_path_of_the_repository_exists(page: Page) -> None:
    for path in re.findall(rf'`((?:{"|".join(FOLDERS)})/[^`\s]*)`', page.prose):
        place = re.split(r'[*<]|NAME|Name|TASK|FOLDER', path)[0]  # models/NAME: the folder
        kept = page.given | made(page)
        assert (ROOT / place).exists() or place.rstrip('/') in kept, f'{page.name}: {path}'


def made(page: Page) -> set[str]:
    """Paths that commands of the page name, which are judged where commands are."""
    return {word.rpartition(':=')[2].rstrip('/') for c in page.commands for word in c.words}


def test_a_program_that_is_named_can_be_run_as_written() -> None:
    text = '\n'.join(page.text for page in ALL)
    programs = set(re.findall(r'\b(?:benchmarks|scripts|examples)/\w+\.(?:py|sh)', text))
    modules = {'scripts/reference_words.py', 'scripts/pins.py'}
    assert programs
    for program in programs - modules:
        path = ROOT / program
        assert os.access(path, os.X_OK), f'chmod +x {program}'
        assert path.read_text(encoding='utf-8').startswith('#!/usr/bin/env ')


def quoted() -> list[list[str]]:
    """Of each message of the troubleshooting page its pieces between the `…`."""
    rows = re.findall(r'^\| (`.*?) \| ', Page(ROOT / 'docs/troubleshooting.md').text, re.MULTILINE)
    spans = [span for row in rows for span in re.findall(r'`([^`]+)`', row)]
    return [[' '.join(part.split()) for part in span.split('…') if part.strip()] for span in spans]


def flat(node: ast.AST) -> str:
    """A text as the code makes it, with a NUL where a value comes in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return ''.join(map(flat, node.values))
    if isinstance(node, ast.BinOp):
        return flat(node.left) + flat(node.right)
    if isinstance(node, ast.IfExp):
        return f'{flat(node.body)}\0{flat(node.orelse)}'
    return '\0'


TEXTS = (ast.Constant, ast.JoinedStr, ast.BinOp, ast.IfExp)


def sources() -> Iterator[Path]:
    yield from (ROOT / 'src/act_ros/act_ros').rglob('*.py')
    yield from (ROOT / 'launch').glob('*.py')


def test_a_message_of_the_troubleshooting_page_is_one_of_the_code() -> None:
    said = []
    for path in sources():
        tree = ast.parse(path.read_text())
        said += [flat(node) for node in ast.walk(tree) if isinstance(node, TEXTS)]
    for path in (ROOT / 'setup.bash', *(ROOT / 'scripts').rglob('*.sh')):
        said.append(re.sub(r"['\"] \\\n\s*['\"]", ' ', path.read_text()))
    everything = '\n'.join(' '.join(text.split()) for text in said)
    pieces = {piece for message in quoted() for piece in message if len(piece) > 3}
    assert len(pieces) > 150
    assert not {piece for piece in pieces if piece not in everything}


def spoken(tree: ast.AST) -> Iterator[str]:
    """What a file of nodes or of a launch tells an operator: errors raised, and warnings logged."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            yield flat(node.exc.args[0])
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.args
            and node.func.attr in SAYING
        ):
            yield flat(node.args[0])


def test_every_message_of_nodes_and_launch_files_is_on_the_troubleshooting_page() -> None:
    page, unexplained = quoted(), []
    code = ROOT / 'src/act_ros/act_ros'
    folders = (code / 'nodes', ROOT / 'launch')
    paths = [path for folder in folders for path in sorted(folder.rglob('*.py'))]
    files = ('launching', 'sim/motors', 'sim/simulation', 'sim/real_time', 'sim/render_thread')
    for path in [*paths, *(code / f'{name}.py' for name in files)]:
        for text in map(
            str.strip, map(' '.join, map(str.split, spoken(ast.parse(path.read_text()))))
        ):
            words = re.findall(r'[a-z]{2,}', text)
            known = any(all(piece in text for piece in message) for message in page)
            if len(words) > 2 and not known and text not in INTERNAL:
                unexplained.append(f'{path.name}: {text!r}')
    assert not unexplained, 'add a line to docs/troubleshooting.md for each'
