#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How often the scripted operator succeeds, and how long it takes.

    python3 benchmarks/scripted_operator.py --seeds 50

The commands reach the arms `delay` ticks of 20 ms late, as they do when they go through ROS. `held` counts
the episodes whose last moment is still at the top reward. Intervals are Wilson's, 95 %.
"""

from __future__ import annotations

import argparse
import sys
from collections import deque
from dataclasses import dataclass

import numpy as np
from findings import Findings, add_json

from act_ros.commands.report import success_line
from act_ros.sim.operator.operator import Operator
from act_ros.sim.world import STEPS, World


@dataclass(frozen=True)
class Outcome:
    """One episode; ticks are None where the thing did not happen."""

    success_tick: int | None
    done_tick: int | None
    held: bool
    speed: float


def episode(world: World, seed: int, delay: int) -> Outcome:
    """Run one episode with commands `delay` ticks late; `speed` is the top share of the velocity limits."""
    world.reset(seed)
    spec = world.spec
    operator = Operator(world.task, seed, spec)
    line = deque([spec.start] * delay)
    last, speed = spec.start, 0.0
    success = done = None
    for tick in range(STEPS[world.task]):
        action = operator.act(world)
        speed = max(speed, float((np.abs(action - last) * spec.rate_hz / spec.velocity).max()))
        last = action
        if operator.done and done is None:
            done = tick
        line.append(action)
        world.command(line.popleft())
        world.step(1.0 / spec.rate_hz)
        if world.success and success is None:
            success = tick + 1
    return Outcome(success, done, world.reward == 4, speed)


def spread(ticks: list[int]) -> str:
    """Least, middle and most of some ticks."""
    return f'{min(ticks)}/{int(np.median(ticks))}/{max(ticks)}' if ticks else '-'


def success_table(tasks: list[str], delays: list[int], first: int, seeds: int) -> Findings:
    """Print success and ticks for every task and delay."""
    found = Findings()
    for task in tasks:
        world = World(task)
        for delay in delays:
            outcomes = [episode(world, seed, delay) for seed in range(first, first + seeds)]
            reached = [o.success_tick for o in outcomes if o.success_tick is not None]
            done = [o.done_tick for o in outcomes if o.done_tick is not None]
            print(f'{task}, delay {delay}: {success_line(len(reached), seeds)}')
            print(
                f'    ticks to success (min/median/max) {spread(reached)}, to the end {spread(done)}, '
                f'held {sum(o.held for o in outcomes)}, '
                f'top speed {max(o.speed for o in outcomes):.2f} of the limits',
                flush=True,
            )
            found.count(f'{task} done, commands {delay} ticks late', len(reached), seeds)
    return found


def main() -> int:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--tasks', nargs='+', choices=sorted(STEPS), default=sorted(STEPS))
    parser.add_argument('--delays', nargs='+', type=int, default=[0, 3], help='ticks of 20 ms')
    parser.add_argument('--first-seed', type=int, default=0)
    parser.add_argument('--seeds', type=int, default=50, help='how many')
    add_json(parser)
    args = parser.parse_args()
    found = success_table(args.tasks, args.delays, args.first_seed, args.seeds)
    return found.end(args.json)


if __name__ == '__main__':
    sys.exit(main())
