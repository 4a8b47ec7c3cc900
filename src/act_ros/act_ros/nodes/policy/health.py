# SPDX-License-Identifier: Apache-2.0
"""How the policy node is, for `/diagnostics`: its loop, its inference, each arm and each camera."""

from __future__ import annotations

from collections.abc import Iterator

from act_ros.control.inference_mode import ASYNC, SYNC
from act_ros.control.runtime import State
from act_ros.nodes.policy.inference import NOT_LOADED
from act_ros.nodes.policy.loop import ControlLoop
from act_ros.nodes.policy.observer import Observer
from act_ros.nodes.policy.supervisor import memory_of
from act_ros.nodes.shared.diagnostics import (
    ERROR,
    OK,
    WARN,
    Health,
    evenness,
    figures,
    interventions,
    worse,
)

LEVELS = {
    State.RUNNING: OK,
    State.IDLE: OK,
    State.WAITING: WARN,
    State.HOLDING: WARN,
    State.FAULT: ERROR,
}


def health(
    loop: ControlLoop, observer: Observer, state: State, reason: str, now_s: float | None
) -> Iterator[Health]:
    """Of everything, at a ROS time; `state` and `reason` are what the node says of itself."""
    yield _loop(loop, state, reason, observer.joints.simulated)
    yield _inference(loop)
    freshness = loop.runtime.freshness
    yield from observer.joints.health(now_s, freshness.joints_s)
    for camera in observer.cameras.values():
        yield camera.health(now_s, freshness.images_s)
    if len(observer.cameras) > 1:
        yield _skew(loop)


def _loop(loop: ControlLoop, state: State, reason: str, simulated: bool) -> Health:
    statistics = loop.statistics
    # A simulator may be slower than real time: it says so itself.
    even = OK if simulated or state is not State.RUNNING else evenness(loop.cadence)
    limited = WARN if statistics.limited_lately else OK
    return Health(
        'control loop',
        worse(LEVELS[state], even, limited),
        f'{state.name}: {reason}' if reason else statistics.line(),
        {
            'state': state.name,
            **figures(loop.cadence),
            'ticks.held': statistics.held,
            'ticks.limited': statistics.clamped,
            **interventions(loop.runtime.limiter),
            'commands': statistics.sent_total,
        },
    )


def _skew(loop: ControlLoop) -> Health:
    statistics = loop.statistics
    apart = f'the pictures of an observation are {1e3 * statistics.skew_s:.0f} ms apart'
    values = {'skew [s]': statistics.skew_s, 'ticks.skewed': statistics.skewed}
    return Health('camera skew', WARN if statistics.skewed_lately else OK, apart, values)


def _inference(loop: ControlLoop) -> Health:
    inference, statistics, worker = loop.inference, loop.statistics, loop.engine.worker
    well = inference.worker_says in ('running', 'loading', NOT_LOADED)
    behind = loop.mode.line if loop.mode.behind and well else ''
    return Health(
        'inference',
        WARN if behind else OK if well else ERROR,
        behind or inference.worker_says,
        {
            'mode': SYNC if loop.mode.sync else ASYNC,
            'checkpoint': str(loop.engine.folder),
            'process': worker.pid,
            'memory [MiB]': memory_of(worker.pid) >> 20,
            'execution_time.current_value [us]': 1e6 * statistics.inference_s,
            'rate [Hz]': statistics.chunk_rate_hz(),
            'chunks': statistics.chunks,
            'chunks.rejected': loop.runtime.rejected,
        },
    )
