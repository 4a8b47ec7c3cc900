# SPDX-License-Identifier: Apache-2.0
"""Where the suite's own files are: config/, launch/ and models/."""

from __future__ import annotations

import os
from pathlib import Path


def share_dir() -> Path:
    """The folder that holds `config/`, `launch/` and `models/`.

    It is the source tree's top level when the package runs from there (also through a symlink install),
    and otherwise the installed `share/act_ros` of the colcon workspace.

    Raises:
        FileNotFoundError: neither is there.
    """
    package = Path(__file__).resolve().parent.parent
    if (package / 'config' / 'aloha.yaml').exists():
        return package
    # Installed: .../install/act_ros/lib/python3.X/site-packages/act_ros, below the prefix of its share.
    prefixes = [str(folder) for folder in Path(__file__).resolve().parents]
    for prefix in prefixes + os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        share = Path(prefix) / 'share' / 'act_ros'
        if prefix and (share / 'config' / 'aloha.yaml').exists():
            return share
    raise FileNotFoundError(
        'config/aloha.yaml of act_ros was not found: build the workspace and source setup.bash'
    )
