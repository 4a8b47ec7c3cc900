# SPDX-License-Identifier: Apache-2.0
"""What a test run has started ends with it, however the run ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import lifeline
import pytest

# Beside what ends when it is asked: one in a session of its own, which asks for more than SIGTERM.
RUN = """
import subprocess, sys
sys.path.insert(0, sys.argv[1])
import lifeline
lifeline.hold()
subprocess.Popen(['sleep', '600'])
subprocess.Popen(['sh', '-c', 'trap "" TERM; sleep 600 & wait; wait'], start_new_session=True)
print(lifeline.os.environ[lifeline.MARK], flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM, None])
def test_what_a_test_run_started_ends_with_it(number: signal.Signals | None) -> None:
    with subprocess.Popen(
        [sys.executable, '-c', RUN, str(Path(lifeline.__file__).parent)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        assert run.stdout is not None
        mark = run.stdout.readline().strip()
        assert len(lifeline.bearers(mark)) >= 3
        if number is not None:
            os.kill(run.pid, number)
    end = time.monotonic() + 4 * lifeline.GRACE_S
    while lifeline.bearers(mark):
        assert time.monotonic() < end, f'still there: {lifeline.bearers(mark)}'
        time.sleep(lifeline.POLL_S)


def test_this_test_run_is_held_too() -> None:
    with subprocess.Popen(['sleep', '600']) as child:
        try:
            assert child.pid in lifeline.bearers(os.environ[lifeline.MARK])
        finally:
            child.kill()
