#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How evenly the commands come, with everything running: `ros2 launch act_ros aloha.launch.py`.

Measures in a process of its own, on all four command topics, from the stamps that the middleware
puts on each message: the sender's (what the loop did) and the receiver's (what a driver would
see). Source `setup.bash` first.

    benchmarks/control_loop.py --seconds 60
    benchmarks/control_loop.py --seconds 60 -- checkpoint:=NAME task:=insertion
    benchmarks/control_loop.py --seconds 600 --sync -- precision:=int8 record:=outputs/episodes
    benchmarks/control_loop.py --attach            # measure what runs already

Exit code 0 if every target is met, 1 if not, 2 if there was nothing to measure.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
import ros_domain
from act_msgs.msg import PolicyState
from command_observer import TICK, Observer
from findings import Findings, add_json
from lifeline import hold
from rclpy.executors import SingleThreadedExecutor
from stalls import Stalls, less_stalls

from act_ros.nodes.process.launched import launched

RATE_HZ, RATE_TOLERANCE_HZ = 50.0, 0.2
P99_MS, SYNC_P99_MS, GAP_MS = 3.0, 1.0, 40.0
TICK_MS = 3.0
RUNNING_WITHIN_S = 120.0


@dataclass(frozen=True)
class Figures:
    """One topic, by one of the two stamps. Errors are |period - 20 ms|.

    `own_gaps` are those that are gaps without the time for which the machine stood still.
    """

    topic: str
    stamp: str
    messages: int
    rate_hz: float
    error_p50_ms: float
    error_p99_ms: float
    error_max_ms: float
    longest_ms: float
    gaps: int
    own_gaps: int


def figures(topic: str, stamp: str, stamps_ns: np.ndarray, stalls: Stalls) -> Figures:
    """Rate and evenness of one topic."""
    stamps_ns = np.sort(stamps_ns)
    periods = np.diff(stamps_ns) * 1e-6
    error = np.abs(periods - 1e3 / RATE_HZ)
    p50, p99 = np.percentile(error, [50, 99])
    return Figures(
        topic,
        stamp,
        len(stamps_ns),
        float(1e3 / periods.mean()),
        float(p50),
        float(p99),
        float(error.max()),
        float(periods.max()),
        int((periods > GAP_MS).sum()),
        int((less_stalls(stalls, stamps_ns) > GAP_MS).sum()),
    )


def summary(observer: Observer, seconds: float) -> dict[str, Any]:
    """What the nodes say of themselves: chunks, inference, real-time factor."""
    states, sims = observer.policy, observer.sim
    result: dict[str, Any] = {'seconds': seconds}
    if states:
        inference = [state.inference_s for state in states if state.inference_s > 0]
        result |= {
            'checkpoint': Path(states[-1].checkpoint).name,
            'chunks_per_s': (states[-1].chunks - states[0].chunks) / seconds,
            'inference_ms': 1e3 * float(np.median(inference)) if inference else None,
            'missed_ticks': states[-1].missed_ticks - states[0].missed_ticks,
            'held_ticks': states[-1].held_ticks - states[0].held_ticks,
            'ticks': states[-1].tick - states[0].tick,
            # A state may be told in the middle of a tick.
            'ticks_without_a_chunk': max(
                0, states[-1].tick - states[0].tick - states[-1].chunks + states[0].chunks - 1
            ),
            'observations': len(set(observer.chunks)),
            'notes': '; '.join(states[-1].notes),
            'image_age_ms': 1e3 * float(np.median([state.image_age_s for state in states])),
        }
    factors = [sim.real_time_factor for sim in sims if np.isfinite(sim.real_time_factor)]
    if factors:
        result['real_time_factor'] = float(np.median(factors))
        result['real_time_factor_worst'] = float(min(factors))
        result['episodes'] = sims[-1].episode - sims[0].episode + 1
    result['load_average'] = os.getloadavg()[0]
    result['processors'] = len(os.sched_getaffinity(0))
    return result


def show(rows: list[Figures], facts: dict[str, Any]) -> None:
    """Print the table."""
    print(
        f'{"topic":<40} {"stamp":<9} {"count":>6} {"Hz":>7} {"p50":>7} {"p99":>7} {"max":>7} '
        f'{"longest":>8} gaps  own'
    )
    for row in rows:
        print(
            f'{row.topic:<40} {row.stamp:<9} {row.messages:>6} {row.rate_hz:>7.2f} '
            f'{row.error_p50_ms:>7.2f} {row.error_p99_ms:>7.2f} {row.error_max_ms:>7.2f} '
            f'{row.longest_ms:>8.1f} {row.gaps:>4} {row.own_gaps:>4}'
        )
    print(
        '(p50, p99, max of |period - 20 ms| and the longest period in ms; gaps: over 40 ms; own: those '
        'that are so without the time for which the machine itself stood still)'
    )
    for name, value in facts.items():
        print(f'  {name}: {value:.3f}' if isinstance(value, float) else f'  {name}: {value}')


def wait(observer: Observer, spin: Any, launch: subprocess.Popen[bytes] | None) -> bool:
    """Wait until the policy commands; False if that does not come."""
    deadline = time.monotonic() + RUNNING_WITHIN_S
    while time.monotonic() < deadline:
        spin.spin_once(timeout_sec=0.2)
        if observer.policy and observer.policy[-1].state == PolicyState.RUNNING:
            return True
        if launch is not None and launch.poll() is not None:
            print(f'the launch ended with code {launch.returncode}', file=sys.stderr)
            return False
    last = observer.policy[-1].reason if observer.policy else 'act/policy_state was never heard'
    print(f'the policy was not RUNNING within {RUNNING_WITHIN_S:g} s: {last}', file=sys.stderr)
    return False


def measure(args: argparse.Namespace, launch: subprocess.Popen[bytes] | None) -> int:
    """Wait, measure, print; returns the exit code."""
    rclpy.init()
    observer = Observer(args.namespace)
    spin = SingleThreadedExecutor()
    spin.add_node(observer)
    if not wait(observer, spin, launch):
        return 2
    with Stalls() as stalls:
        for seconds, begin in ((args.warmup, None), (args.seconds, observer.begin)):
            if begin:
                begin()
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                spin.spin_once(timeout_sec=0.1)
    rows = []
    for column, stamp in enumerate(('sent', 'received')):
        for topic, stamps in observer.stamps.items():
            if len(stamps) < 3:
                print(f'{topic}: only {len(stamps)} commands', file=sys.stderr)
                return 2
            rows.append(figures(topic, stamp, np.array(stamps)[:, column], stalls))
    facts = summary(observer, args.seconds)
    facts['machine_stood_still_ms'] = stalls.longest_ms if stalls.known else 'not known'
    p50, p99 = np.percentile(observer.delays_ms(), [50, 99])
    facts |= {'joint_state_to_command_ms': float(p50), 'joint_state_to_command_p99_ms': float(p99)}
    ticks_ms = 1e-3 * np.nanmedian(observer.ticks_us or [[np.nan] * len(TICK)], axis=0)
    names = 'commands_out_p99_ms', 'tick_p99_ms', 'longest_tick_ms'
    facts |= dict(zip(names, map(float, ticks_ms), strict=True))
    show(rows, facts)
    sent = [row for row in rows if row.stamp == 'sent']
    return judged(sent, facts, args.sync).end(args.json)


def judged(sent: list[Figures], facts: dict[str, Any], sync: bool) -> Findings:
    """The worst of the topics, as the commands were sent, beside the targets."""
    found = Findings()
    low, high = RATE_HZ - RATE_TOLERANCE_HZ, RATE_HZ + RATE_TOLERANCE_HZ
    rate = max((row.rate_hz for row in sent), key=lambda rate: abs(rate - RATE_HZ))
    found.figure('commands', rate, 'Hz', at_least=low, at_most=high)
    found.figure('|period - 20 ms|, median', max(row.error_p50_ms for row in sent), 'ms')
    worst = max(row.error_p99_ms for row in sent)
    at_most = SYNC_P99_MS if sync else P99_MS
    found.figure('|period - 20 ms|, p99', worst, 'ms', at_most=at_most)
    found.figure('longest period', max(row.longest_ms for row in sent), 'ms')
    own = max(row.own_gaps for row in sent)
    found.figure(
        f'periods over {GAP_MS:g} ms but for what the machine stood still', own, at_most=0
    )
    if sync:
        lacking = facts.get('ticks_without_a_chunk', math.nan)
        found.figure('ticks without a chunk of their own', lacking, at_most=0)
    else:
        out = facts['commands_out_p99_ms']
        found.figure('joint states in to commands out, p99, median', out, 'ms', at_most=TICK_MS)
        # With the chunk that came told, and the observation handed over.
        found.figure('a tick, p99, median', facts['tick_p99_ms'], 'ms')
        found.figure('longest tick of 250, median', facts['longest_tick_ms'], 'ms')
    for name in ('chunks_per_s', 'inference_ms', 'real_time_factor', 'missed_ticks'):
        if facts.get(name) is not None:
            found.figure(name.replace('_', ' '), facts[name])
    return found


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--seconds', type=float, default=60.0, help='how long to measure')
    parser.add_argument('--warmup', type=float, default=5.0, help='before that, from RUNNING on')
    parser.add_argument('--namespace', default='', help='of the robot')
    parser.add_argument(
        '--sync', action='store_true', help='launch with inference:=sync, and judge by its targets'
    )
    add_json(parser)
    parser.add_argument('--attach', action='store_true', help='launch nothing')
    parser.add_argument('arguments', nargs='*', metavar='name:=value', help='for the launch file')
    args = parser.parse_args()
    hold()
    try:
        if args.attach:
            return measure(args, None)
        ros_domain.leave()
        sync = ['inference:=sync'] if args.sync else []
        with launched('aloha.launch.py', *sync, *args.arguments) as launch:
            return measure(args, launch)
    finally:
        rclpy.try_shutdown()


if __name__ == '__main__':
    sys.exit(main())
