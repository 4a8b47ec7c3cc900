# SPDX-License-Identifier: Apache-2.0
"""The inference process ends with who started it, is missed where it was killed, and is ended where it hangs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from inference_worker import ENVIRONMENT, observation, wait_for

from act_ros.policy.engines.choice import REFERENCE
from act_ros.policy.folder import read_config
from act_ros.policy.inference import worker_process
from act_ros.policy.inference.channel import Caller, Job
from act_ros.policy.inference.worker import InferenceWorker
from synthetic import write_policy


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('policy')
    write_policy(folder)
    return folder


def test_a_caller_that_dies_while_a_policy_is_loaded_leaves_no_traceback(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = subprocess.Popen(['true'])
    gone.wait()
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    monkeypatch.setattr(
        worker_process, 'die_with', lambda caller: None
    )  # it comes a moment too late
    with mine, Path(os.devnull).open() as memory:
        job = Job(checkpoint, read_config(checkpoint).to_json(), 1, REFERENCE)
        Caller(mine).tell(job, memory.fileno())
        assert worker_process.main([str(gone.pid), str(theirs.detach()), 'torch']) == 0


def test_a_killed_process_is_seen(checkpoint: Path) -> None:
    worker = InferenceWorker(checkpoint)
    worker.start()
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    wait_for(lambda: worker.error)
    assert 'SIGKILL' in (worker.error or '') and not worker.ready
    worker.submit(0, observation())
    worker.close()
    worker.close()


def gone(pid: int) -> bool:
    try:
        return Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0] == 'Z'
    except FileNotFoundError:
        return True


def test_the_process_dies_with_its_parent(checkpoint: Path) -> None:
    code = (
        'import time; from pathlib import Path; from act_ros.policy.inference.worker import InferenceWorker; '
        f'w = InferenceWorker(Path({str(checkpoint)!r})); w.start(); print(w.pid, flush=True); time.sleep(600)'
    )
    with subprocess.Popen(
        [sys.executable, '-c', code], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        parent.kill()
    wait_for(lambda: gone(pid))


def test_close_ends_the_process_even_one_that_hangs(checkpoint: Path) -> None:
    worker = InferenceWorker(checkpoint)
    worker.start()
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGSTOP)
    worker.close(timeout_s=0.1)
    assert gone(worker.pid)
