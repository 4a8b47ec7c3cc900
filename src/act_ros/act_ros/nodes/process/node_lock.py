# SPDX-License-Identifier: Apache-2.0
"""Names that processes of this suite hold on this machine while they live, and whether such a process answers."""

from __future__ import annotations

import os
import socket
import threading


def node_lock_address(node: str) -> str:
    """The address of the socket that holds a node's full name in this ROS domain.

    It is an abstract one: no file is left behind, however the process ends.
    """
    domain = (os.environ.get('ROS_DOMAIN_ID') or '0').strip()
    return f'\0act_ros {domain} {node}'


def alive(node: str) -> bool:
    """Whether a process of this suite on this machine holds the name `node` in this ROS domain."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(node_lock_address(node))
        except OSError:
            return False
        return True


def answers(node: str, timeout_s: float) -> bool:
    """Whether the process that holds the name `node` runs: one that was stopped, or hangs as a whole, is silent."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        probe.settimeout(timeout_s)
        try:
            probe.bind('')  # Linux finds a name, for the answer
            probe.connect(node_lock_address(node))
            probe.send(b'?')
            probe.recv(1)
        except OSError:
            return False
        return True


def answer_for(lock: socket.socket) -> None:
    """Answer who asks whether this process runs, from a thread of its own."""

    def answer() -> None:
        while True:
            try:
                _, who = lock.recvfrom(1)
                if who:
                    lock.sendto(b'!', socket.MSG_DONTWAIT, who)
            except (BlockingIOError, ConnectionError, FileNotFoundError):
                continue  # who asked is gone
            except OSError:
                return

    threading.Thread(target=answer, name='lock', daemon=True).start()
