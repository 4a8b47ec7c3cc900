# SPDX-License-Identifier: Apache-2.0
"""Names that processes of this suite hold on this machine while they live."""

from __future__ import annotations

import os


def node_lock_address(node: str) -> str:
    """The address of the socket that holds a node's full name in this ROS domain.

    It is an abstract one: no file is left behind, however the process ends.
    """
    domain = (os.environ.get('ROS_DOMAIN_ID') or '0').strip()
    return f'\0act_ros {domain} {node}'
