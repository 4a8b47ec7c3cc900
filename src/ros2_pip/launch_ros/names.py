# SPDX-License-Identifier: Apache-2.0
"""Names and namespaces of nodes."""

from __future__ import annotations

import re

# rclpy has these rules too, and takes 0.2 s to import.
_PART = '[A-Za-z_][A-Za-z0-9_]*'
_RULE = "a name has letters, digits and '_', and begins with none of the digits"


def node_name(name: str) -> str:
    """Return the name; ValueError if no node can have it."""
    if not re.fullmatch(_PART, name):
        raise ValueError(f"node name '{name}' is not valid: {_RULE}")
    return name


def namespace(outer: str | None, inner: str | None) -> str | None:
    """
    Return the absolute namespace that `inner` is in `outer`; None if there is neither.

    :raises ValueError: if no node can have it
    """
    if outer is None and inner is None:
        return None
    joined = inner or ''
    if not joined.startswith('/'):
        joined = f'{outer or ""}/{joined}'
    joined = f'/{joined.lstrip("/")}'.rstrip('/') or '/'
    if joined != '/' and not re.fullmatch(f'(/{_PART})+', joined):
        raise ValueError(f"namespace '{joined}' is not valid: of each part, {_RULE}")
    return joined
