# SPDX-License-Identifier: Apache-2.0
"""Events of the launch itself; those of its processes are in `launch.events.process`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .._standin import lacking
from ..event import Event
from . import process

if TYPE_CHECKING:
    from ..action import Action
    from ..actions import TimerAction
    from ..launch_description import LaunchDescription

__all__ = [
    'ExecutionComplete',
    'IncludeLaunchDescription',
    'Shutdown',
    'TimerEvent',
    'matches_action',
    'process',
]

__getattr__ = lacking(__name__)


def matches_action(target_action: Action) -> Callable[[Action], bool]:
    """Return a matcher for one action."""
    return lambda action: action is target_action


class Shutdown(Event):
    """The launch ends."""

    name = 'launch.events.Shutdown'

    def __init__(self, *, reason: str = 'reason not given', due_to_sigint: bool = False) -> None:
        """:param due_to_sigint: Ctrl+C, which a terminal sends to all processes of the launch"""
        self.reason = reason
        self.due_to_sigint = due_to_sigint


class IncludeLaunchDescription(Event):
    """A description is to be visited."""

    name = 'launch.events.IncludeLaunchDescription'

    def __init__(self, launch_description: LaunchDescription) -> None:
        """:param launch_description: what is to be visited"""
        self.launch_description = launch_description


class ExecutionComplete(Event):
    """An action is done."""

    name = 'launch.events.ExecutionComplete'

    def __init__(self, *, action: Action) -> None:
        """:param action: the one that is done"""
        self.action = action


class TimerEvent(Event):
    """A timer's time is over."""

    name = 'launch.events.TimerEvent'

    def __init__(self, *, timer_action: TimerAction) -> None:
        """:param timer_action: the timer"""
        self.timer_action = timer_action
