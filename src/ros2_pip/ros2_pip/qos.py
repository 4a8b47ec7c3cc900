# SPDX-License-Identifier: Apache-2.0
"""The quality of service that a command is given."""

from __future__ import annotations

import argparse
from copy import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.qos import QoSProfile


def _policies() -> dict[str, Any]:
    from rclpy import qos

    return {
        'history': qos.QoSHistoryPolicy,
        'reliability': qos.QoSReliabilityPolicy,
        'durability': qos.QoSDurabilityPolicy,
    }


def add_arguments(parser: argparse.ArgumentParser, profile: str) -> None:
    """Add the options; `profile` is the one that is taken unless another is given."""
    from rclpy.qos import QoSPresetProfiles

    add = parser.add_argument
    presets = QoSPresetProfiles.short_keys()
    add('--qos-profile', choices=presets, default=profile, help=f'Quality of service ({profile})')
    add('--qos-depth', metavar='N', type=int, help='Messages in the queue')
    for name, policy in _policies().items():
        add(f'--qos-{name}', choices=policy.short_keys(), help=f'Its {name}')


def chosen(args: argparse.Namespace) -> tuple[QoSProfile, bool]:
    """Return what the options ask for, and whether they ask for more than a profile."""
    from rclpy.qos import QoSPresetProfiles

    # What rclpy returns is its own object, and the next one to ask gets that, too.
    profile = copy(QoSPresetProfiles.get_from_short_key(args.qos_profile))
    given = {'depth': args.qos_depth}
    for name, policy in _policies().items():
        word = getattr(args, f'qos_{name}')
        given[name] = word and policy.get_from_short_key(word)
    given = {name: value for name, value in given.items() if value is not None}
    for name, value in given.items():
        setattr(profile, name, value)
    if profile.depth == 0 and profile.durability == _policies()['durability'].TRANSIENT_LOCAL:
        profile.depth = 1
    return profile, bool(given)


def matching(node: Node, topic: str, args: argparse.Namespace) -> QoSProfile:
    """Return what the options ask for or, where they do not, what gets messages of all publishers."""
    profile, asked = chosen(args)
    offers = [info.qos_profile for info in node.get_publishers_info_by_topic(topic)]
    if asked or not offers:
        return profile
    policies = _policies()
    for name, strong, weak in (
        ('reliability', 'RELIABLE', 'BEST_EFFORT'),
        ('durability', 'TRANSIENT_LOCAL', 'VOLATILE'),
    ):
        have = [getattr(offer, name) == policies[name][strong] for offer in offers]
        setattr(profile, name, policies[name][strong if all(have) else weak])
        if any(have) and not all(have):
            print(f'Not all publishers are {strong}: listening as {weak}, which suits all of them')
    return profile
