# SPDX-License-Identifier: Apache-2.0
"""What one reads at once stays small, and a class name means one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ('src', 'launch', 'benchmarks', 'examples', 'scripts', 'test')
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 300, 60
OF_ROS_2 = {'Shutdown', 'IncludeLaunchDescription'}
"""Names that ROS 2 gives to an action and to an event; the stand-in has to have both."""


def files(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob('*.py'))
    assert found
    return found


def too_long(text: str) -> list[str]:
    """The functions of a file that are too long, methods and inner ones included."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            if lines > MOST_LINES_OF_A_FUNCTION:
                found.append(f'{node.name}: {lines} lines')
    return found


@pytest.mark.parametrize('folder', FOLDERS)
def test_files_and_functions_are_short(folder: str) -> None:
    wrong = []
    for path in files(folder):
        text = path.read_text(encoding='utf-8')
        lines = len(text.splitlines())
        wrong += [f'{path.relative_to(ROOT)}: {lines} lines'] if lines > MOST_LINES else []
        wrong += [f'{path.relative_to(ROOT)}: {why}' for why in too_long(text)]
    assert not wrong, 'split them by what they do'


def test_a_long_function_is_seen() -> None:
    body = '\n'.join(['        pass'] * 60)
    assert too_long(f'class A:\n    def f(self):\n{body}\n') == ['f: 61 lines']


def twice(folder: str, private: bool) -> dict[str, list[str]]:
    """Names that more than one class of a folder has, and where; `private` ones, too, without their underscore."""
    places = defaultdict(list)
    for path in files(folder):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.ClassDef) and (private or not node.name.startswith('_')):
                places[node.name.strip('_')].append(str(path.relative_to(ROOT)))
    return {name: where for name, where in places.items() if len(where) > 1}


def test_no_class_name_means_two_things() -> None:
    found = twice('src', private=False)
    assert set(found) <= OF_ROS_2, found
    for where in found.values():
        assert all('ros2_pip/launch/' in path for path in where), found
    assert not twice('src/act_ros', private=True)
