# SPDX-License-Identifier: Apache-2.0
"""The directions between the rooms of act_ros, and that the core works without ROS."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import lifeline
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / 'src' / 'act_ros' / 'act_ros'

OPEN = {
    *('robot', 'paths', 'text', 'version', 'number_list', 'python_process', 'boot', 'git_lfs'),
    *('shared_memory', 'exit_status'),
}
"""What all may import."""
# What each room may import of the others; a room may always import itself, and what is open.
MAY_IMPORT = {
    'boot': set(),
    'robot': set(),
    'control': set(),
    'data': set(),
    'policy': {'data'},
    'sim': set(),
    'nodes': {'control', 'data', 'policy', 'sim'},
    'commands': {'control', 'data', 'policy', 'sim'},
}


def imports(file: Path) -> set[str]:
    """Every module a file imports, at any depth of its code, as dotted names."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{file}:{node.lineno}: write imports out in full'
            found |= {f'{node.module}.{alias.name}' for alias in node.names}
    return found


def files(room: str) -> list[Path]:
    return sorted((PACKAGE / room).rglob('*.py'))


def test_every_room_is_known() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob('*/__init__.py')}
    assert rooms == set(MAY_IMPORT)


@pytest.mark.parametrize('room', MAY_IMPORT)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    allowed = MAY_IMPORT[room] | {room} | OPEN
    wrong = [
        f'{file.relative_to(PACKAGE)} imports {name}'
        for file in files(room)
        for name in sorted(imports(file))
        if name.startswith('act_ros.') and name.split('.')[1] not in allowed
    ]
    assert not wrong


# What each room of nodes/ may import of the others; a file beside them is one whose node is all of it.
NODES_MAY_IMPORT = {
    'shared': set(),
    'process': set(),
    'policy': {'shared', 'process'},
    'recorder': {'shared', 'process'},
    'replay': {'shared', 'process'},
    'sim': {'shared', 'process'},
    'teleop': {'shared', 'process'},
    'session': {'shared', 'process', 'teleop'},
    'rest': {'shared', 'process', 'teleop', 'session'},
    'guard': {'shared', 'process'},
    'doctor': {'shared', 'process', 'session'},
}


def imports_of_a_room_of_nodes(room: str) -> set[str]:
    nodes = PACKAGE / 'nodes'
    inside = files(f'nodes/{room}') if (nodes / room).is_dir() else [nodes / f'{room}.py']
    return {name for file in inside for name in imports(file)}


def test_every_room_of_the_nodes_is_known() -> None:
    inside = {path.stem for path in (PACKAGE / 'nodes').iterdir()}
    assert inside - {'__init__', '__pycache__'} == set(NODES_MAY_IMPORT)


@pytest.mark.parametrize('room', NODES_MAY_IMPORT)
def test_a_node_imports_no_other_but_those_it_is_made_of(room: str) -> None:
    names = {name.removeprefix('act_ros.nodes.') for name in imports_of_a_room_of_nodes(room)}
    others = {name.split('.')[0] for name in names} & set(NODES_MAY_IMPORT)
    assert others <= NODES_MAY_IMPORT[room] | {room}


def test_the_simulator_is_reached_by_its_own_node_only() -> None:
    knowing = {
        room
        for room in NODES_MAY_IMPORT
        if any(name.startswith('act_ros.sim.') for name in imports_of_a_room_of_nodes(room))
    }
    assert knowing == {'sim'}


def test_of_rclpy_only_what_it_promises_is_used_but_for_one_place() -> None:
    private = re.compile(r'\brclpy\.(?:_|impl\b)')
    folders = ('src/act_ros', 'src/ros2_pip', 'launch', 'scripts', 'benchmarks', 'examples')
    knowing = {
        path.name
        for folder in folders
        for path in (ROOT / folder).rglob('*.py')
        if private.search(path.read_text(encoding='utf-8'))
    }
    assert knowing == {'base.py'}, 'shared/base.py says why it has to'


def test_the_contracts_of_import_linter_hold() -> None:
    """They also see what is imported through others."""
    result = subprocess.run(
        [Path(sys.executable).with_name('lint-imports'), '--no-cache'],
        cwd=ROOT, env={'PYTHONPATH': str(PACKAGE.parent), 'PATH': '/usr/bin:/bin', **lifeline.marks()},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]


def test_a_forbidden_import_is_seen(tmp_path: Path) -> None:
    """The tool above is not green for want of looking: an import inside a function counts."""
    file = tmp_path / 'late.py'
    file.write_text('def f():\n    from act_ros.nodes import policy\n    import torch.nn\n')
    assert imports(file) == {'act_ros.nodes.policy', 'torch.nn'}


def test_the_core_loads_without_ros() -> None:
    """In a process in which every ROS package fails to import."""
    code = """
import importlib, sys
from pathlib import Path
for name in ('rclpy', 'launch', 'launch_ros', 'ament_index_python', 'act_msgs', 'sensor_msgs'):
    sys.modules[name] = None
package = Path(sys.argv[1])
for room in ('robot', 'control', 'data', 'policy', 'sim'):
    for file in sorted((package / room).rglob('*.py')):
        if file.stem != '__init__':
            name = '.'.join(file.relative_to(package.parent).with_suffix('').parts)
            importlib.import_module(name)
"""
    result = subprocess.run(
        [sys.executable, '-c', code, PACKAGE], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
