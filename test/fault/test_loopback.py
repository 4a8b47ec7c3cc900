# SPDX-License-Identifier: Apache-2.0
"""Where no other machine is asked for, none reaches a node: what it listens with is bound to the loopback interface.

Without that a machine that names this one as a static peer sees every topic, and commands the arms.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import lifeline
import pytest

CONFIG = Path(__file__).resolve().parents[2] / 'config'
NODE = """
import os, re, rclpy
rclpy.init()
node = rclpy.create_node('listener')
own = set()
for file in os.listdir('/proc/self/fd'):
    try:
        own |= set(re.findall(r'socket:.(\\d+)', os.readlink(f'/proc/self/fd/{file}')))
    except OSError:
        continue
for line in open('/proc/self/net/udp').read().splitlines()[1:]:
    words = line.split()
    if words[9] in own:
        print(words[1])
"""


@pytest.mark.parametrize(
    ('profile', 'hosts'),
    [('fastdds_loopback.xml', {'0100007F'}), ('fastdds.xml', {'00000000'})],  # as the kernel says
)
def test_a_node_listens_to_this_machine_only_unless_more_is_asked_for(
    domain: str, profile: str, hosts: set[str]
) -> None:
    path = str(CONFIG / profile)
    env = {**os.environ, **lifeline.marks(), 'ROS_DOMAIN_ID': domain, 'FASTDDS_DEFAULT_PROFILES_FILE': path,
           'FASTRTPS_DEFAULT_PROFILES_FILE': path}  # fmt: skip
    done = subprocess.run(
        [sys.executable, '-c', NODE],
        env=env,
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    first = 7400 + 250 * int(domain)  # RTPS gives each domain so many ports
    bound = [line.split(':') for line in done.stdout.splitlines()]
    listening = {host for host, port in bound if first <= int(port, 16) < first + 250}
    assert listening == hosts
