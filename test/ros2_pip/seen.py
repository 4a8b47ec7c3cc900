# SPDX-License-Identifier: Apache-2.0
"""A launch in the process of the tests, and what it came by."""

from __future__ import annotations

from typing import Any

from launch import LaunchDescription, LaunchService
from launch.actions import (
    OpaqueFunction,
)


class Seen(list[Any]):
    """What a launch came by."""

    def note(self, name: str) -> OpaqueFunction:
        """Return an action that notes the value of a launch configuration, or None."""
        return OpaqueFunction(
            function=lambda context: self.append(context.launch_configurations.get(name))
        )

    def env(self, name: str) -> OpaqueFunction:
        """Return an action that notes an environment variable."""
        return OpaqueFunction(function=lambda context: self.append(context.environment.get(name)))

    def say(self, what: Any) -> OpaqueFunction:
        """Return an action that notes ``what``."""
        return OpaqueFunction(function=lambda context: self.append(what))


def run(*actions: Any) -> int:
    service = LaunchService(noninteractive=True)
    service.include_launch_description(LaunchDescription(list(actions)))
    return service.run()
