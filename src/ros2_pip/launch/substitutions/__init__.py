# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: F401  -- what is imported here is what this module offers
"""Texts of a launch file that are known once it runs."""

from .._standin import lacking
from ..substitution import TextSubstitution
from .base import SubstitutionFailure
from .commands import Command, PythonExpression
from .lookups import (
    EnvironmentVariable,
    LaunchConfiguration,
    PathJoinSubstitution,
    ThisLaunchFile,
    ThisLaunchFileDir,
)

__getattr__ = lacking(__name__)
