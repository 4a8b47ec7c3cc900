# SPDX-License-Identifier: Apache-2.0
"""Managed nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .node import Node

if TYPE_CHECKING:
    from launch.some_substitutions_type import SomeSubstitutionsType


class LifecycleNode(Node):
    """
    A managed node, which needs a name and a namespace.

    Its process only: the events of its states are not in this stand-in. A node that configures and
    activates itself, or that ``ros2 lifecycle set`` does this for, needs none.
    """

    def __init__(
        self,
        *,
        name: SomeSubstitutionsType,
        namespace: SomeSubstitutionsType,
        **kwargs: Any,
    ) -> None:
        """See `Node`."""
        super().__init__(name=name, namespace=namespace, **kwargs)
