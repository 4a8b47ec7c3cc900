# SPDX-License-Identifier: Apache-2.0
"""Values of a launch file that are known only while it runs."""

from .._standin import lacking
from ..substitution import TextSubstitution
from .commands import Command, FindExecutable, PythonExpression
from .failure import SubstitutionFailure
from .logic import (
    AllSubstitution,
    AndSubstitution,
    AnySubstitution,
    EqualsSubstitution,
    IfElseSubstitution,
    NotEqualsSubstitution,
    NotSubstitution,
    OrSubstitution,
)
from .values import (
    AnonName,
    EnvironmentVariable,
    FileContent,
    LaunchConfiguration,
    LaunchLogDir,
    LocalSubstitution,
    PathJoinSubstitution,
    ThisLaunchFile,
    ThisLaunchFileDir,
)

__all__ = [
    'AllSubstitution',
    'AndSubstitution',
    'AnonName',
    'AnySubstitution',
    'Command',
    'EnvironmentVariable',
    'EqualsSubstitution',
    'FileContent',
    'FindExecutable',
    'IfElseSubstitution',
    'LaunchConfiguration',
    'LaunchLogDir',
    'LocalSubstitution',
    'NotEqualsSubstitution',
    'NotSubstitution',
    'OrSubstitution',
    'PathJoinSubstitution',
    'PythonExpression',
    'SubstitutionFailure',
    'TextSubstitution',
    'ThisLaunchFile',
    'ThisLaunchFileDir',
]

__getattr__ = lacking(__name__)
