# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: F401  -- what is imported here is what this module offers
"""Texts of a launch file that are known once it runs."""

from .._standin import lacking
from ..substitution import TextSubstitution
from .base import SubstitutionFailure
from .commands import Command, FindExecutable, PythonExpression
from .logic import (
    AndSubstitution,
    EqualsSubstitution,
    NotEqualsSubstitution,
    NotSubstitution,
    OrSubstitution,
)
from .lookups import (
    EnvironmentVariable,
    LaunchConfiguration,
    LocalSubstitution,
    PathJoinSubstitution,
    ThisLaunchFile,
    ThisLaunchFileDir,
)

__getattr__ = lacking(__name__)
