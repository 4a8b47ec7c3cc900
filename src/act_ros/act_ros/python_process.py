# SPDX-License-Identifier: Apache-2.0
"""Python processes of this package: what they import is Python's and ours, whatever lies in the working folder."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_BOOT = _PACKAGE / 'boot' / 'run_module.py'


def python_command(module: str, *arguments: object) -> list[str]:
    """The command line that runs a module with this interpreter; see `boot/run_module.py`."""
    return [sys.executable, str(_BOOT), module, *map(str, arguments)]


def child_environment() -> dict[str, str]:
    """This process's environment, with this very package first on the path."""
    path = (str(_PACKAGE.parent), os.environ.get('PYTHONPATH', ''))
    return {**os.environ, 'PYTHONPATH': os.pathsep.join(p for p in path if p)}


def die_with(caller: int) -> None:
    """End this process when its parent, process `caller`, has ended, however that came.

    A closed socket says so too, but not to a process that is busy loading. PR_SET_PDEATHSIG would end
    it when the parent's *thread* that started it ends, and a policy is loaded from a passing thread.
    """

    def watch() -> None:
        while os.getppid() == caller:
            time.sleep(0.5)
        os._exit(0)

    threading.Thread(target=watch, name='parent watch', daemon=True).start()


def schedule(pid: int, policy: int, priority: int, nice: int) -> None:
    """Give every thread of a process a place, also those that an engine has made: each has its own.

    What the system does not allow stays as it is, and a process that is gone needs no place.

    Args:
        pid: of the process.
        policy: as `os.sched_setscheduler` has it.
        priority: of a real-time policy; else 0.
        nice: -20 to 19.
    """
    threads: list[int] = []
    with suppress(OSError):
        threads = [int(thread.name) for thread in Path(f'/proc/{pid}/task').iterdir()]
    for thread in threads:
        with suppress(ProcessLookupError, PermissionError):
            os.sched_setscheduler(thread, policy, os.sched_param(priority))
        with suppress(ProcessLookupError, PermissionError):
            os.setpriority(os.PRIO_PROCESS, thread, nice)
