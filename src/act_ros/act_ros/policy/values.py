# SPDX-License-Identifier: Apache-2.0
"""What a value out of a configuration is: a name, a run of seeds, a number."""

from __future__ import annotations

import math


def is_name(value: object) -> bool:
    """Whether it can name a camera or a task."""
    return isinstance(value, str) and 0 < len(value) <= 100 and value.isprintable()


def is_run(value: object) -> bool:
    """Whether it is a pair (first, last) of seeds."""
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(type(seed) is int for seed in value)
        and 0 <= value[0] <= value[1] < 2**63
    )


def is_number(value: object) -> bool:
    """Whether it is a finite number. Whole ones may be longer than a float can hold."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) < 10**300 and math.isfinite(value)
