# SPDX-License-Identifier: Apache-2.0
"""Times: of messages, in seconds, and of the steady clock."""

from __future__ import annotations

import time

from builtin_interfaces.msg import Time

FUTURE_S, SIM_FUTURE_S = 0.1, 1.0
"""So far ahead of the clock may a stamp be. In simulation stamps and /clock are of one clock, and where the machine is
busy /clock may come after a message of its time; only a stamp from before a restart lies far ahead."""


def seconds(stamp: Time) -> float:
    """A message's time in seconds."""
    return float(stamp.sec + stamp.nanosec * 1e-9)


def stamp_of(stamp_ns: int) -> Time:
    """A time in nanoseconds as a message."""
    return Time(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)


def ahead(stamp_s: float, now_s: float | None, most_s: float) -> str:
    """Why a message of this time cannot be of now: it is more than `most_s` ahead of the clock; or ''."""
    if now_s is None or stamp_s - now_s <= most_s:
        return ''
    return (
        f'stamp is {stamp_s - now_s:.2f} s ahead of our clock; synchronise the clocks '
        f'of the two machines, or use_sim_time on both'
    )


def steady() -> float:
    """The steady clock, in seconds."""
    return time.monotonic()


def boot_s() -> float:
    """The steady clock, in seconds, which goes on while the computer is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
