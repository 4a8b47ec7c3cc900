# SPDX-License-Identifier: Apache-2.0
"""Observations for an inference worker, and how a test waits for it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import numpy as np

from act_ros.robot.types import Observation
from synthetic import some_images, tiny_config

ZERO = np.zeros(14, np.float32)
ENVIRONMENT = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}


def wait_for(condition: Callable[[], object], seconds: float = 120.0) -> None:
    """Wait until a condition holds; the deadline is generous for a loaded machine."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, 'the condition did not come true'
        time.sleep(0.005)


def observation(seed: int = 0, qpos: np.ndarray = ZERO) -> Observation:
    return Observation(0.0, qpos, ZERO, ZERO, some_images(tiny_config(), seed))
