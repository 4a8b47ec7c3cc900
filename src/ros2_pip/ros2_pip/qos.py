# SPDX-License-Identifier: Apache-2.0
"""Quality of service by the words of the command line."""

from __future__ import annotations

import argparse
from copy import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.qos import QoSProfile


def add_qos_arguments(parser: argparse.ArgumentParser, default: str) -> None:
    """
    Add the ``--qos-`` options.

    :param default: name of the profile taken where none is given
    """
    from rclpy import qos

    parser.add_argument(
        '--qos-profile',
        choices=qos.QoSPresetProfiles.short_keys(),
        default=default,
        help='Quality of service preset profile (default: %(default)s)',
    )
    parser.add_argument('--qos-depth', metavar='N', type=int, help='Queue size')
    for name, policy in (
        ('history', qos.QoSHistoryPolicy),
        ('reliability', qos.QoSReliabilityPolicy),
        ('durability', qos.QoSDurabilityPolicy),
        ('liveliness', qos.QoSLivelinessPolicy),
    ):
        parser.add_argument(
            f'--qos-{name}', choices=policy.short_keys(), help=f'Quality of service {name}'
        )
    parser.add_argument(
        '--qos-liveliness-lease-duration-seconds',
        type=float,
        help='Quality of service liveliness lease duration',
    )


def chosen_profile(args: argparse.Namespace) -> tuple[QoSProfile, bool]:
    """Return (the profile of the options, whether more than the preset profile was chosen)."""
    from rclpy import qos
    from rclpy.duration import Duration

    # A copy: rclpy hands out the preset itself, and what is set below would stay in it.
    profile = copy(qos.QoSPresetProfiles.get_from_short_key(args.qos_profile))
    given: dict[str, Any] = {}
    for name, policy in (
        ('history', qos.QoSHistoryPolicy),
        ('reliability', qos.QoSReliabilityPolicy),
        ('durability', qos.QoSDurabilityPolicy),
        ('liveliness', qos.QoSLivelinessPolicy),
    ):
        word = getattr(args, f'qos_{name}')
        if word is not None:
            given[name] = policy.get_from_short_key(word)
    if args.qos_liveliness_lease_duration_seconds is not None:
        given['liveliness_lease_duration'] = Duration(
            seconds=args.qos_liveliness_lease_duration_seconds
        )
    if args.qos_depth is not None:
        given['depth'] = args.qos_depth
    for name, value in given.items():
        setattr(profile, name, value)
    if profile.durability == qos.QoSDurabilityPolicy.TRANSIENT_LOCAL and profile.depth == 0:
        profile.depth = 1
    return profile, bool(given)


def matching_profile(node: Node, topic: str, args: argparse.Namespace) -> QoSProfile:
    """Return the profile of the options or, without any, one that all publishers go with."""
    from rclpy.qos import QoSDurabilityPolicy, QoSReliabilityPolicy

    profile, chosen = chosen_profile(args)
    publishers = node.get_publishers_info_by_topic(topic)
    if chosen or not publishers:
        return profile
    for name, strong, weak in (
        ('reliability', QoSReliabilityPolicy.RELIABLE, QoSReliabilityPolicy.BEST_EFFORT),
        ('durability', QoSDurabilityPolicy.TRANSIENT_LOCAL, QoSDurabilityPolicy.VOLATILE),
    ):
        offers = [getattr(info.qos_profile, name) == strong for info in publishers]
        if any(offers) and not all(offers):
            kind = type(strong).__name__
            print(
                f'Some, but not all, publishers are offering {kind}.{strong.name}. Falling back '
                f'to {kind}.{weak.name} as it will connect to all publishers'
            )
        setattr(profile, name, strong if all(offers) else weak)
    return profile
