# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: F401  -- what is imported here is what this module offers
"""What a launch file can have done about ROS nodes."""

from launch._standin import lacking

from .for_all import (
    PushROSNamespace,
    PushRosNamespace,
    SetParameter,
    SetRemap,
)
from .node import Node

__getattr__ = lacking(__name__)
