#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How often the shipped policies succeed: in lockstep with each engine, and in real time through the launch file.

    source setup.bash
    benchmarks/policies.py --seeds 0-99 --episodes 50
    benchmarks/policies.py --seeds 0-4 --episodes 0 --engines openvino

In lockstep it is `ros2 run act_ros evaluate`, whose seeds no policy was trained on. In real time the simulator and the
policy run as `ros2 launch act_ros aloha.launch.py` starts them, on this machine as busy as it is.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import ros_domain
from findings import Findings, add_json
from lifeline import hold

from act_ros.nodes.process.launched import launched
from act_ros.policy.library import shipped_policy
from act_ros.sim.world import STEPS

_EPISODE = re.compile(rb'seed \d+: (no success|success)')


def in_lockstep(task: str, engine: str, args: argparse.Namespace, found: Findings) -> None:
    """Evaluate a policy with an engine."""
    name = shipped_policy(task)
    what = f'{name}, {engine}, in lockstep'
    with tempfile.TemporaryDirectory(prefix='act_ros_policies_') as folder:
        done = subprocess.run(
            ['ros2', 'run', 'act_ros', 'evaluate', '--checkpoint', name, '--seeds', args.seeds,
             '--workers', '2', '--engine', engine, '--output', folder],
            stdout=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        print(done.stdout, flush=True)
        if done.returncode:
            found.not_measured(what, f'evaluate ended with status {done.returncode}')
            return
        policy = json.loads((Path(folder) / 'results.json').read_text())['policies'][0]
    found.count(f'{what}: success', policy['successes'], policy['episodes'])


def in_real_time(task: str, episodes: int, found: Findings) -> None:
    """Let a policy do its task through the launch file."""
    successes = ended = 0
    words = (f'task:={task}', f'episodes:={episodes}')
    with launched('aloha.launch.py', *words, output=subprocess.PIPE) as launch:
        assert launch.stdout is not None
        for line in launch.stdout:
            sys.stdout.buffer.write(line)
            sys.stdout.flush()
            if match := _EPISODE.search(line):
                ended += 1
                successes += match[1] == b'success'
    if not ended:
        found.not_measured(f'{task}, in real time', 'the launch ended before the first episode')
        return
    found.count(f'{shipped_policy(task)}, in real time: success', successes, episodes)


def main() -> int:
    """Measure, print; 1 where an episode failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--tasks', nargs='+', default=sorted(STEPS), choices=sorted(STEPS))
    parser.add_argument('--seeds', default='0-99', help='in lockstep')
    parser.add_argument('--engines', nargs='+', default=['openvino', 'torch'], help='in lockstep')
    parser.add_argument('--episodes', type=int, default=50, help='in real time; 0: none')
    add_json(parser)
    args = parser.parse_args()
    hold()
    ros_domain.leave()
    found = Findings()
    for task in args.tasks:
        for engine in args.engines:
            in_lockstep(task, engine, args, found)
        if args.episodes:
            in_real_time(task, args.episodes, found)
    return found.end(args.json)


if __name__ == '__main__':
    sys.exit(main())
