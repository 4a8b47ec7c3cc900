# SPDX-License-Identifier: Apache-2.0
"""Notices that the thread that commands the arms hangs: from outside, by the steady clock, and it asks nobody."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from rclpy.node import Node

from act_ros.control.gate import Gate
from act_ros.exit_status import HUNG

LOOK_S, LOOKS = 0.1, 20
"""A thread that gives no sign of life for so many looks hangs. Looks that were made are counted, and not seconds: a
process that was stopped as a whole, or a machine that is busy, holds up both threads."""
END_S = 5.0
"""What the process has to end in good order."""


class Watchdog:
    """Shuts the gate and ends the process when `pulse` is not called any more."""

    def __init__(
        self,
        node: Node,
        gate: Gate,
        fail: Callable[[int], object],
        end: Callable[[int], object] = os._exit,
        look_s: float = LOOK_S,
    ) -> None:
        """Watch for `node`; nothing is watched before `start`.

        Args:
            node: in whose name it speaks.
            gate: is shut first of all.
            fail: ends the process in good order, with an exit code.
            end: ends it at once, if it is still there `END_S` later: a thread that hangs may hold what the end needs.
            look_s: seconds between two looks.
        """
        self._node, self._gate, self._fail, self._end = node, gate, fail, end
        self._look_s = look_s
        self._pulses = 0
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name='watchdog', daemon=True)

    def pulse(self) -> None:
        """Give a sign of life; for one thread only."""
        self._pulses += 1

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self) -> None:
        """Stop watching: the thread that was watched is to end."""
        self._closed.set()

    def _run(self) -> None:
        seen, same = -1, 0
        while not self._closed.wait(self._look_s):
            pulses = self._pulses
            seen, same = pulses, (same + 1 if pulses == seen else 0)
            if same >= LOOKS:
                self._hangs(same * self._look_s)
                return

    def _hangs(self, seconds: float) -> None:
        name = self._node.get_fully_qualified_name()
        what = (
            f'{name} HANGS: its control loop has not run for {seconds:.1f} s. Nothing is commanded, the arms hold; '
            'this process ends'
        )
        self._gate.block(what)
        last = threading.Timer(END_S, self._end, [HUNG])
        last.daemon = True
        last.start()
        self._fail(HUNG)
        self._node.get_logger().fatal(what)
