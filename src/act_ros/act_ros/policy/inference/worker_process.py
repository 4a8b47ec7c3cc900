# SPDX-License-Identifier: Apache-2.0
"""The process behind `InferenceWorker`: loads a policy, then predicts for the newest observation, again and again.

Started as `python -m` of this module with CALLER FOLDER CONFIG SOCKET_FD MEMORY_FD THREADS NICE PRECISION.
CONFIG is the policy's configuration as the caller has read it.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import NonFiniteError, PolicyError
from act_ros.policy.inference.channel import Answerer, ObservationMemory

if TYPE_CHECKING:
    from act_ros.policy.policy import Policy


def main(argv: Sequence[str]) -> int:
    """Serve until the caller closes its end or dies; 1 when the policy failed."""
    caller, folder, config, socket_fd, memory_fd, threads, nice, precision = argv
    _die_with(int(caller))
    # The caller may have real-time priority; this process would then hold up everything for seconds.
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    answerer = Answerer(socket.socket(fileno=int(socket_fd)))
    try:
        told = PolicyConfig.from_json(config)
        policy = _load(Path(folder), told, int(threads), precision)
        _serve(policy, ObservationMemory(told, int(memory_fd)), answerer, int(nice))
    except (BrokenPipeError, ConnectionResetError):
        return 0  # the caller has gone
    except PolicyError as error:
        answerer.failed(str(error))
        return 1
    except Exception as error:
        answerer.failed(f'the inference process failed: {type(error).__name__}: {error}')
        raise
    return 0


def _load(folder: Path, told: PolicyConfig, threads: int, precision: str) -> Policy:
    from act_ros.policy.policy import Policy, warm_up

    policy = Policy.load(folder, threads, precision)
    if policy.config != told:
        raise PolicyError(f'{folder} was changed while it was being loaded; set it again')
    warm_up(policy)
    return policy


def _serve(policy: Policy, memory: ObservationMemory, answerer: Answerer, nice: int) -> None:
    answerer.ready()
    yields = False
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
        if (
            not yields
        ):  # only now: loading is short, and somebody waits for it and for the first chunk
            os.nice(nice)
            yields = True


def _die_with(caller: int) -> None:
    """End this process when its parent, process `caller`, has ended, however that came.

    The closed socket says so too, but not to a process that is busy loading. PR_SET_PDEATHSIG would end
    it when the parent's *thread* that started it ends, and a policy is loaded from a passing thread.
    """

    def watch() -> None:
        while os.getppid() == caller:
            time.sleep(0.5)
        os._exit(0)

    threading.Thread(target=watch, name='parent watch', daemon=True).start()


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
