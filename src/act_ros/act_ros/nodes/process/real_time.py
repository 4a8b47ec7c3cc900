# SPDX-License-Identifier: Apache-2.0
"""Real-time priority for the processes that command arms, where the system lets them have it."""

from __future__ import annotations

import os

REFUSED = (
    'no real-time priority: when the machine is busy, commands will come unevenly; '
    'docs/install.md says under "Even commands on a busy computer" how to allow it'
)


def may_take_real_time() -> bool:
    """Whether the system would allow it; this thread keeps the priority that it has."""
    policy, present = os.sched_getscheduler(0), os.sched_getparam(0)
    allowed = take_real_time()
    os.sched_setscheduler(0, policy, present)
    return allowed


def take_real_time() -> bool:
    """Put this thread, and all threads it starts from now on, ahead of every ordinary one.

    All of the process and not the control thread alone: that one needs the interpreter's lock, and who
    holds the lock must not wait for the processor. Round robin at the lowest real-time priority; the
    kernel keeps a share (5 %) of each processor for ordinary threads whatever happens.

    Returns:
        Whether the system has allowed it (root, CAP_SYS_NICE or an `rtprio` limit).
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError:
        return False
    return True
