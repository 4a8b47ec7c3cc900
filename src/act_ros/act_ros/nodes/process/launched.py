# SPDX-License-Identifier: Apache-2.0
"""A launch file that another program runs and watches, such as the demo and the benchmarks."""

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
    file: str, *arguments: str, output: IO[Any] | int = sys.stderr
) -> Iterator[subprocess.Popen[bytes]]:
    """`ros2 launch act_ros FILE ARGUMENTS`, which is printed; at the end it is told to end as by Ctrl+C.

    What does not end within `PATIENCE_S` is killed, with the nodes that it started.

    Args:
        file: name of the launch file.
        arguments: `name:=value`, for the launch file.
        output: takes what the nodes write; `subprocess.PIPE` gives it as `stdout` of the process.
    """
    command = ['ros2', 'launch', 'act_ros', file, *arguments]
    sys.stdout.write(' '.join(command) + '\n')
    sys.stdout.flush()
    process = subprocess.Popen(
        command,
        stdout=output,
        stderr=None if output == subprocess.PIPE else output,
        start_new_session=True,
    )
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
