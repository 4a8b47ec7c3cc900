# SPDX-License-Identifier: Apache-2.0
"""Packages, and what can be run of them."""

from __future__ import annotations

import os
from pathlib import Path

from ament_index_python.packages import get_package_prefix


def executables(package: str) -> list[Path]:
    """Return the paths of a package's executables by name; RuntimeError if there is no such package."""
    try:
        folder = Path(get_package_prefix(package), 'lib', package)
    except (LookupError, ValueError):
        raise RuntimeError(f"Package '{package}' not found") from None
    return sorted(
        path
        for path in folder.rglob('*')
        if path.is_file()
        and os.access(path, os.X_OK)
        and not any(part.startswith('.') for part in path.relative_to(folder).parts[:-1])
    )
