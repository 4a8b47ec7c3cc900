# SPDX-License-Identifier: Apache-2.0
"""What a launch file may ask to be done."""

from .._standin import lacking
from .configurations import (
    PopLaunchConfigurations,
    PushLaunchConfigurations,
    ResetLaunchConfigurations,
    SetLaunchConfiguration,
    UnsetLaunchConfiguration,
)
from .declare_launch_argument import DeclareLaunchArgument
from .environment import (
    AppendEnvironmentVariable,
    PopEnvironment,
    PushEnvironment,
    ResetEnvironment,
    SetEnvironmentVariable,
    UnsetEnvironmentVariable,
)
from .execute_process import ExecuteLocal, ExecuteProcess
from .group_action import GroupAction
from .include_launch_description import IncludeLaunchDescription
from .opaque import OpaqueCoroutine, OpaqueFunction
from .simple import (
    EmitEvent,
    LogInfo,
    RegisterEventHandler,
    Shutdown,
    UnregisterEventHandler,
)
from .timer_action import TimerAction

__all__ = [
    'AppendEnvironmentVariable',
    'DeclareLaunchArgument',
    'EmitEvent',
    'ExecuteLocal',
    'ExecuteProcess',
    'GroupAction',
    'IncludeLaunchDescription',
    'LogInfo',
    'OpaqueCoroutine',
    'OpaqueFunction',
    'PopEnvironment',
    'PopLaunchConfigurations',
    'PushEnvironment',
    'PushLaunchConfigurations',
    'RegisterEventHandler',
    'ResetEnvironment',
    'ResetLaunchConfigurations',
    'SetEnvironmentVariable',
    'SetLaunchConfiguration',
    'Shutdown',
    'TimerAction',
    'UnregisterEventHandler',
    'UnsetEnvironmentVariable',
    'UnsetLaunchConfiguration',
]

__getattr__ = lacking(__name__)
