# SPDX-License-Identifier: Apache-2.0
"""
The ``ros2`` command: finds the command and its verb, and imports no more than these need.

A verb is a pair of functions: one adds its arguments to a parser, the other takes the parsed ones.
What the second returns is the exit code; text is printed to the error output, and the code is 1.
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
from typing import Any


@dataclass(frozen=True)
class Verb:
    """What can be asked of a command, or a command that has no verbs."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    main: Callable[[argparse.Namespace], Any]


# One line each; module `commands.NAME` has VERBS (a mapping) or COMMAND (a verb).
COMMANDS = {
    'action': 'Various action related sub-commands',
    'interface': 'Show information about ROS interfaces',
    'launch': 'Run a launch file',
    'lifecycle': 'Various lifecycle related sub-commands',
    'node': 'Various node related sub-commands',
    'param': 'Various param related sub-commands',
    'pkg': 'Various package related sub-commands',
    'run': 'Run a package specific executable',
    'service': 'Various service related sub-commands',
    'topic': 'Various topic related sub-commands',
}


def missing(what: str) -> str:
    """Return the line for a command or verb that this stand-in lacks."""
    return f"ros2 (ros2_pip): '{what}' is not in this stand-in; install ROS 2's own ros2cli"


def _chosen(
    prog: str,
    description: str,
    choices: Mapping[str, str],
    argv: Sequence[str],
) -> tuple[str | None, list[str]]:
    """Split ``argv`` into the command and its own words; exits where help is asked for."""
    width = max(len(name) for name in choices)
    listed = '\n'.join(f'  {name.ljust(width)}  {text}' for name, text in choices.items())
    parser = argparse.ArgumentParser(
        prog=prog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=f'{description}\n\nCommands:\n{listed}\n\n'
        f'  Call `{prog} <command> -h` for more detailed usage.',
    )
    parser.add_argument('command', nargs='?', help=argparse.SUPPRESS)
    # Not argparse's subparsers: they would need every command's module.
    parser.add_argument('argv', nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help()
    elif args.command not in choices:
        what = f'{prog} {args.command}'.removeprefix('ros2 ')
        parser.error(
            f"invalid choice: '{args.command}' (choose from {', '.join(choices)})\n"
            + missing(what)
        )
    return args.command, args.argv


def _run(prog: str, verb: Verb, argv: Sequence[str]) -> Any:
    parser = argparse.ArgumentParser(prog=prog, description=verb.help)
    verb.add_arguments(parser)
    return verb.main(parser.parse_args(argv))


def _dispatch(argv: Sequence[str]) -> Any:
    command, argv = _chosen(
        'ros2',
        "A stand-in (ros2_pip) for ROS 2's command-line tool, with a part of its commands.",
        COMMANDS,
        argv,
    )
    if command is None:
        return 0
    module = importlib.import_module(f'.commands.{command}', __package__)
    prog = f'ros2 {command}'
    if hasattr(module, 'COMMAND'):
        return _run(prog, module.COMMAND, argv)
    verbs: Mapping[str, Verb] = module.VERBS
    helps = {name: verb.help for name, verb in verbs.items()}
    name, argv = _chosen(prog, COMMANDS[command], helps, argv)
    return 0 if name is None else _run(f'{prog} {name}', verbs[name], argv)


def use_own_prefix() -> None:
    """Look for packages where ROS 2 came to from PyPI if nothing says where they are."""
    if not os.environ.get('AMENT_PREFIX_PATH') and Path(sys.prefix, 'share/ament_index').is_dir():
        os.environ['AMENT_PREFIX_PATH'] = sys.prefix


def main(argv: Sequence[str] | None = None) -> Any:
    """
    Run the command line.

    :returns: the exit code, or text for the error output, as ``sys.exit`` takes them
    """
    words = list(sys.argv[1:] if argv is None else argv)
    use_own_prefix()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        return _dispatch(words)
    except KeyboardInterrupt:
        return int(signal.SIGINT)
    except BrokenPipeError:
        # `ros2 topic list | head`: whoever read has gone. Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (RuntimeError, ValueError) as error:  # ValueError: rclpy's, of names that cannot be
        return str(error)
    except Exception as error:
        if type(error).__module__.startswith('yaml.'):
            return f'This is not YAML: {error}'
        if type(error).__name__ != 'ExternalShutdownException':
            raise
        return 128 + int(signal.SIGTERM)  # SIGTERM, taken by rclpy
