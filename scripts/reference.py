#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write docs/reference.md: what can be typed, set, listened to and called, taken from the code itself.

Launch arguments are those of the launch files, parameters, topics and services those of the nodes (which are
made for it, and never started), options those of the commands, messages the files of src/act_msgs.

    scripts/reference.py            write the page
    scripts/reference.py --check    end with 1 where the page is not what would be written
"""

from __future__ import annotations

import argparse
import re
import runpy
import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from unittest import mock

from reference_nodes import Described, describe_nodes, in_words
from reference_words import SERVICE_WORDS, TOPIC_WORDS
from written import ROOT, write_or_check

PAGE = ROOT / 'docs' / 'reference.md'
HEAD = """\
# Reference

`scripts/reference.py` writes this page from the code, and a test fails when it is old. Do not edit it.

`ros2 launch act_ros FILE --show-args`, `ros2 run act_ros COMMAND --help` and `ros2 param describe` show the same.

"""
LAUNCH_FILES = ('aloha', 'record', 'replay', 'sim', 'hardware')


class Asked(Exception):
    """Carries the parser of a command out of it."""


def command_parsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of every `ros2 run act_ros COMMAND` that takes options, by its name."""
    found = {}
    for entry in sorted(distribution('act_ros').entry_points, key=lambda entry: entry.name):
        if not entry.value.startswith('act_ros.commands.'):
            continue
        module, _, function = entry.value.partition(':')
        with mock.patch.object(argparse.ArgumentParser, 'parse_args', _give):
            try:
                getattr(import_module(module), function)([])
            except Asked as asked:
                found[entry.name] = asked.args[0]
    return found


def own_parser(program: Path) -> argparse.ArgumentParser:
    """The parser of a program that is run by its path, as those of benchmarks/."""
    with (
        mock.patch.object(argparse.ArgumentParser, 'parse_args', _give),
        mock.patch.object(sys, 'path', [str(program.parent), *sys.path]),
    ):
        try:
            import_module(program.stem).main()
        except Asked as asked:
            parser: argparse.ArgumentParser = asked.args[0]
            return parser
    raise ValueError(f'{program} asks for no arguments')


def _give(parser: argparse.ArgumentParser, *_: object) -> None:
    raise Asked(parser)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    head = list(head)
    lines = [head, ['---'] * len(head), *rows]
    return ''.join(
        '| ' + ' | '.join(' '.join(cell.split()).replace('|', '\\|') for cell in line) + ' |\n'
        for line in lines
    )


def launch_arguments(file: str) -> list[Any]:
    """What a launch file declares, and those that it names, which it includes; of one name the first.

    By what `launch` has in every version, and its stand-in, too.
    """
    from launch.actions import DeclareLaunchArgument

    path = ROOT / 'launch' / file
    description = runpy.run_path(str(path))['generate_launch_description']()
    found = [
        entity for entity in description.entities if isinstance(entity, DeclareLaunchArgument)
    ]
    for included in re.findall(r"'(\w+\.launch\.py)'", path.read_text(encoding='utf-8')):
        if path.with_name(included).exists():  # and not a driver's
            found += launch_arguments(included)
    first = {argument.name: argument for argument in reversed(found)}
    return [first[name] for name in dict.fromkeys(argument.name for argument in found)]


def default_of(argument: Any) -> str:
    """The default of a launch argument, as it is shown."""
    from launch import LaunchContext
    from launch.utilities import perform_substitutions

    if argument.default_value is None:
        return 'required'
    default = argument.default_value
    parts = default if isinstance(default, list) else [default]
    return code(re.sub(r'.*/config/', 'config/', perform_substitutions(LaunchContext(), parts)))


def launch_files() -> str:
    """The arguments of every launch file."""
    text = '## Launch files\n\n'
    text += 'Give an argument as `NAME:=VALUE`. An empty default is shown as `""`.\n'
    seen: dict[str, str] = {}
    for name in LAUNCH_FILES:
        rows: dict[str, list[str]] = {}
        for argument in launch_arguments(f'{name}.launch.py'):
            rows[argument.name] = [code(argument.name), default_of(argument), meaning(argument)]
        own = {key: row for key, row in rows.items() if seen.get(key) != row[1] + row[2]}
        shared = [code(key) for key in rows if key not in own]
        seen |= {key: row[1] + row[2] for key, row in rows.items()}
        text += f'\n### {name}.launch.py\n'
        text += f'\n{table(["argument", "default", "meaning"], own.values())}' if own else ''
        text += f'\nAs above: {", ".join(shared)}.\n' if shared else ''
    return text


def meaning(argument: Any) -> str:
    """What a launch argument is for, and what it may be."""
    # What launch itself says of choices, as a tuple of Python.
    text = re.sub(r' Valid choices are: .*', '', ' '.join(argument.description.split()))
    return sentence(text, argument.choices)


def sentence(text: str, choices: Iterable[Any] | None, more: str = '') -> str:
    """What something is for, what it may be, and more, each closed by a full stop."""
    listed = f'One of {", ".join(code(str(choice)) for choice in choices)}' if choices else ''
    parts = [part.strip().rstrip('.') for part in (text, listed, more)]
    return ''.join(f'{part}. ' for part in parts if part).strip()


def commands() -> str:
    """The options of every command."""
    text = '## Commands\n\nRun one as `ros2 run act_ros COMMAND`.\n'
    for name, parser in command_parsers().items():
        what = ' '.join((parser.description or '').split())
        text += f'\n### {name}\n\n{what}\n\n'
        rows = []
        for action in parser._actions:
            if action.dest == 'help' or action.help == argparse.SUPPRESS:
                continue
            names = ', '.join(action.option_strings) or str(action.metavar or action.dest)
            help_text = (action.help or '').replace('%(default)s', str(action.default))
            more = 'Required' if action.required else ''
            if (
                action.default not in (None, '', False, argparse.SUPPRESS)
                and 'default' not in help_text
            ):
                more = f'Default: {shown_default(action.default)}'
            rows.append([code(names), sentence(help_text, action.choices, more)])
        text += table(['option', 'meaning'], rows)
    return text


def shown_default(default: Any) -> str:
    """The default of an option as it is typed."""
    return code(' '.join(map(str, default)) if isinstance(default, list) else str(default))


def parameters(nodes: dict[str, Described]) -> str:
    """The parameters of every node."""
    text = (
        '## Parameters\n\nof the nodes, which run in the namespace `/act`. "At the start" ones cannot be changed while\n'
        'the node runs. Set them with `params_file:=`, or with `--ros-args -p NAME:=VALUE` after `ros2 run`.\n'
    )
    for name, node in nodes.items():
        if node.parameters:
            rows = [
                [code(p.name), p.default, 'any time' if p.live else 'at the start', p.text]
                for p in node.parameters
            ]
            text += f'\n### {name}\n\n{table(["parameter", "default", "set it", "meaning"], rows)}'
    return text


def graph(nodes: dict[str, Described]) -> str:
    """Topics and services, with who sends and who hears."""
    text = '## Topics\n\nARM is one of `leader_left`, `leader_right`, `follower_left`, `follower_right`; CAM a camera.\n\n'
    topics: dict[str, list[set[str]]] = {}
    services: dict[str, tuple[set[str], str]] = {}
    for name, node in nodes.items():
        for direction, entries in enumerate((node.published, node.heard)):
            for topic, kind in in_words(entries):
                topics.setdefault(f'{topic} {kind}', [set(), set()])[direction].add(name)
        for service, kind in in_words(node.services):
            services.setdefault(service, (set(), kind))[0].add(name)
    names = {key.split()[0] for key in topics}
    complain('topics', names, set(TOPIC_WORDS))
    complain('services', set(services), set(SERVICE_WORDS))
    rows = []
    for key, (sends, hears) in sorted(topics.items()):
        topic, kind = key.split()
        outside, words = TOPIC_WORDS[topic]
        sends |= {outside} if outside else set()
        rows.append(
            [code(topic), code(kind), ', '.join(sorted(sends)), ', '.join(sorted(hears)), words]
        )
    text += table(['topic', 'type', 'from', 'to', 'what'], rows)
    text += '\n## Services\n\n'
    served = [
        [code(service), code(kind), ', '.join(sorted(who)), SERVICE_WORDS[service]]
        for service, (who, kind) in sorted(services.items())
    ]
    return text + table(['service', 'type', 'of', 'what'], served)


def complain(what: str, found: set[str], described: set[str]) -> None:
    """End the program where the words of reference_words.py are not those of the nodes."""
    if found != described:
        sys.exit(
            f'reference: {what} without words in scripts/reference_words.py: {sorted(found - described) or "none"}; '
            f'words for {what} that there are not: {sorted(described - found) or "none"}'
        )


def messages() -> str:
    """The message and service files, as they are."""
    text = '## Messages and services\n'
    folder = ROOT / 'src' / 'act_msgs'
    for path in [*sorted(folder.glob('msg/*.msg')), *sorted(folder.glob('srv/*.srv'))]:
        text += f'\n### act_msgs/{path.stem}\n\n```text\n{path.read_text(encoding="utf-8").strip()}\n```\n'
    return text


def code(text: str) -> str:
    """Text as code."""
    return f'`{text}`' if text else '`""`'


def page() -> str:
    """The whole page."""
    nodes = describe_nodes()
    parts = [launch_files(), commands(), parameters(nodes), graph(nodes), messages()]
    return re.sub(r'[ \t]+\n', '\n', HEAD + '\n'.join(parts))


def main() -> int:
    """Write or check the page."""
    return write_or_check(__doc__ or '', PAGE, page)


if __name__ == '__main__':
    sys.exit(main())
