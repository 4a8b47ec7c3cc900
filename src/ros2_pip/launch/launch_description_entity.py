# SPDX-License-Identifier: Apache-2.0
"""Whatever may stand in a launch description."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .launch_context import LaunchContext


class LaunchDescriptionEntity:
    """A node of the tree that launching walks: actions, and descriptions of them."""

    def describe(self) -> str:
        """Return a short text for ``--print``."""
        return repr(self)

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return what this brings in whatever happens."""
        return []

    def describe_conditional_sub_entities(
        self,
    ) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        """Return (condition in words, what is brought in where it holds) pairs."""
        return []

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        """Do what this stands for; return what is to be visited next."""
        return None

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        """Return the future that ends when this is done; None if it was done at once."""
        return None
