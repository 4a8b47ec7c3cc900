# SPDX-License-Identifier: Apache-2.0
"""Measured poses in which no arm can be: nothing is led from there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from act_ros.robot.spec import RobotSpec


def doubt_of(spec: RobotSpec, measured: NDArray[Any]) -> str:
    """Why a pose (dof,) cannot be an arm's, for a person; '' where it can.

    An arm may stand a little outside its limits, as far as the robot's description says (`margin`).
    """
    believable = (measured >= spec.lower - spec.margin) & (measured <= spec.upper + spec.margin)
    if believable.all():  # a NaN is not
        return ''
    i = int(np.flatnonzero(~believable)[0])
    more = (
        f' ({np.count_nonzero(~believable)} joints are like that)'
        if (~believable).sum() > 1
        else ''
    )
    unit, what = (
        (' openings', 'measure gripper_scales anew, or look at the gripper and its driver')
        if i in spec.grippers
        else (' rad', 'look at the motor and its driver; restart the driver')
    )
    return (
        f'{spec.joint_names[i]} is measured at {float(measured[i]):.4g}{unit}, where it cannot be (its limits are '
        f'{spec.lower[i]:.2f} to {spec.upper[i]:.2f}, margin {spec.margin[i]:.2f}){more}: {what}'
    )
