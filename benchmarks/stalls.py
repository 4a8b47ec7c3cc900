#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""When the machine itself stood still: on each processor a process of high real-time priority that only sleeps.

It is woken 500 times a second, before everything else on its processor. Where even it comes late,
no program ran there: the hypervisor or a limit on processor time has taken the processor away.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from types import TracebackType

import numpy as np

SLEEP_S = 0.002
LATE_S = 0.005
PRIORITY = 50

Stall = tuple[int, int]
"""Begin and end, in ns of the system's clock."""


class Stalls:
    """Watches all processors while it is entered; `known` is False where the system doesn't allow it."""

    def __init__(self) -> None:
        """Prepare; nothing runs before it is entered."""
        self._processes: list[subprocess.Popen[bytes]] = []
        self.by_processor: list[list[Stall]] = []
        self.known = False

    def __enter__(self) -> Stalls:
        """Begin to watch."""
        for processor in sorted(os.sched_getaffinity(0)):
            command = [sys.executable, __file__, str(processor)]
            self._processes.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the watching, if `end` has not."""
        self.end()

    def end(self) -> None:
        """Stop watching, and take in what was seen."""
        if not self._processes:
            return
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        said = [process.communicate()[0] for process in self._processes]
        self.known = all(process.returncode == 0 for process in self._processes)
        self.by_processor = [json.loads(text) for text in said if text]
        self._processes = []

    @property
    def longest_ms(self) -> float:
        """The longest that a processor stood still."""
        both = [end - begin for stalls in self.by_processor for begin, end in stalls]
        return max(both, default=0) * 1e-6

    def within(self, begin_ns: int, end_ns: int) -> int:
        """For how many ns of an interval a processor stood still: the one that did so for longest."""
        return max((overlap(stalls, begin_ns, end_ns) for stalls in self.by_processor), default=0)


def less_stalls(stalls: Stalls, stamps_ns: np.ndarray) -> np.ndarray:
    """The periods between stamps in ms, without the time for which the machine stood still in each."""
    pairs = pairwise(stamps_ns)
    return np.array([end - begin - stalls.within(begin, end) for begin, end in pairs]) * 1e-6


def overlap(stalls: Sequence[Stall], begin_ns: int, end_ns: int) -> int:
    """How much of an interval the stalls cover, in ns."""
    return sum(max(min(end, end_ns) - max(begin, begin_ns), 0) for begin, end in stalls)


def watch(processor: int) -> int:
    """Sleep again and again on one processor until SIGTERM; then print when that took too long."""
    stalls: list[Stall] = []
    on = True

    def stop(*_: object) -> None:
        nonlocal on
        on = False

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.sched_setaffinity(0, {processor})
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except OSError:
        return 1
    last = time.time_ns()
    while on:
        time.sleep(SLEEP_S)
        now = time.time_ns()
        if now - last > (SLEEP_S + LATE_S) * 1e9:
            stalls.append((last + int(SLEEP_S * 1e9), now))
        last = now
    print(json.dumps(stalls))
    return 0


if __name__ == '__main__':
    sys.exit(watch(int(sys.argv[1])))
