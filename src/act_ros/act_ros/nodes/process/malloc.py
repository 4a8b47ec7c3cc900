# SPDX-License-Identifier: Apache-2.0
"""Memory for images is kept between them, so that taking one in costs no page faults."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_… of malloc.h
_KEPT = 256 * 1024**2
_LARGEST = 32 * 1024**2  # the most that glibc takes for this


def keep_memory() -> bool:
    """Let malloc reuse large blocks instead of giving each back to the system and asking anew.

    rclpy makes three copies of an image as it takes it in, and holds the interpreter's lock meanwhile. Of
    480x640 pixels they are 640 pages, which the system zeroes one by one each time: 2 ms and now and then
    8 ms in which the control loop cannot run, instead of 0.4 ms and now and then 0.7.

    Returns:
        Whether this C library can do it (glibc).
    """
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    return mallopt is not None and bool(
        mallopt(_MMAP_THRESHOLD, _LARGEST) and mallopt(_TRIM_THRESHOLD, _KEPT)
    )
