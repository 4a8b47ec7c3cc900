# SPDX-License-Identifier: Apache-2.0
"""Python processes of this package: what they import is Python's and ours, whatever lies in the working folder."""

from __future__ import annotations

import os
import sys
import threading
import time
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
