# SPDX-License-Identifier: Apache-2.0
"""The inference process: newest first, never in the caller's way, and it says what it cannot do."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from inference_worker import ENVIRONMENT, ZERO, observation, wait_for
from safetensors.torch import load_file, save_file

from act_ros.control.inference_mode import InferenceMode
from act_ros.nodes.policy.priority import BEHIND, prioritize
from act_ros.nodes.process.real_time import may_take_real_time, take_real_time
from act_ros.policy import policy as policy_module
from act_ros.policy.engines.choice import EngineChoice
from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import read_config
from act_ros.policy.inference.channel import SLOTS, Answerer, Caller, ObservationMemory
from act_ros.policy.inference.worker import InferenceWorker
from act_ros.policy.policy import Policy, warm_up
from act_ros.robot.types import Chunk, Observation
from synthetic import some_images, tiny_config, write_policy


def next_chunk(worker: InferenceWorker) -> Chunk:
    found: list[Chunk] = []

    def came() -> bool:
        assert worker.error is None
        found.extend([chunk] if (chunk := worker.poll()) else [])
        return bool(found)

    wait_for(came)
    return found[0]


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('policy')
    write_policy(folder)
    return folder


@pytest.fixture(scope='module')
def running(checkpoint: Path) -> Iterator[InferenceWorker]:
    worker = InferenceWorker(checkpoint, threads=1)
    worker.start()
    wait_for(lambda: worker.ready or worker.error)
    assert worker.error is None
    yield worker
    worker.close()


@pytest.fixture
def worker(running: InferenceWorker) -> InferenceWorker:
    """The running worker, idle and with nothing left to be polled."""
    running.submit(-1, observation())
    while next_chunk(running).tick != -1:
        pass
    return running


def test_files_that_change_while_they_are_loaded_are_refused(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = replace(read_config(checkpoint), rate_hz=25.0)
    monkeypatch.setattr('act_ros.policy.inference.worker.read_config', lambda _: before)
    worker = InferenceWorker(checkpoint)
    worker.start()
    wait_for(lambda: worker.error)
    assert 'was changed while it was being loaded' in str(worker.error)
    worker.close()


def test_a_chunk_is_what_the_policy_predicts(worker: InferenceWorker, checkpoint: Path) -> None:
    qpos = np.linspace(-1, 1, 14, dtype=np.float32)
    worker.submit(7, observation(3, qpos))
    chunk = next_chunk(worker)
    assert worker.runs_on.startswith('runs on torch fp32 on cpu, 1 thread: ')
    assert f': {1e3 * worker.pass_s:.1f} ms' in worker.runs_on and worker.pass_s > 0
    want = Policy.load(checkpoint).predict(qpos, some_images(tiny_config(), 3))
    assert chunk.tick == 7 and chunk.inference_s > 0
    np.testing.assert_allclose(chunk.actions, want, atol=1e-5)
    assert worker.info == tiny_config()


def test_the_newest_observation_wins_and_submitting_never_waits(worker: InferenceWorker) -> None:
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGSTOP)
    try:
        durations = []
        for tick in range(2000):  # far more than any buffer between the processes holds
            begin = time.perf_counter()
            worker.submit(tick, observation())
            worker.poll()
            durations.append(time.perf_counter() - begin)
    finally:
        os.kill(worker.pid, signal.SIGCONT)
    assert np.median(durations) < 0.005
    ticks: list[int] = []

    def came() -> bool:
        # Again and again, as the loop does: until the process has looked, its mailbox is full.
        worker.submit(5000, observation(9))
        ticks.extend([chunk.tick] if (chunk := worker.poll()) else [])
        return 5000 in ticks

    wait_for(came)
    assert len(ticks) < 10, 'old observations were worked off'


def test_a_bad_observation_is_refused_and_the_worker_goes_on(worker: InferenceWorker) -> None:
    with pytest.raises(PolicyError, match='no frame of camera cam_high'):
        worker.submit(1, Observation(0.0, ZERO, ZERO, ZERO, {}))
    with pytest.raises(PolicyError, match='not finite'):
        worker.submit(1, observation(qpos=ZERO * np.nan))
    worker.submit(2, observation())
    assert next_chunk(worker).tick == 2


def test_who_waits_is_woken_by_the_chunk(worker: InferenceWorker) -> None:
    worker.submit(4, observation())
    worker.wait(120.0)
    chunk = worker.poll()
    assert chunk is not None and chunk.tick == 4


def test_the_process_ignores_ctrl_c(worker: InferenceWorker) -> None:
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGINT)
    worker.submit(3, observation())
    assert next_chunk(worker).tick == 3


def test_the_process_goes_behind_others_or_with_the_loop_that_waits_for_it(
    worker: InferenceWorker,
) -> None:
    def placed() -> set[tuple[int, int]]:
        threads = [int(thread.name) for thread in Path(f'/proc/{worker.pid}/task').iterdir()]
        assert threads
        return {
            (os.sched_getscheduler(thread), os.getpriority(os.PRIO_PROCESS, thread))
            for thread in threads
        }

    own = os.getpriority(os.PRIO_PROCESS, 0)
    mode = InferenceMode('async', 50.0)
    mode.load(0.001)
    prioritize(worker.pid, mode)
    assert placed() == {(os.SCHED_OTHER, min(own + BEHIND, 19))}
    if os.geteuid() != 0 or not may_take_real_time():
        return  # for what follows, one needs to be allowed to
    mode.ask('sync')
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    take_real_time()
    try:
        prioritize(worker.pid, mode)
    finally:
        os.sched_setscheduler(0, *before)
    assert placed() == {(os.SCHED_RR, own)}
    mode.load(0.1)  # so slow that it would take the processor from the cameras
    prioritize(worker.pid, mode)
    assert placed() == {(os.SCHED_OTHER, own)}


def test_nothing_is_loaded_into_the_callers_process(checkpoint: Path) -> None:
    code = (
        'import sys; from pathlib import Path; from act_ros.policy.inference.worker import InferenceWorker; '
        f'w = InferenceWorker(Path({str(checkpoint)!r})); w.start(); w.close(); '
        "sys.exit('torch' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, '-c', code], timeout=60, env=ENVIRONMENT).returncode == 0
    )


def start_and_fail(folder: Path) -> str:
    worker = InferenceWorker(folder)
    worker.start()
    try:
        wait_for(lambda: worker.error)
        assert not worker.ready and worker.info is None and worker.poll() is None
        worker.submit(0, observation())
        return worker.error or ''
    finally:
        worker.close()


def test_a_checkpoint_that_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    write_policy(tmp_path)
    (tmp_path / 'model.safetensors').write_bytes(b'garbage')
    assert 'model.safetensors is damaged' in start_and_fail(tmp_path)
    assert 'config.json cannot be read' in start_and_fail(tmp_path / 'nowhere')


def test_predictions_that_are_not_finite_are_counted_and_not_delivered(tmp_path: Path) -> None:
    # The warm-up has qpos 0, and only another one makes the numbers overflow.
    write_policy(tmp_path)
    path = tmp_path / 'model.safetensors'
    weights = load_file(path)
    weights['stats.qpos.mean'] *= 0
    weights['encoder_robot_state_input_proj.weight'] *= 0
    weights['encoder_robot_state_input_proj.weight'][0, 0] = 1e38
    save_file(weights, path)
    worker = InferenceWorker(tmp_path)
    worker.start()
    try:
        wait_for(lambda: worker.ready or worker.error)
        assert worker.error is None
        worker.submit(0, observation(qpos=np.full(14, 100, np.float32)))
        wait_for(lambda: (worker.poll(), worker.non_finite)[1])
        assert worker.poll() is None and worker.error is None
    finally:
        worker.close()


def test_a_policy_that_is_slow_is_timed_without_the_loops_priority(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = Policy.load(checkpoint, 1, EngineChoice('cpu', 'torch', 'fp32'))
    for limit, calls in (0.0, 0), (60.0, policy_module.MOST):  # of what is slow
        monkeypatch.setattr(policy_module, 'QUICK_S', limit)
        monkeypatch.setattr(policy_module, 'WARM_UP_S', 60.0)
        assert len(_timed_alone(policy)) == calls


def test_between_the_passes_that_are_timed_others_have_the_processor_for_as_long(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_module, 'QUICK_S', 60.0)
    monkeypatch.setattr(policy_module, 'WARM_UP_S', 60.0)  # so that it takes as many as it may
    passes = _timed_alone(Policy.load(checkpoint, 1, EngineChoice('cpu', 'torch', 'fp32')))
    assert len(passes) > 1
    for (begin, end), (after, _) in pairwise(passes):
        assert after - end >= 0.9 * (end - begin)


def _timed_alone(policy: Policy) -> list[tuple[float, float]]:
    """When the passes of a warm-up that count began and ended."""
    passes: list[tuple[float, float]] = []

    @contextmanager
    def alone() -> Iterator[None]:
        begin = time.perf_counter()
        yield
        passes.append((begin, time.perf_counter()))

    assert warm_up(policy, alone) > 0
    return passes


def test_an_overwritten_observation_is_not_read() -> None:
    config = tiny_config()
    memory = ObservationMemory(config)
    other = ObservationMemory(config, memory.fd)
    memory.write(1, ZERO + 1, some_images(config, 1))
    seen = other.read(1)
    assert seen is not None
    np.testing.assert_array_equal(seen[0], ZERO + 1)
    np.testing.assert_array_equal(seen[1]['cam_high'], some_images(config, 1)['cam_high'])
    memory.write(1 + SLOTS, ZERO, some_images(config, 2))
    assert other.read(1) is None
    os.close(memory.fd)


def test_the_newest_announcement_is_taken() -> None:
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    caller, answerer = Caller(mine), Answerer(theirs)
    for number in range(1, 6):
        assert caller.announce(10 * number, number)
    assert answerer.newest() == (50, 5)
    caller.close()
    assert answerer.newest() is None
    theirs.close()
