# SPDX-License-Identifier: Apache-2.0
"""`ros2 run`."""

from __future__ import annotations

import argparse
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence

from ..cli import Verb
from ..packages import executables

_PASSED_ON = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_SI_KERNEL = 0x80  # of <asm-generic/siginfo.h>


def _arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add('--prefix', default='', help="Words in front of the executable, such as 'gdb --args'")
    add('package_name', help='The package')
    add('executable_name', nargs='?', help='The executable; without it, all are listed')
    add('argv', nargs=argparse.REMAINDER, help='What the executable is given')


def _main(args: argparse.Namespace) -> int:
    package, name = args.package_name, args.executable_name
    paths = executables(package)
    found = [path for path in paths if path.name == name]
    if len(found) != 1:
        listed = '\n'.join(f'  {path.name}' for path in paths) or '  nothing'
        wrong = 'several executables' if found else 'no executable'
        what = f"{package} has {wrong} '{name}'; " if name is not None else ''
        print(f'{what}what can be run of {package}:\n{listed}', file=sys.stderr)
        return 1 if name is not None else 2
    code = _run([*shlex.split(args.prefix), str(found[0]), *args.argv])
    if code < 0:
        print('[ros2run]:', signal.strsignal(-code))
    elif code > 0:
        print(f'[ros2run]: Process exited with failure {code}')
    return code


def _run(command: Sequence[str]) -> int:
    """
    Run a command to its end, and pass on the signals that mean it.

    It is in this process group: it has the terminal, and its Ctrl+C and hang-up. Those come from
    the kernel, and not a second time from here.
    """
    waited_for = _PASSED_ON | {signal.SIGCHLD}
    # Blocked before it starts, so that none is lost, and not blocked in it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)

    def unblock() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    process = subprocess.Popen(command, preexec_fn=unblock)
    while process.poll() is None:
        came = signal.sigwaitinfo(waited_for)
        if came.si_signo in _PASSED_ON and came.si_code != _SI_KERNEL:
            process.send_signal(came.si_signo)
    unblock()
    return process.returncode


COMMAND = Verb('Run an executable of a package', _arguments, _main)
