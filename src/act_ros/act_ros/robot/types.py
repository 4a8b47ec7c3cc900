# SPDX-License-Identifier: Apache-2.0
"""What one stage hands to the next: `Observation` to the policy, `Chunk` to the temporal ensemble."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class Observation:
    """What the robot is seen to be doing at one moment.

    Attributes:
        stamp_s: ROS time of the joint states, in seconds (the older of the two arms').
        qpos: (dof,) positions: radians, grippers 0..1 from the finger position.
        qvel: (dof,) velocities: rad/s; grippers as the driver gives them (0 on Interbotix arms).
        effort: (dof,) efforts as the driver gives them (mA on Interbotix arms).
        images: RGB frames by camera name, each (height, width, 3).
        image_stamps_s: ROS time of each frame, in seconds.
    """

    stamp_s: float
    qpos: Floats
    qvel: Floats
    effort: Floats
    images: Mapping[str, Frame] = field(default_factory=dict)
    image_stamps_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Chunk:
    """The actions that a policy predicts from one observation.

    Attributes:
        tick: absolute control tick of the observation; row i of `actions` is meant for `tick + i`.
        actions: (k, dof) positions: radians, grippers 0..1.
        inference_s: how long the prediction took, in seconds.
    """

    tick: int
    actions: Floats
    inference_s: float = 0.0
