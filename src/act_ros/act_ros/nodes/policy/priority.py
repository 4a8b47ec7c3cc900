# SPDX-License-Identifier: Apache-2.0
"""What of the processor the inference process gets: it goes behind all others, or with the loop that waits for it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from act_ros.control.inference_mode import InferenceMode

BEHIND = 10
"""How much nicer than this process inference is beside the loop: cameras, drivers and the recorder go first."""


def prioritize(pid: int | None, mode: InferenceMode) -> None:
    """Place every thread of a process, also those that an engine has made: each has a priority of its own.

    Where ticks wait for it, it is no nicer than this process; and where it is also quick, it has the scheduling of the
    calling thread, real-time as a rule: a slow one would take the processor away from the cameras. What the system
    does not allow stays as it is: the node has said at its start that it has no real-time priority.
    """
    policy, param = os.SCHED_OTHER, os.sched_param(0)
    if mode.sync and mode.fits:
        policy, param = os.sched_getscheduler(0), os.sched_getparam(0)
    nice = os.getpriority(os.PRIO_PROCESS, 0) + (0 if mode.sync else BEHIND)
    for thread in _threads(pid):
        with suppress(ProcessLookupError, PermissionError):  # gone, or not allowed
            os.sched_setscheduler(thread, policy, param)
        with suppress(ProcessLookupError, PermissionError):
            os.setpriority(os.PRIO_PROCESS, thread, min(nice, 19))


def _threads(pid: int | None) -> list[int]:
    with suppress(OSError):
        return [int(thread.name) for thread in Path(f'/proc/{pid}/task').iterdir()]
    return []
