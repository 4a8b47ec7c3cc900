# SPDX-License-Identifier: Apache-2.0
"""A runtime that is enabled, and chunks and inputs for its ticks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from act_ros.control.ensemble import TemporalEnsemble
from act_ros.control.limiter import Limiter
from act_ros.control.runtime import Runtime
from act_ros.control.tick_inputs import TickInputs
from act_ros.robot.spec import RobotSpec
from act_ros.robot.types import Chunk

SPEC = RobotSpec.load()
RATE = SPEC.rate_hz
K = 20


def enabled():
    made = Runtime(TemporalEnsemble(K, 14), Limiter(SPEC), ['cam_high', 'cam_low'])
    made.enable()
    return made


def inputs(now, **changes):
    """Everything fresh at `now`."""
    qpos = SPEC.start.astype(np.float32)
    fresh = TickInputs(qpos, now, {'cam_high': now, 'cam_low': now})
    return replace(fresh, **changes)


def chunk(tick, value=0.0, k=K):
    actions = np.tile(SPEC.start.astype(np.float32), (k, 1))
    actions[:, 0] = value
    return Chunk(tick, actions)


def tick_at(runtime, tick, **changes):
    return runtime.step(tick, tick / RATE, inputs(tick / RATE, **changes))
