# SPDX-License-Identifier: Apache-2.0
"""
The command line: a command, its verb if it has any, and their arguments.

Only the module of the command is imported. What a verb returns is an exit code, or text: that is
written to the error output, and the exit code is 1, as `sys.exit` has it.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn


@dataclass(frozen=True)
class Verb:
    """What can be done with a command; of a command without verbs, all of it."""

    help: str
    arguments: Callable[[argparse.ArgumentParser], Any]
    main: Callable[[argparse.Namespace], Any]


# Each is a module in `commands`, which has VERBS by name, or one COMMAND.
COMMANDS = {
    'launch': 'Launch a launch file',
    'lifecycle': 'Show and change the states of managed nodes',
    'node': 'List nodes and show what they have',
    'param': 'Show and change parameters of nodes',
    'pkg': 'List packages and what is in them',
    'run': 'Run an executable of a package',
    'service': 'List services and call them',
    'topic': 'List topics, listen to them, publish',
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        if message.startswith('unrecognized'):
            message += "\nros2 (ros2_pip): a stand-in; more of this is in ROS 2's own ros2cli"
        super().error(message)


def _choose(
    prog: str, description: str, choices: Mapping[str, str], words: Sequence[str]
) -> tuple[str | None, list[str]]:
    """Return the chosen command and the words behind it; None where the answer is the help."""
    width = max(map(len, choices))
    listed = '\n'.join(f'  {name:{width}}  {text}' for name, text in choices.items())
    parser = _Parser(
        prog=prog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=f'{description}\n\n{listed}\n\nEach of them has its own --help.',
    )
    parser.add_argument('command', nargs='?', help=argparse.SUPPRESS)
    # argparse's own way to have commands would need the arguments of all of them.
    parser.add_argument('words', nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    args = parser.parse_args(words)
    if args.command is None:
        parser.print_help()
    elif args.command not in choices:
        what = f'{prog} {args.command}'.removeprefix('ros2 ')
        parser.error(
            f"there is no '{args.command}', only {', '.join(choices)}\n"
            f"ros2 (ros2_pip): '{what}' is not in this stand-in; install ROS 2's own ros2cli"
        )
    return args.command, args.words


def _dispatch(words: Sequence[str]) -> Any:
    about = "A stand-in (ros2_pip) for ROS 2's command line, with a part of its commands."
    command, words = _choose('ros2', about, COMMANDS, words)
    if command is None:
        return 0
    prog = f'ros2 {command}'
    module = importlib.import_module(f'.commands.{command}', __package__)
    verb: Verb | None = getattr(module, 'COMMAND', None)
    if verb is None:
        helps = {name: one.help for name, one in module.VERBS.items()}
        name, words = _choose(prog, COMMANDS[command], helps, words)
        if name is None:
            return 0
        prog, verb = f'{prog} {name}', module.VERBS[name]
    parser = _Parser(prog=prog, description=verb.help)
    verb.arguments(parser)
    return verb.main(parser.parse_args(words))


def main(argv: Sequence[str] | None = None) -> Any:
    """Do what a command line says; return what `sys.exit` takes: an exit code, or text."""
    if not os.environ.get('AMENT_PREFIX_PATH') and Path(sys.prefix, 'share/ament_index').is_dir():
        os.environ['AMENT_PREFIX_PATH'] = sys.prefix  # where PyPI's ROS 2 is
    # Lines at once, and those that the terminal cannot show as well as it can.
    sys.stdout.reconfigure(line_buffering=True, errors='replace')  # type: ignore[union-attr]
    try:
        return _dispatch(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        return int(signal.SIGINT)
    except BrokenPipeError:
        # As in `ros2 topic list | head`. At its end Python would try to write once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (RuntimeError, ValueError) as error:  # ValueError: a name that rclpy does not allow
        return str(error)
    except Exception as error:
        if type(error).__module__.startswith('yaml.'):
            return f'This is not YAML: {error}'
        raise
