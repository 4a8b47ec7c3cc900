# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: F401  -- what is imported here is what this module offers
"""
A stand-in for ROS 2's launch, for where ROS 2 is from PyPI, which does not have it.

What is here bears the names that ROS 2 Jazzy gives it, and does the same. What is not here says so.
"""

from . import (
    actions,
    conditions,
    event_handlers,
    events,
    launch_description_sources,
    logging,
    substitutions,
    utilities,
)
from ._standin import lacking
from .action import Action
from .conditions import Condition
from .event import Event
from .event_handler import EventHandler
from .launch_context import LaunchContext
from .launch_description import LaunchDescription
from .launch_description_entity import LaunchDescriptionEntity
from .launch_description_sources import InvalidLaunchFileError, LaunchDescriptionSource
from .launch_service import LaunchService
from .some_substitutions_type import SomeSubstitutionsType
from .substitution import Substitution

__getattr__ = lacking(__name__)
