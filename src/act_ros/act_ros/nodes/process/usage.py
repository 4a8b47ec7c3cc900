# SPDX-License-Identifier: Apache-2.0
"""What a program of nodes says of itself: `--help` and `--version` never start it, and so never move an arm."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Protocol

from act_ros.text import shown
from act_ros.version import own_version

WIDTH = 100


class ParameterRow(Protocol):
    """What is told of a parameter; `act_ros.nodes.shared.parameters.Param` is one."""

    @property
    def name(self) -> str:
        """As it is set."""

    @property
    def default(self) -> object:
        """Its value if nobody gives one."""

    @property
    def description(self) -> str:
        """What it is for."""

    @property
    def choices(self) -> tuple[str, ...]:
        """All that a text may be; empty: anything."""


def answered(about: str, table: Sequence[ParameterRow] = (), takes: str = '') -> int | None:
    """Answer `--help`, `-h`, `--version` and what is no argument of this program.

    Args:
        about: what the program does: its module's own words.
        table: its parameters.
        takes: its arguments as the usage line shows them; '': none of its own.

    Returns:
        The exit status of a program that has answered and is to end; None: it is to run.
    """
    name = Path(sys.argv[0]).stem
    asked = _own_words(sys.argv[1:])
    if '--help' in asked or '-h' in asked:
        sys.stdout.write(usage(name, about, table, takes))
        return 0
    if '--version' in asked:
        sys.stdout.write(f'{name} of act_ros {own_version()}\n')
        return 0
    unknown = [word for word in asked if word.startswith('-') or not takes]
    if unknown:
        sys.stderr.write(
            f'{name}: {shown(unknown[0])} is no argument of it; parameters are given as '
            f'--ros-args -p NAME:=VALUE, and --help names them\n'
        )
        return 2
    return None


def _own_words(words: Sequence[str]) -> list[str]:
    """Those that are neither ROS's (from --ros-args to --) nor, after a -- alone, another program's."""
    own, ros = [], False
    for word in words:
        if word == '--ros-args':
            ros = True
        elif word == '--' and not ros:
            break
        elif word == '--':
            ros = False
        elif not ros:
            own.append(word)
    return own


def usage(name: str, about: str, table: Sequence[ParameterRow], takes: str) -> str:
    """The text of `--help`."""
    options = takes or '[--ros-args -p NAME:=VALUE ... -r OLD:=NEW ...]'
    text = f'usage: {name} [-h] [--version] {options}\n\n{about.strip()}\n'
    if table:
        text += '\nparameters:\n'
    for row in table:
        choices = f' One of: {", ".join(row.choices)}.' if row.choices else ''
        text += f'  {row.name} (default: {json.dumps(row.default)})\n'
        said = f'{row.description}{choices}'
        text += fill(said, WIDTH, initial_indent=' ' * 6, subsequent_indent=' ' * 6) + '\n'
    return text
