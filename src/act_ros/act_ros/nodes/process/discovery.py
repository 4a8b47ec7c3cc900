# SPDX-License-Identifier: Apache-2.0
"""Who may find the nodes of this machine, by the environment that setup.bash has set and its user has changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

PROFILES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')
LOOPBACK = 'fastdds_loopback.xml'
"""The profile of config/ that binds Fast DDS to this machine; setup.bash takes it unless more is asked for."""


def reach(env: Mapping[str, str]) -> str:
    """The discovery range that is in force; with static peers these, too."""
    if env.get('ROS_DISTRO') == 'humble':
        return 'LOCALHOST' if env.get('ROS_LOCALHOST_ONLY') == '1' else 'SUBNET'
    wide = env.get('ROS_AUTOMATIC_DISCOVERY_RANGE') or 'SUBNET'
    peers = env.get('ROS_STATIC_PEERS', '')
    return f'{wide} and {peers}' if peers else wide


def local_only(env: Mapping[str, str]) -> bool:
    """Whether no other machine is asked for."""
    return reach(env) in ('LOCALHOST', 'OFF')


def secured(env: Mapping[str, str]) -> bool:
    """Whether SROS 2 keeps out who has no key, see SECURITY.md."""
    return (env.get('ROS_SECURITY_ENABLE'), env.get('ROS_SECURITY_STRATEGY')) == (
        'true',
        'Enforce',
    )


def cut_off(env: Mapping[str, str]) -> str:
    """That other machines are asked for and cannot be reached, as a sentence; '' where that is not so."""
    path = next(filter(None, map(env.get, PROFILES)), '')
    if local_only(env) or Path(path).name != LOOPBACK:
        return ''
    return (
        f'{reach(env)} is asked for, and the DDS profile {path} is bound to this machine; '
        'source setup.bash again, after what asks for it'
    )
