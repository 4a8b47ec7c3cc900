# SPDX-License-Identifier: Apache-2.0
"""The example that listens to chunks hears one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from act_msgs.msg import Chunk
from rclpy.qos import qos_profile_sensor_data

EXAMPLE = Path(__file__).resolve().parents[2] / 'examples/chunk_listener.py'


def test_the_listener_prints_a_line_for_a_chunk(ros, tmp_path):
    publisher = ros.node().create_publisher(Chunk, '/act/chunk', qos_profile_sensor_data)
    chunk = Chunk(tick=7, rows=2, dof=14, actions=[0.25] * 28)
    log = tmp_path / 'log'
    with log.open('wb') as out:
        listener = subprocess.Popen([sys.executable, EXAMPLE], stdout=out, env=dict(os.environ))

    def heard() -> bool:
        publisher.publish(chunk)
        return b'tick 7: 2 actions, grippers end at [0.25 0.25]' in log.read_bytes()

    try:
        ros.wait_until(heard, 60.0, 'the listener heard the chunk')
    finally:
        listener.terminate()
        listener.wait()
