# SPDX-License-Identifier: Apache-2.0
"""Packages and their programs, by the ament index."""

from __future__ import annotations

import os
from pathlib import Path

from ament_index_python.packages import get_package_prefix


def executables(package: str) -> list[Path]:
    """
    Return the paths of a package's programs, sorted.

    :raises RuntimeError: if there is no such package
    """
    try:
        prefix = get_package_prefix(package)
    except (KeyError, ValueError):
        raise RuntimeError(f"Package '{package}' not found") from None
    found = []
    for folder, subfolders, names in os.walk(Path(prefix, 'lib', package)):
        subfolders[:] = [name for name in subfolders if not name.startswith('.')]
        found += [Path(folder, name) for name in names]
    return sorted(path for path in found if os.access(path, os.X_OK))
