# SPDX-License-Identifier: Apache-2.0
"""
A stand-in for ROS 2's launch, for machines where ROS 2 comes from PyPI, which lacks it.

Names and behaviour are those of ROS 2 Jazzy's launch; what is missing says so.
"""

from . import (
    actions,
    conditions,
    descriptions,
    event_handlers,
    events,
    launch_description_sources,
    logging,
    substitutions,
    utilities,
)
from ._standin import lacking
from .action import Action
from .condition import Condition
from .event import Event
from .event_handler import EventHandler
from .invalid_launch_file_error import InvalidLaunchFileError
from .launch_context import LaunchContext
from .launch_description import LaunchDescription
from .launch_description_entity import LaunchDescriptionEntity
from .launch_description_source import LaunchDescriptionSource
from .launch_introspector import LaunchIntrospector
from .launch_service import LaunchService
from .some_entities_type import SomeEntitiesType, SomeEntitiesType_types_tuple
from .some_substitutions_type import SomeSubstitutionsType, SomeSubstitutionsType_types_tuple
from .substitution import Substitution

__all__ = [
    'Action',
    'Condition',
    'Event',
    'EventHandler',
    'InvalidLaunchFileError',
    'LaunchContext',
    'LaunchDescription',
    'LaunchDescriptionEntity',
    'LaunchDescriptionSource',
    'LaunchIntrospector',
    'LaunchService',
    'SomeEntitiesType',
    'SomeEntitiesType_types_tuple',
    'SomeSubstitutionsType',
    'SomeSubstitutionsType_types_tuple',
    'Substitution',
    'actions',
    'conditions',
    'descriptions',
    'event_handlers',
    'events',
    'launch_description_sources',
    'logging',
    'substitutions',
    'utilities',
]

__getattr__ = lacking(__name__)
