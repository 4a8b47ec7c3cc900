#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long it takes from `ros2 launch act_ros aloha.launch.py` to the first command, by stage, cold and warm.

    source setup.bash
    benchmarks/startup.py
    benchmarks/startup.py --times 1 -- engine:=torch

Cold: the policy lies in a folder in which no engine was prepared, as after a download. Warm: the same folder again. The
system's own cache of files is left as it is. A process that listens before all else takes the times.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
import ros_domain
from act_msgs.msg import PolicyState, SimState
from findings import Findings, add_json
from interbotix_xs_msgs.msg import JointGroupCommand
from lifeline import hold
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image

from act_ros.nodes.process.launched import launched
from act_ros.paths import share_dir
from act_ros.policy.folder import read_config
from act_ros.robot.spec import RobotSpec

POLICY = 'aloha_sim_transfer_cube'
AT_MOST_S = 300.0
STAGES = (
    'the first process runs',
    'the simulator speaks',
    'the first picture',
    'the policy node speaks',
    'the policy is live',
    'the first command',
)


class Listener:
    """Keeps when each stage was first seen, in seconds of the steady clock."""

    def __init__(self, node: Node, camera: str) -> None:
        """Listen through `node`."""
        self.seen: dict[str, float] = {}
        latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        spec = RobotSpec.load()
        node.create_subscription(SimState, '/act/sim_state', self._mark(STAGES[1]), latched)
        node.create_subscription(
            Image, f'/{spec.cameras[camera].topic}', self._mark(STAGES[2]), qos_profile_sensor_data,
            raw=True,
        )  # fmt: skip
        node.create_subscription(PolicyState, '/act/policy_state', self._on_policy, latched)
        topic = f'/{spec.arms[0].follower}/commands/joint_group'
        node.create_subscription(JointGroupCommand, topic, self._mark(STAGES[5]), 10, raw=True)

    def _mark(self, stage: str) -> Callable[[Any], None]:
        return lambda _: self.see(stage)

    def see(self, stage: str) -> None:
        """This stage is reached."""
        self.seen.setdefault(stage, time.monotonic())

    def _on_policy(self, msg: PolicyState) -> None:
        self.see(STAGES[3])
        if msg.chunks:
            self.see(STAGES[4])

    def read(self, launch: subprocess.Popen[bytes]) -> None:
        """Pass on what a launch says, and see when it has started a process."""
        assert launch.stdout is not None
        for line in launch.stdout:
            if b'process started with pid' in line:
                self.see(STAGES[0])
            sys.stderr.buffer.write(line)
            sys.stderr.flush()


def start(models: Path, arguments: list[str]) -> dict[str, float]:
    """Launch once; seconds from that to each stage.

    Raises:
        RuntimeError: no command came.
    """
    node = rclpy.create_node('startup_benchmark')
    listener = Listener(node, read_config(models / 'a').cameras[0])
    begin = time.monotonic()
    words = ['checkpoint:=a', f'models_dir:={models}', *arguments]
    try:
        with launched('aloha.launch.py', *words, output=subprocess.PIPE) as launch:
            threading.Thread(target=listener.read, args=(launch,), daemon=True).start()
            while STAGES[5] not in listener.seen or STAGES[4] not in listener.seen:
                rclpy.spin_once(node, timeout_sec=0.2)
                if launch.poll() is not None or time.monotonic() > begin + AT_MOST_S:
                    raise RuntimeError(
                        f'after {AT_MOST_S:g} s only this was seen: {", ".join(listener.seen)}'
                    )
    finally:
        node.destroy_node()
    return {stage: at - begin for stage, at in listener.seen.items()}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--times', type=int, default=5, help='launches, cold and warm each')
    add_json(parser)
    parser.add_argument('arguments', nargs='*', metavar='name:=value', help='for the launch file')
    args = parser.parse_args()
    hold()
    ros_domain.leave()
    rclpy.init()
    found = Findings()
    took: dict[str, list[dict[str, float]]] = {'cold': [], 'warm': []}
    for _ in range(args.times):
        with tempfile.TemporaryDirectory(prefix='act_ros_startup_') as folder:
            source = (share_dir() / 'models' / POLICY).resolve()
            shutil.copytree(source, Path(folder) / 'a', ignore=shutil.ignore_patterns('.engines'))
            for kind in took:
                try:
                    took[kind].append(start(Path(folder), args.arguments))
                except RuntimeError as error:
                    found.not_measured(kind, str(error))
    rclpy.try_shutdown()
    for kind, runs in took.items():
        if not runs:
            continue
        for stage in STAGES:
            seconds = [run[stage] for run in runs if stage in run]
            if seconds:
                found.figure(f'{kind}: until {stage}', float(np.median(seconds)), 's')
        found.figure(f'{kind}: until {STAGES[-1]}, longest', max(r[STAGES[-1]] for r in runs), 's')
    return found.end(args.json)


if __name__ == '__main__':
    sys.exit(main())
