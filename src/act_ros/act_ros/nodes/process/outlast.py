# SPDX-License-Identifier: Apache-2.0
"""`outlast NODE -- COMMAND`: a program that gets Ctrl+C only after NODE has ended.

A terminal sends its Ctrl+C to all that a launch has started, and the library below Interbotix's drivers
takes the torque of all motors when it ends. So the drivers of a session have to outlast the session, which
brings the arms to rest first. A node of this suite holds its name as long as its process lives
(`act_ros.nodes.process.run`). SIGTERM, which launch sends to what doesn't end, ends the program at once. The end of
the terminal (SIGHUP) is a Ctrl+C. Launch has patience without end: what hangs at its end is ended here.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from types import FrameType

from act_ros.nodes.process.ending import ENDINGS
from act_ros.nodes.process.node_lock import alive
from act_ros.nodes.process.usage import answered

POLL_S = 0.1
PATIENCE_S = 20.0
"""A program that was told to end has so long; then it is told more firmly."""


def main() -> int:
    """Run the command in a session of its own; returns its exit code."""
    status = answered(__doc__ or '', takes='NODE -- COMMAND ...')
    if status is not None:
        return status
    if len(sys.argv) < 4 or sys.argv[2] != '--':
        sys.stderr.write('usage: outlast NODE -- COMMAND ...\n')
        return 2
    node, command = sys.argv[1], sys.argv[3:]
    got: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        got.append(number)

    for number in ENDINGS:
        signal.signal(number, note)
    # The terminal's Ctrl+C goes to its group of processes: this one is in another.
    child = subprocess.Popen(command, start_new_session=True)
    steps = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
    due = 0.0
    while child.poll() is None:
        at_once = signal.SIGTERM in got
        if at_once and signal.SIGTERM in steps:
            del steps[: steps.index(signal.SIGTERM)]
            due = 0.0
        if got and steps and time.monotonic() >= due and (at_once or not alive(node)):
            child.send_signal(steps.pop(0))
            due = time.monotonic() + PATIENCE_S
        time.sleep(POLL_S)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


if __name__ == '__main__':
    sys.exit(main())
