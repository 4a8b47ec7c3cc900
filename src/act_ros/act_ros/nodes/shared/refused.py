# SPDX-License-Identifier: Apache-2.0
"""What is asked of a node and cannot be done now, and the answer of a service to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from act_ros.text import PrintableError


class Refused(PrintableError):
    """It is not done; the message says why, and what to do."""


def answer(
    response: Any,
    act: Callable[[], object],
    done: str,
    refusal: type[Exception] = Refused,
) -> Any:
    """The `response` of a service (`success`, `message`) to what `act` does, which is `done` then, or a `refusal`."""
    try:
        act()
    except refusal as error:
        response.success, response.message = False, str(error)
    else:
        response.success, response.message = True, done
    return response
