#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the policy node does when something lies, dies or freezes: a table made by doing it.

For each fault the real policy node is started with a real policy, and real drivers' topics from a robot that can
lie (`lying_robot.py`). The fault comes, stays, and goes. Measured from outside: how long until the node's state is
no longer RUNNING, what was commanded meanwhile, what a person reads, and what it takes to go on. Source
`setup.bash` first.

    benchmarks/faults.py                        # all
    benchmarks/faults.py --only sink frozen --json outputs/faults.json

Exit code 0 if every fault was noticed and no command was beyond what the robot's description allows, 1 if not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rclpy
import ros_domain
from act_msgs.msg import PolicyState
from fault_list import NOTICE_S, Fault, faults
from fault_scene import NAMES, Scene
from findings import Findings, add_json
from lifeline import hold
from std_srvs.srv import SetBool

BACK_S = 30.0
JOINED_TICKS = 10


@dataclass
class Row:
    """What came of a fault; times in seconds, angles in rad."""

    fault: str
    noticed_s: float | None
    commands: int
    outside: float
    step: float
    acceleration: float
    reads: str
    back: str
    right: bool


def measure(scene: Scene, fault: Fault) -> Row:
    """Let it happen."""
    time.sleep(1.0)
    seen, sent = len(scene.states), len(scene.commands)
    begin = time.monotonic()
    first: list[tuple[float, str]] = []

    def changed() -> bool:
        if scene.answer and fault.says in scene.answer:
            first.append((time.monotonic(), scene.answer))
        if scene.process.poll() is not None and fault.says in scene.reason:
            first.append((time.monotonic(), scene.reason))
        for at, msg in scene.states[seen:]:
            if msg.state != PolicyState.RUNNING and fault.says in msg.reason:
                first.append((at, f'{NAMES[msg.state]}: {msg.reason}'))
                break
        return bool(first)

    fault.begin(scene)
    scene.until(changed, max(NOTICE_S, fault.lasts_s))
    time.sleep(max(0.0, begin + fault.lasts_s - time.monotonic()))
    again = scene.state == 'RUNNING'
    back = 'no more'
    if fault.heal is not None:
        fault.heal(scene)
        back = _back(scene)
    worst = _worst(scene, sent)
    # Rounding to float32 is no step beyond the limit.
    sound = worst[0] <= 1e-5 and (fault.yields or worst[1] <= 1.0 + 1e-4)
    return Row(
        fault.name,
        first[0][0] - begin if first else None,
        len(scene.commands) - sent,
        *worst,
        (first[0][1] if first else '')
        + '; RUNNING again before it was over' * (again and bool(first)),
        back,
        sound
        and (bool(first) or not fault.noticed)
        and not (again and fault.noticed and fault.stays),
    )


def _back(scene: Scene) -> str:
    begin = time.monotonic()
    if scene.until(lambda: scene.state == 'RUNNING', BACK_S):
        return f'by itself, {time.monotonic() - begin:.2f} s'
    if scene.process.poll() is not None:
        return scene.reason
    why = f'{scene.state}: {scene.reason}'
    scene.call(SetBool, '/act/policy/enable', SetBool.Request(data=True))
    if scene.until(lambda: scene.state == 'RUNNING', BACK_S):
        return f'by ~/enable ({why})'
    return f'not by ~/enable: {scene.state}: {scene.reason}'


def _worst(scene: Scene, since: int) -> tuple[float, float, float]:
    """How far commands were outside the limits (rad), the largest step (of what is allowed), acceleration (rad/s²)."""
    spec, kept = scene.robot.spec, scene.commands[max(0, since - 4) :]
    if len(kept) < 3:
        return 0.0, 0.0, 0.0
    ticks, rows = np.array([tick for tick, _ in kept]), np.array([action for _, action in kept])
    in_turn = np.diff(ticks) < JOINED_TICKS  # after a longer pause the arms are anchored anew
    if not np.isfinite(rows).all():
        return np.inf, np.inf, np.inf
    joints = [i for i in range(spec.dof) if i not in spec.grippers]
    outside = np.maximum(rows - spec.upper, spec.lower - rows).max()
    steps = np.abs(np.diff(rows, axis=0))[in_turn] / (spec.velocity / spec.rate_hz)
    second = np.abs(np.diff(rows, 2, axis=0))[in_turn[1:] & in_turn[:-1]][:, joints]
    step = steps.max(initial=0.0)
    acceleration = second.max(initial=0.0) * spec.rate_hz**2
    return max(float(outside), 0.0), float(step), float(acceleration)


def _show(rows: Sequence[Row]) -> None:
    for row in rows:
        noticed = 'not noticed' if row.noticed_s is None else f'{row.noticed_s:.2f} s'
        print(
            f'{"ok   " if row.right else "WRONG"}  {row.fault}: noticed {noticed}; {row.commands} commands, '
            f'{row.outside:.3f} rad outside, step {row.step:.2f} of the limit, {row.acceleration:.0f} rad/s²\n'
            f'       reads: {row.reads}\n       back: {row.back}'
        )


def main() -> int:
    """Run the faults that were asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n\n')[0])
    parser.add_argument('--only', nargs='+', default=[''], help='words of the names of faults')
    parser.add_argument('--policy', default='aloha_sim_insertion', help='that is run')
    add_json(parser)
    args = parser.parse_args()
    hold()
    ros_domain.leave()
    rows = []
    with tempfile.TemporaryDirectory(prefix='act_ros_faults_') as folder:
        rclpy.init()
        for fault in faults():
            if not any(word in fault.name for word in args.only):
                continue
            scene = Scene(args.policy, Path(folder) / 'log')
            try:
                rows.append(measure(scene, fault))
                _show(rows[-1:])
            finally:
                scene.close()
        rclpy.try_shutdown()
    wrong = [row.fault for row in rows if not row.right]
    print(
        f'{len(rows) - len(wrong)} of {len(rows)} right'
        + f'; wrong: {", ".join(wrong)}' * bool(wrong)
    )
    found = Findings()
    found.count('faults that were met as they must be', len(rows) - len(wrong), len(rows))
    noticed = [row.noticed_s for row in rows if row.noticed_s is not None]
    found.figure('longest until one was noticed', max(noticed, default=float('nan')), 's')
    return found.end(args.json)


if __name__ == '__main__':
    sys.exit(main())
