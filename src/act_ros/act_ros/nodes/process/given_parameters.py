# SPDX-License-Identifier: Apache-2.0
"""Parameters that were given to no node: rclpy takes a misspelt name, of a node or a parameter, without a word.

A `params_file` goes to every node of a launch. So a parameter under `/**` may be another node's of this suite.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distribution
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import yaml

from act_ros.text import shown

NEAR = 0.75
OF_ROS = re.compile(r'use_sim_time|start_type_description_service|qos_overrides\..*')


class DeclaresParameters(Protocol):
    """What is asked of a node."""

    def get_fully_qualified_name(self) -> str:
        """Its name with its namespace."""

    def has_parameter(self, name: str) -> bool:
        """Whether it has declared one of this name."""


@dataclass(frozen=True)
class Section:
    """Parameters given to the nodes that `pattern` names, and where: `by` a file, or `-p`."""

    pattern: str
    names: tuple[str, ...]
    by: str

    def names_node(self, full_name: str) -> bool:
        """Whether a node is meant: `*` stands for one part of its name, `**` for any number."""
        parts = {'*': '/[^/]+', '**': '(?:/[^/]+)*'}
        tokens = filter(None, self.pattern.split('/'))
        pattern = ''.join(parts.get(token, f'/{re.escape(token)}') for token in tokens)
        return re.fullmatch(pattern, full_name) is not None


def unused(
    nodes: Sequence[DeclaresParameters], main: DeclaresParameters, words: Sequence[str]
) -> tuple[list[str], list[str]]:
    """What was given in vain: what is refused, and what is only said, a line each.

    Args:
        nodes: of this process, with all their parameters declared.
        main: the one in whose namespace the other nodes of this suite are, too.
        words: of the command line.
    """
    refused: list[str] = []
    said: list[str] = []
    for section in sections(words):
        meant = [node for node in nodes if section.names_node(node.get_fully_qualified_name())]
        if meant:
            for name in section.names:
                if not OF_ROS.fullmatch(name) and not any(n.has_parameter(name) for n in meant):
                    refused += _no_parameter(section, name, meant)
        elif line := _no_node(section, main.get_fully_qualified_name().rpartition('/')[0]):
            (refused if ' meant?' in line else said).append(line)
    return refused, said


def sections(words: Sequence[str]) -> Iterator[Section]:
    """What the command line gives to nodes: by `--params-file`, or by `-p [NODE:]NAME:=VALUE`."""
    for option, value in pairwise(words):
        if option == '--params-file':
            yield from _of_file(Path(value))
        elif option in ('-p', '--param') and ':=' in value:
            node, _, name = value.partition(':=')[0].rpartition(':')
            yield Section(node or '/**', (name,), option)


def _of_file(path: Path) -> Iterator[Section]:
    try:
        tree = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, ValueError, yaml.YAMLError):
        return  # rclpy has refused it
    if isinstance(tree, Mapping):
        yield from _below(tree, '', f'{path}')


def _below(tree: Mapping[Any, Any], pattern: str, by: str) -> Iterator[Section]:
    for key, value in tree.items():
        if key == 'ros__parameters' and isinstance(value, Mapping):
            yield Section(pattern, tuple(_flat(value)), by)
        elif isinstance(value, Mapping):
            yield from _below(value, f'{pattern}/{str(key).strip("/")}', by)


def _flat(values: Mapping[Any, Any], prefix: str = '') -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f'{prefix}{key}.')
        else:
            yield f'{prefix}{key}'


def _no_parameter(section: Section, name: str, meant: Sequence[DeclaresParameters]) -> list[str]:
    known = suite_parameters()
    whose = 'no node of this suite has'
    if '*' not in section.pattern:
        whose = f'{meant[0].get_fully_qualified_name()} has not'
        known = {each for each in known if any(node.has_parameter(each) for node in meant)}
    elif name in known:
        return []
    near = difflib.get_close_matches(name, sorted(known), 1, NEAR)
    hint = f'is {near[0]} meant?' if near else f'there are {", ".join(sorted(known))}'
    return [f'{section.by}: {shown(name)} is a parameter that {whose}; {hint}']


def _no_node(section: Section, namespace: str) -> str:
    """A line on a section that names no node of this process, unless another process of this suite is meant."""
    suite = sorted(f'{namespace}/{name}' for name in suite_nodes())
    of_another_robot = section.pattern.endswith(tuple(f'/act/{name}' for name in suite_nodes()))
    if of_another_robot or any(section.names_node(name) for name in suite):
        return ''
    last = section.pattern.rpartition('/')[2]
    near = [name for name in suite if name.rpartition('/')[2] == last]
    near = near or difflib.get_close_matches(section.pattern, suite, 1, NEAR)
    what = f'{section.by}: {shown(section.pattern)} is no node here'
    return f'{what}; is {near[0]} meant?' if near else f'{what}, and has no effect in this suite'


def suite_nodes() -> list[str]:
    """The names of the nodes that this suite has a program of."""
    entries = distribution('act_ros').entry_points
    return [entry.name for entry in entries if entry.module.startswith('act_ros.nodes.')]


def suite_parameters() -> set[str]:
    """The parameters of all nodes, read in their code: loading each would take seconds, and a simulator."""
    found = set()
    for path in Path(__file__).parent.parent.rglob('*.py'):
        text = path.read_text(encoding='utf-8')
        for call in (
            ast.walk(ast.parse(text)) if re.search(r'\b(Param|declare_parameter)\(', text) else ()
        ):
            if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant):
                name = getattr(call.func, 'id', '') or getattr(call.func, 'attr', '')
                if name in ('Param', 'declare_parameter'):
                    found.add(str(call.args[0].value))
    return found
