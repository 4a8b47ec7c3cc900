# SPDX-License-Identifier: Apache-2.0
"""The process behind `InferenceWorker`: loads a policy, then predicts for the newest observation, again and again.

Started as `python -m` of this module with CALLER SOCKET_FD ENGINE: it imports what ENGINE takes, and waits to be told
through the socket which policy to load.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import NonFiniteError, PolicyError
from act_ros.policy.inference.channel import Answerer, ObservationMemory
from act_ros.policy.inference.process import BUSY
from act_ros.policy.policy import Policy, runs_on, warm_up
from act_ros.python_process import die_with, schedule

LIBRARIES = {
    'torch': ('act_ros.policy.engines.torch_engine',),
    'openvino': ('act_ros.policy.engines.openvino_engine', 'openvino'),
    'onnxruntime': ('act_ros.policy.engines.onnx_engine', 'onnxruntime'),
}
"""What an engine imports."""


def main(argv: Sequence[str]) -> int:
    """Serve until the caller closes its end or dies; 1 when the policy failed."""
    caller, socket_fd, engine = argv
    die_with(int(caller))
    # The caller may have real-time priority; this process would then hold up everything for seconds.
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    answerer = Answerer(socket.socket(fileno=int(socket_fd)))
    for module in LIBRARIES.get(engine, ()):
        with suppress(Exception):  # said when a policy is loaded that needs it
            import_module(module)
    try:
        if (said := answerer.job()) is None:
            return 0
        job, memory_fd = said
        with suppress(OSError):
            Path('/proc/self/comm').write_text(BUSY, encoding='ascii')
        told = PolicyConfig.from_json(job.config)
        policy = Policy.load(job.folder, job.threads, job.choice)
        if policy.config != told:
            raise PolicyError(f'{job.folder} was changed while it was being loaded; set it again')
        pass_s = _measure(policy, int(caller))
        answerer.ready(pass_s, runs_on(policy, pass_s))
        _serve(policy, ObservationMemory(told, memory_fd), answerer)
    except (BrokenPipeError, ConnectionResetError, ProcessLookupError):
        return 0  # the caller has gone
    except PolicyError as error:
        answerer.failed(str(error))
        return 1
    except Exception as error:
        answerer.failed(f'the inference process failed: {type(error).__name__}: {error}')
        raise
    return 0


def _measure(policy: Policy, caller: int) -> float:
    """Seconds of a pass where the caller waits for it, which then shares its scheduling; here for a pass at a time.

    Among a computer's other programs a pass takes as long as they let it, and that says nothing of the engine. One that
    is slow all the same is timed as it is: nobody will wait for it, and it must not hold up who has a tick to keep.
    """
    me, nice = os.getpid(), os.getpriority(os.PRIO_PROCESS, 0)
    scheduling = os.sched_getscheduler(caller), os.sched_getparam(caller).sched_priority

    @contextmanager
    def as_the_caller() -> Iterator[None]:
        schedule(me, *scheduling, nice)
        try:
            yield
        finally:
            schedule(me, os.SCHED_OTHER, 0, nice)

    return warm_up(policy, as_the_caller)


def _serve(policy: Policy, memory: ObservationMemory, answerer: Answerer) -> None:
    while (note := answerer.newest()) is not None:
        tick, number = note
        begin = time.perf_counter()
        seen = memory.read(number)
        if seen is None:
            continue  # overwritten meanwhile: a newer one is announced
        try:
            actions = policy.predict(*seen)
        except NonFiniteError:
            answerer.non_finite(tick)
            continue
        answerer.chunk(tick, time.perf_counter() - begin, actions)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
