# SPDX-License-Identifier: Apache-2.0
"""A ROS domain in which nobody else is: not another test or benchmark, and not a robot at work on this machine."""

from __future__ import annotations

import contextlib
import os
import random
import socket
from collections.abc import Container
from pathlib import Path

DOMAINS = range(1, 102)
"""Not 0, where everybody is; above 101 the ports fall into the range that the kernel gives to outgoing traffic."""

_PORT, _PORTS, _PARTICIPANTS = 7400, 250, 118
"""A domain's first UDP port, how far the next domain's is, and how many of them participants take (RTPS 9.6.1.1)."""

_claims: list[socket.socket] = []


def claim(avoid: Container[int] = ()) -> tuple[int, socket.socket]:
    """A silent domain, and the socket that keeps other tests and benchmarks from it while it is open.

    Args:
        avoid: Domains that are not wanted.

    Raises:
        RuntimeError: there is none.
    """
    for domain in random.sample(DOMAINS, len(DOMAINS)):
        if domain in avoid or in_use(domain):
            continue
        held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            held.bind(f'\0act_ros-test-domain-{domain}')
        except OSError:
            held.close()
            continue
        return domain, held
    raise RuntimeError(
        f'all {len(DOMAINS)} ROS domains are in use on this machine: end old launches and test runs'
    )


def in_use(domain: int) -> bool:
    """Whether a process of this machine listens on one of the domain's ports."""
    first = _PORT + _PORTS * domain
    return not _listened().isdisjoint(range(first, first + _PARTICIPANTS))


def leave() -> None:
    """Choose a domain for this process and what it starts, other than the one that it would have been in.

    A robot may be at work in the domain of the person's shell.
    """
    theirs = os.environ.get('ROS_DOMAIN_ID', '')
    domain, held = claim({int(theirs)} if theirs.isdecimal() else ())
    _claims.append(held)
    os.environ['ROS_DOMAIN_ID'] = str(domain)
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'


def _listened() -> set[int]:
    """The UDP ports that are bound on this machine."""
    ports = set()
    for table in ('udp', 'udp6'):
        with contextlib.suppress(OSError):
            for line in Path('/proc/net', table).read_text().splitlines()[1:]:
                ports.add(int(line.split()[1].rpartition(':')[2], 16))
    return ports
