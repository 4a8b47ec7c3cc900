# SPDX-License-Identifier: Apache-2.0
"""What the tests know of their node, and of a command that they ran."""

from __future__ import annotations

import threading
from typing import NamedTuple


class Talker(NamedTuple):
    """The node of the tests, and what it has written."""

    lines: list[str]
    news: threading.Condition


class Done(NamedTuple):
    """What a command has come to."""

    code: int
    out: str
    err: str
