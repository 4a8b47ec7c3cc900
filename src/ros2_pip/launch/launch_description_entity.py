# SPDX-License-Identifier: Apache-2.0
"""Whatever may stand in a launch description."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .launch_context import LaunchContext


@dataclass
class Declared:
    """An argument that is declared, as far as that is known before anything is launched."""

    argument: Any
    conditional: bool
    given: tuple[str, ...] = ()
    """Names of the arguments that the includes on the way to it give."""


class LaunchDescriptionEntity:
    """An action, or a description, which is a list of actions."""

    def describe(self) -> str:
        """Return this in words."""
        return repr(self)

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        """Do what this stands for; return what is to be visited after it."""
        return None

    def get_asyncio_future(self) -> asyncio.Future[Any] | None:
        """Return what is done when this is done; None where `visit` did all."""
        return None

    def _contents(self) -> list[tuple[LaunchDescriptionEntity, bool]]:
        """Return what this brings in, and whether that is in some cases only."""
        return []

    def _declared(self, conditional: bool = False) -> Iterator[Declared]:
        """Give the arguments declared in this."""
        # As in ROS 2, a condition counts for what is directly under it, not for what that includes.
        for entity, sometimes in self._contents():
            yield from entity._declared(sometimes)
