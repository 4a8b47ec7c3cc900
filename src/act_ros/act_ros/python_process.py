# SPDX-License-Identifier: Apache-2.0
"""Python processes of this package: what they import is Python's and ours, whatever lies in the working folder."""

from __future__ import annotations

import sys
from pathlib import Path

_BOOT = Path(__file__).parent / 'boot' / 'run_module.py'


def python_command(module: str, *arguments: object) -> list[str]:
    """The command line that runs a module with this interpreter; see `boot/run_module.py`."""
    return [sys.executable, str(_BOOT), module, *map(str, arguments)]
