#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What arrives from a second computer: over 1 Gbit/s, and over a poor radio link; pictures, commands, discovery.

    source setup.bash
    sudo -E env PATH="$PATH" benchmarks/two_hosts.py
    benchmarks/two_hosts.py --seconds 5          # as root

Two network namespaces stand for the computers (`network.py`), with this suite's profile for Fast DDS. The radio link carries
20 Mbit/s, loses 2 % of the packets, and takes 5 to 55 ms for each. Latency is from just before `publish` to the
callback. Without multicast each names the other in ROS_STATIC_PEERS, and is otherwise limited to its own host.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import subprocess
import sys
from contextlib import ExitStack, suppress
from dataclasses import asdict
from multiprocessing.connection import Connection

import numpy as np
from findings import Findings, add_json
from lifeline import hold
from network import Host, Radio, cable, why_not
from rclpy.executors import ExternalShutdownException
from transport import PROFILE, Load, Received, exchange, publish, subscribe

SMALL = (1, 20)
"""Height and width of a picture that is as large as a command."""


def start(
    host: Host, role: str, load: Load, env: dict[str, str]
) -> tuple[subprocess.Popen[bytes], Connection]:
    """The publisher or the subscriber on a host, and what it is spoken to by."""
    ours, theirs = multiprocessing.Pipe()
    command = [*host.enter, sys.executable, __file__, '--end', role]
    command += [str(theirs.fileno()), json.dumps(asdict(load))]
    process = subprocess.Popen(command, env=env, pass_fds=[theirs.fileno()])
    theirs.close()
    return process, ours


def environment(domain: str, peer: str) -> dict[str, str]:
    """For ROS on a host: it is found by multicast, or, with the address of the other, by that alone."""
    env = {**os.environ, 'ROS_DOMAIN_ID': domain}
    for name in ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE'):
        env[name] = str(PROFILE)
    env['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST' if peer else 'SUBNET'
    env['ROS_STATIC_PEERS'] = peer
    return env


def measure(hosts: tuple[Host, Host], load: Load, static: bool = False) -> tuple[Received, float]:
    """Send a load from the first host to the second; what arrived, and the seconds it took to send.

    Raises:
        RuntimeError: they did not find each other.
    """
    domain = str(random.randint(1, 101))
    peers = [host.address if static else '' for host in reversed(hosts)]
    ends = [
        start(host, role, load, environment(domain, peer))
        for host, role, peer in zip(hosts, ('publish', 'subscribe'), peers, strict=True)
    ]
    try:
        received, _, took_s, _ = exchange(ends[0][1], ends[1][1])
        return received, took_s
    finally:
        for process, connection in ends:
            connection.close()
            process.terminate()
            process.wait()


def loads(link: str, seconds: float) -> dict[str, Load]:
    """What is sent over a link, by name."""
    picture = (480, 640)
    found = {
        'commands at 50 Hz': Load(1, *SMALL, 50.0, seconds, reliable=True),
        '1 camera at 50 Hz, raw': Load(1, *picture, 50.0, seconds),
        '4 cameras at 50 Hz, raw': Load(4, *picture, 50.0, seconds),
        '4 cameras at 50 Hz, JPEG': Load(4, *picture, 50.0, seconds, jpeg=True),
    }
    if link == 'radio':
        found['1 camera at 10 Hz, JPEG'] = Load(1, *picture, 10.0, seconds, jpeg=True)
        found['1 camera of 120x160 at 10 Hz, JPEG'] = Load(1, 120, 160, 10.0, seconds, jpeg=True)
        del found['4 cameras at 50 Hz, raw'], found['4 cameras at 50 Hz, JPEG']
    return found


def over(link: str, hosts: tuple[Host, Host], seconds: float, found: Findings) -> None:
    """All measurements over a link that is there."""
    for name, load in loads(link, seconds).items():
        what = f'{link}: {name}'
        try:
            received, took_s = measure(hosts, load)
        except RuntimeError as error:
            found.not_measured(what, str(error))
            continue
        sent = load.frames * load.cameras
        # What a cable can carry must arrive.
        if link == 'cable' and (load.jpeg or load.cameras == 1):
            found.count(f'{what}, arrived', sum(received.frames), sent)
        else:
            found.figure(f'{what}, arrived', sum(received.frames), f'of {sent}')
        rate = sum(received.frames) / load.cameras / took_s
        found.figure(f'{what}, arrived in a second of each', rate, 'Hz')
        if received.latencies:
            median, late = 1e3 * np.percentile(received.latencies, [50, 99])
            found.figure(f'{what}, latency, median', median, 'ms')
            found.figure(f'{what}, latency, p99', late, 'ms')
    discover(link, hosts, found)


def discover(link: str, hosts: tuple[Host, Host], found: Findings) -> None:
    """How long the hosts take to find each other, with multicast and without."""
    load = Load(1, *SMALL, 50.0, 1.0)
    for static in (False, True):
        what = (
            f'{link}: until found {"by ROS_STATIC_PEERS, without" if static else "by"} multicast'
        )
        try:
            found.figure(what, measure(hosts, load, static)[0].found_s, 's', at_most=10.0)
        except RuntimeError as error:
            found.not_measured(what, str(error))


def main() -> int:
    """Measure and print; 2 where there can be no namespaces."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--seconds', type=float, default=30.0, help='of each stream')
    parser.add_argument(
        '--links', nargs='+', default=['cable', 'radio'], choices=('cable', 'radio')
    )
    parser.add_argument('--end', nargs=3, help=argparse.SUPPRESS)
    add_json(parser)
    args = parser.parse_args()
    if args.end:
        role, number, load = args.end
        body = publish if role == 'publish' else subscribe
        with suppress(EOFError, ExternalShutdownException):  # the other end was not found in time
            body(Load(**json.loads(load)), Connection(int(number)))
        return 0
    hold()
    found = Findings()
    if reason := why_not():
        found.not_measured('two hosts', reason)
        return found.end(args.json)
    for link in args.links:
        with ExitStack() as stack:
            try:
                hosts = Host(1), Host(2)
                for host in hosts:
                    stack.callback(host.close)
                if link == 'radio':
                    stack.callback(Radio().start(*hosts).kill)
                elif lacks := cable(*hosts, delay_ms=1.0):
                    found.not_measured('cable: 1 ms of delay', lacks)
                over(link, hosts, args.seconds, found)
            except RuntimeError as error:
                found.not_measured(link, str(error))
    return found.end(args.json)


if __name__ == '__main__':
    sys.exit(main())
