# SPDX-License-Identifier: Apache-2.0
"""The base of actions."""

from __future__ import annotations

from typing import Any

from ._standin import refuse
from .conditions import Condition
from .launch_context import LaunchContext
from .launch_description_entity import LaunchDescriptionEntity


class Action(LaunchDescriptionEntity):
    """Something that is done when a launch comes to it, always or under a condition."""

    def __init__(self, *, condition: Condition | None = None, **unknown: Any) -> None:
        """
        :param condition: asked when the launch comes to it
        :raises TypeError: for options that this stand-in does not have
        """
        refuse(self, unknown)
        self.condition = condition

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        """Do it if it is to be done; return what is to be visited after it."""
        if self.condition is not None and not self.condition.evaluate(context):
            return None
        return self.execute(context)

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        """Do it; return what is to be visited after it. This is what an action overrides."""
        return None
