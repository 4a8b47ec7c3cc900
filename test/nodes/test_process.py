# SPDX-License-Identifier: Apache-2.0
"""How a process of nodes hears that it is to end."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, signal, sys, threading
from act_ros.nodes.process.run import stop_at_signals

class Interrupted(threading.Condition):
    '''The condition inside an event, interrupted by Ctrl+C at the worst moment: while its lock is held.'''

    def wait(self, timeout=None):
        os.kill(os.getpid(), signal.SIGINT)
        return super().wait(timeout)

stop = threading.Event()
stop._cond = Interrupted(threading.Lock())
stop_at_signals(stop)
sys.exit(0 if stop.wait(20.0) else 1)
"""


def test_ctrl_c_in_the_midst_of_waiting_for_it_ends_the_process():
    assert subprocess.run([sys.executable, '-c', PROGRAM], timeout=90).returncode == 0
