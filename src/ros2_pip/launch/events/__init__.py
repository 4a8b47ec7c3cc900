# SPDX-License-Identifier: Apache-2.0
"""Events of a launch; those of its processes are in `launch.events.process`."""

from __future__ import annotations

from .._standin import lacking
from ..event import Event
from ..launch_description import LaunchDescription
from . import process

__all__ = [
    'IncludeLaunchDescription',
    'Shutdown',
    'matches_action',
    'process',
]

__getattr__ = lacking(__name__)


class Shutdown(Event):
    """All is to end."""

    name = 'launch.events.Shutdown'

    def __init__(self, *, reason: str = 'reason not given', due_to_sigint: bool = False) -> None:
        """:param due_to_sigint: a Ctrl+C, which a terminal sends to the processes, too"""
        self.reason = reason
        self.due_to_sigint = due_to_sigint


class IncludeLaunchDescription(Event):
    """A description is to be launched."""

    name = 'launch.events.IncludeLaunchDescription'

    def __init__(self, launch_description: LaunchDescription) -> None:
        """:param launch_description: the description"""
        self.launch_description = launch_description
