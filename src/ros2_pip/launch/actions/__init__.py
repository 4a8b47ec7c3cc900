# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: F401  -- what is imported here is what this module offers
"""What a launch file can have done."""

from .._standin import lacking
from .declare_launch_argument import DeclareLaunchArgument
from .execute_process import ExecuteProcess
from .group_action import GroupAction
from .include_launch_description import IncludeLaunchDescription
from .settings import (
    SetEnvironmentVariable,
    SetLaunchConfiguration,
    UnsetEnvironmentVariable,
    UnsetLaunchConfiguration,
)
from .simple import (
    EmitEvent,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    Shutdown,
)
from .timer_action import TimerAction

__getattr__ = lacking(__name__)
