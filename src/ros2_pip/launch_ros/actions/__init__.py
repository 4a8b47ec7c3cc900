# SPDX-License-Identifier: Apache-2.0
"""What a launch file may ask to be done about ROS nodes."""

from launch._standin import lacking

from .globals import (
    PushROSNamespace,
    PushRosNamespace,
    SetParameter,
    SetParametersFromFile,
    SetRemap,
    SetROSLogDir,
)
from .lifecycle_node import LifecycleNode
from .node import Node

__all__ = [
    'LifecycleNode',
    'Node',
    'PushROSNamespace',
    'PushRosNamespace',
    'SetParameter',
    'SetParametersFromFile',
    'SetROSLogDir',
    'SetRemap',
]

__getattr__ = lacking(__name__)
