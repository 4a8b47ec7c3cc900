# SPDX-License-Identifier: Apache-2.0
"""What is asked of a node and cannot be done now, and the answer of a service to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from act_ros.text import PrintableError


class Refused(PrintableError):
    """It is not done; the message says why, and what to do."""


def answer(response: Any, act: Callable[[], object], done: Callable[[], str]) -> Any:
    """The `response` of a service (`success`, `message`) to what `act` does, or refuses; `done` says what came of it."""
    try:
        act()
    except Refused as error:
        response.success, response.message = False, str(error)
    else:
        response.success, response.message = True, done()
    return response
