# SPDX-License-Identifier: Apache-2.0
"""A launch description as text, for ``ros2 launch --print``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .actions import EmitEvent, ExecuteProcess, LogInfo, RegisterEventHandler
from .launch_description import LaunchDescription
from .utilities import normalize_to_list_of_entities, normalize_to_list_of_substitutions

Tree = tuple[str, list[Any]]


class LaunchIntrospector:
    """Writes launch descriptions as trees."""

    def format_launch_description(self, launch_description: LaunchDescription) -> str:
        """Return the actions of a description, one line each, without executing anything."""
        lines = [str(launch_description)]
        lines += _branches([_tree(entity) for entity in launch_description.entities])
        return '\n'.join(lines)


def _branches(trees: list[Tree], indent: str = '') -> list[str]:
    lines = []
    for number, (text, children) in enumerate(trees):
        last = number == len(trees) - 1
        lines.append(f'{indent}{"└" if last else "├"}── {text}')
        lines += _branches(children, indent + ('    ' if last else '│   '))
    return lines


def _described(subs: Any) -> str:
    return ' + '.join(sub.describe() for sub in normalize_to_list_of_substitutions(subs))


def _process(action: ExecuteProcess) -> str:
    cmd = ', '.join(_described(part) for part in action.cmd)
    cwd = None if action.cwd is None else f"'{_described(action.cwd)}'"
    env = None
    if action.env is not None:
        pairs = ', '.join(f'{_described(k)}: {_described(v)}' for k, v in action.env)
        env = f'{{{pairs}}}'
    return f'ExecuteProcess(cmd=[{cmd}], cwd={cwd}, env={env}, shell={action.shell})'


def _tree(entity: Any) -> Tree:
    if isinstance(entity, LogInfo):
        return f'LogInfo({_described(entity.msg)})', []
    if isinstance(entity, EmitEvent):
        return f"EmitEvent(event='{entity.event.name}')", []
    if isinstance(entity, ExecuteProcess):
        return _process(entity), []
    if isinstance(entity, RegisterEventHandler):
        text, entities = entity.event_handler.describe()
        answers = _trees(normalize_to_list_of_entities(entities))
        return f"RegisterEventHandler('{entity.event_handler}'):", [(text, answers)]
    return f"Action('{entity}')", []


def _trees(entities: Iterable[Any]) -> list[Tree]:
    return [_tree(entity) for entity in entities]
