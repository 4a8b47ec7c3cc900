# SPDX-License-Identifier: Apache-2.0
"""Names and namespaces of nodes: how they are joined, and which are valid."""

from __future__ import annotations

import re

# rclpy has the same rules, but takes a fifth of a second to import.
_TOKEN = re.compile(r'[A-Za-z_][A-Za-z0-9_]*')


def joined(base: str | None, name: str | None) -> str | None:
    """Return ``name`` below ``base``; an absolute name stands alone, None is nothing."""
    if base is None or name is None:
        result = base if name is None else name
    elif not base or name.startswith('/'):
        result = name
    else:
        result = f'{base.rstrip("/")}/{name}'
    return result if result in (None, '/') else result.rstrip('/')


def absolute(namespace: str | None) -> str | None:
    """Return ``namespace`` with a slash in front; None stays None."""
    if namespace is None or namespace.startswith('/'):
        return namespace
    return '/' + namespace


def check_node_name(name: str) -> None:
    """:raises ValueError: if a node cannot have this name"""
    if not _TOKEN.fullmatch(name):
        raise ValueError(
            f"Invalid node name: '{name}' must be letters, digits and '_', with no digit in front"
        )


def check_namespace(namespace: str) -> None:
    """:raises ValueError: if a node cannot have this namespace"""
    tokens = namespace.split('/')[1:]
    if not namespace.startswith('/') or (
        namespace != '/' and not all(_TOKEN.fullmatch(token) for token in tokens)
    ):
        raise ValueError(
            f"Invalid namespace: '{namespace}' must be absolute, each part letters, digits and "
            "'_', with no digit in front"
        )
