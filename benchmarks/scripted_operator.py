#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How often the scripted operator succeeds, how long it takes, and what a tick and an image cost.

    python3 benchmarks/scripted_operator.py --seeds 50

The commands reach the arms `delay` ticks of 20 ms late, as they do when they go through ROS. `held` counts
the episodes whose last moment is still at the top reward. Intervals are Wilson's, 95 %.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import deque
from dataclasses import dataclass

os.environ.setdefault('LP_NUM_THREADS', '1')

import numpy as np

from act_ros.commands.report import success_line
from act_ros.sim.cameras import CameraRig
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


def success_table(tasks: list[str], delays: list[int], first: int, seeds: int) -> None:
    """Print success and ticks for every task and delay."""
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


def costs(task: str) -> None:
    """Print medians of what a tick of physics, a tick of the operator and an image cost, in ms."""
    world = World(task)
    operator = Operator(task, 0, world.spec)
    physics, acting, images = [], [], []
    with CameraRig(world) as rig:
        rig.render('top')
        for tick in range(200):
            start = time.perf_counter()
            action = operator.act(world)
            acted = time.perf_counter()
            world.command(action)
            world.step(0.02)
            stepped = time.perf_counter()
            acting.append(acted - start)
            physics.append(stepped - acted)
            if tick % 5 == 0:
                rig.update(world.state())
                rig.render('top', 480, 640)
                images.append(time.perf_counter() - stepped)
    values = ', '.join(
        f'{name} {1e3 * float(np.median(times)):.2f} ms'
        for name, times in (
            ('physics a tick', physics),
            ('operator a tick', acting),
            ('image', images),
        )
    )
    print(f'{task}: {values} (480x640, one rendering thread)')


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--tasks', nargs='+', choices=sorted(STEPS), default=sorted(STEPS))
    parser.add_argument('--delays', nargs='+', type=int, default=[0, 3], help='ticks of 20 ms')
    parser.add_argument('--first-seed', type=int, default=0)
    parser.add_argument('--seeds', type=int, default=50, help='how many')
    args = parser.parse_args()
    success_table(args.tasks, args.delays, args.first_seed, args.seeds)
    for task in args.tasks:
        costs(task)


if __name__ == '__main__':
    main()
