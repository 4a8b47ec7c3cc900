# SPDX-License-Identifier: Apache-2.0
"""The version of this package, as it is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

PACKAGE = 'act_ros'


def own_version() -> str:
    """As in setup.py; 'source' where the package is not installed."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return 'source'
