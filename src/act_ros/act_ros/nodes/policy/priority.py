# SPDX-License-Identifier: Apache-2.0
"""What of the processor the inference process gets: it goes behind all others, or with the loop that waits for it."""

from __future__ import annotations

import os

from act_ros.control.inference_mode import InferenceMode
from act_ros.python_process import schedule

BEHIND = 10
"""How much nicer than this process inference is beside the loop: cameras, drivers and the recorder go first."""


def prioritize(pid: int | None, mode: InferenceMode) -> None:
    """Place a process.

    Where ticks wait for it, it is no nicer than this process; and where it is also quick, it has the scheduling of the
    calling thread, real-time as a rule: a slow one would take the processor away from the cameras. Where the system
    does not allow that, the node has said at its start that it has no real-time priority.
    """
    policy, priority = os.SCHED_OTHER, 0
    if mode.sync and mode.fast_enough:
        policy, priority = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
    nice = os.getpriority(os.PRIO_PROCESS, 0) + (0 if mode.sync else BEHIND)
    if pid is not None:
        schedule(pid, policy, priority, min(nice, 19))
