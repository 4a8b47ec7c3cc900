# SPDX-License-Identifier: Apache-2.0
"""A launch file that runs for as long as a benchmark needs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

PATIENCE_S = 30.0


@contextmanager
def launched(
    file: str, *arguments: str, stdout: IO[Any] | int = sys.stderr
) -> Iterator[subprocess.Popen[bytes]]:
    """`ros2 launch act_ros FILE ARGUMENTS`; at the end it is told to end as by Ctrl+C, and waited for."""
    command = ['ros2', 'launch', 'act_ros', file, *arguments]
    print(' '.join(command), flush=True)
    process = subprocess.Popen(command, stdout=stdout, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
