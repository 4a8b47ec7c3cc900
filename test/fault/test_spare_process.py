# SPDX-License-Identifier: Apache-2.0
"""An inference process that was begun ahead of time: taken where it is of use, and never in the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alive import is_alive
from inference_worker import ENVIRONMENT, observation, wait_for

from act_ros.policy.engines.choice import REFERENCE, EngineChoice
from act_ros.policy.inference.process import Spare
from act_ros.policy.inference.worker import InferenceWorker
from synthetic import write_policy


@pytest.fixture
def spare() -> Iterator[Spare]:
    made = Spare()
    yield made
    made.close()


def begun(spare: Spare) -> int:
    """The number of the process that waits."""
    spare.prepare(1, REFERENCE)
    assert spare.pid is not None
    return spare.pid


def loaded(pid: int, library: str) -> bool:
    return library in Path(f'/proc/{pid}/maps').read_text()


def test_one_that_waits_has_loaded_the_engine_and_then_loads_the_policy(
    spare: Spare, tmp_path: Path
) -> None:
    pid = begun(spare)
    wait_for(lambda: loaded(pid, 'libtorch_cpu'))
    write_policy(tmp_path)
    worker = InferenceWorker(tmp_path, 1, REFERENCE, spare)
    worker.start()
    assert worker.pid == pid and spare.pid is None
    wait_for(lambda: worker.ready or worker.error)
    worker.submit(3, observation())
    wait_for(worker.poll)
    worker.close()
    assert not is_alive(pid)


@pytest.mark.parametrize(
    ('threads', 'choice'), [(2, REFERENCE), (1, EngineChoice('cpu', 'openvino'))]
)
def test_one_that_is_of_no_use_for_what_is_asked_makes_room(
    spare: Spare, threads: int, choice: EngineChoice
) -> None:
    pytest.importorskip('openvino')
    pid = begun(spare)
    taken = spare.take(threads, choice)
    assert taken.pid != pid and taken.status is None and not is_alive(pid)
    taken.close(0.0)


def test_one_that_was_prepared_for_something_else_is_replaced_and_else_kept(spare: Spare) -> None:
    pid = begun(spare)
    assert begun(spare) == pid
    spare.prepare(2, REFERENCE)
    assert spare.pid not in (None, pid) and not is_alive(pid)


def test_one_that_was_killed_is_neither_taken_nor_begun_again_and_again(spare: Spare) -> None:
    pid = begun(spare)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: spare.pid is None)
    spare.prepare(1, REFERENCE)
    assert spare.pid is None
    taken = spare.take(1, REFERENCE)
    assert taken.pid != pid and taken.status is None
    taken.close(0.0)
    assert begun(spare) != pid


def test_what_goes_together_with_nothing_is_said_by_the_process_that_loads_it(
    spare: Spare, tmp_path: Path
) -> None:
    write_policy(tmp_path)
    asked = EngineChoice('cpu', 'torch', 'fp16')
    spare.prepare(1, asked)
    worker = InferenceWorker(tmp_path, 1, asked, spare)
    worker.start()
    wait_for(lambda: worker.error)
    assert 'do not go together' in (worker.error or '')
    worker.close()


def test_it_ends_with_who_began_it() -> None:
    code = (
        'import time; from act_ros.policy.inference.process import Spare; '
        'from act_ros.policy.engines.choice import REFERENCE; s = Spare(); s.prepare(1, REFERENCE); '
        'print(s.pid, flush=True); time.sleep(600)'
    )
    with subprocess.Popen(
        [sys.executable, '-c', code], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()
    wait_for(lambda: not is_alive(pid))
