# SPDX-License-Identifier: Apache-2.0
"""`outlast NODE -- COMMAND`: a program that gets Ctrl+C only after NODE has ended.

A terminal sends its Ctrl+C to all that a launch has started, and the library below Interbotix's drivers
takes the torque of all motors when it ends. So the drivers of a session have to outlast the session, which
brings the arms to rest first. A node of this suite holds its name as long as its process lives
(`act_ros.nodes.process.run`). SIGTERM, which launch sends to what doesn't end, ends the program at once.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from types import FrameType

from act_ros.nodes.process.node_lock import node_lock_address
from act_ros.nodes.process.usage import answered

POLL_S = 0.1


def alive(node: str) -> bool:
    """Whether a process of this suite on this machine holds the name `node` in this ROS domain."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(node_lock_address(node))
        except OSError:
            return False
        return True


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

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
    # The terminal's Ctrl+C goes to its group of processes: this one is in another.
    child = subprocess.Popen(command, start_new_session=True)
    told = 0
    while child.poll() is None:
        wanted = signal.SIGTERM if signal.SIGTERM in got else signal.SIGINT
        if got and told != wanted and (wanted is signal.SIGTERM or not alive(node)):
            child.send_signal(wanted)
            told = wanted
        time.sleep(POLL_S)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


if __name__ == '__main__':
    sys.exit(main())
