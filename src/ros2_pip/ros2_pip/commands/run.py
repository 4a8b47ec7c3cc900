# SPDX-License-Identifier: Apache-2.0
"""``ros2 run``: run a program of a package."""

from __future__ import annotations

import argparse
import shlex
import signal
import subprocess
from typing import Any

from ..cli import Verb
from ..packages import executables


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--prefix',
        help='Prefix command, which should go before the executable; in quotes if it '
        "contains spaces (e.g. --prefix 'gdb -ex run --args')",
    )
    parser.add_argument('package_name', help='Name of the ROS package')
    parser.add_argument('executable_name', help='Name of the executable')
    parser.add_argument(
        'argv', nargs=argparse.REMAINDER, help='Pass arbitrary arguments to the executable'
    )


def _main(args: argparse.Namespace) -> Any:
    paths = [path for path in executables(args.package_name) if path.name == args.executable_name]
    if not paths:
        return 'No executable found'
    if len(paths) > 1:
        raise RuntimeError(
            'Multiple executables found:' + ''.join(f'\n- {path}' for path in paths)
        )
    process = subprocess.Popen([*shlex.split(args.prefix or ''), str(paths[0]), *args.argv])
    while process.returncode is None:
        try:
            process.wait()
        except KeyboardInterrupt:
            continue  # Ctrl+C has reached the program too: it ends in its own way
    code = process.returncode
    if code < 0:
        print('[ros2run]:', signal.strsignal(-code))
    elif code > 0:
        print('[ros2run]:', f'Process exited with failure {code}')
    return code


COMMAND = Verb('Run a package specific executable', _add_arguments, _main)
