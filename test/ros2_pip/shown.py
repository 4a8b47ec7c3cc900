# SPDX-License-Identifier: Apache-2.0
"""What the program 'show' of the tests was given by a launch."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import yaml

Launched = Callable[..., 'subprocess.CompletedProcess[str]']


def words(done: subprocess.CompletedProcess[str], number: int = 1) -> list[str]:
    """Return the arguments of the program 'show' that was launched as the ``number``-th process."""
    found = re.findall(rf'^\[show-{number}\] arg (.*)$', done.stdout, re.M)
    assert found, done.stdout
    return found


def files(done: subprocess.CompletedProcess[str], number: int = 1) -> list[dict[str, object]]:
    """Return the files of parameters it was given."""
    texts = re.findall(rf'^\[show-{number}\] file (.*)$', done.stdout, re.M)
    return [
        yaml.safe_load(text.replace(';', '\n').replace('!!python/tuple', '')) for text in texts
    ]
