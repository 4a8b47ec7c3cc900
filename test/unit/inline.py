# SPDX-License-Identifier: Apache-2.0
"""Child processes stood in for by this one: starting them takes most of the time of a small test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from act_ros.data.child_processes import ChildError, ItemOutcome


def each(
    function: Callable[[Any], Any], items: Sequence[Any], workers: int, limit_s: float = 0.0
) -> Iterator[Any]:
    """As `act_ros.data.child_processes.each`, for items that harm no process."""
    for item in items:
        try:
            yield ItemOutcome(item, function(item), None)
        except Exception as error:
            yield ItemOutcome(item, None, ChildError(' '.join(str(error).split())))
