#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Swap policies and engines under load: 100 changes in a row at 50 Hz in simulation, some of them to bad files.

Starts `ros2 launch act_ros aloha.launch.py` (simulator, policy, everything), sets the parameters `checkpoint`,
`engine` and `precision` of the running node again and again as `ros2 param set` does, and watches from a
process of its own: the commands, by the stamps the middleware puts on them, the answers, the
memory. What the engines need for both policies is prepared before. Source `setup.bash` first.

    benchmarks/swap.py                     # 100 changes, 30 of them bad, 30 of the engine
    benchmarks/swap.py --pause 0           # one straight after the other
    benchmarks/swap.py --swaps 20 --bad 6 --engines 0 --json outputs/swap.json

Exit code 0 if every target is met, 1 if not, 2 if there was nothing to measure.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rclpy
import ros_domain
from act_msgs.msg import Command, PolicyState
from bad_policies import Policies
from findings import Findings, add_json
from lifeline import hold
from process_memory import processes, proportional_kib
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from stalls import Stalls, less_stalls
from swap_plan import PREPARE, Live, plan

from act_ros.nodes.process.launched import launched
from act_ros.paths import share_dir
from act_ros.robot.spec import RobotSpec

GAP_MS, LIVE_S = 40.0, 1.0
GROWTH_MIB = 60
START_S, ANSWER_S = 120.0, 120.0


@dataclass(frozen=True)
class Attempt:
    """One setting of a parameter: to what, whether it should be accepted, what came of it."""

    kind: str
    good: bool
    accepted: bool
    right: bool
    reason: str
    seconds: float
    engine: str = ''


class Watcher(Node):
    """Keeps every command with its stamp, and the states of the policy node."""

    def __init__(self, namespace: str) -> None:
        super().__init__('swap_benchmark')
        self._prefix = f'/{namespace.strip("/")}'.rstrip('/')
        self.commands: list[tuple[int, int, np.ndarray]] = []  # sent (ns), tick, action
        self.states: list[PolicyState] = []
        self.create_subscription(Command, f'{self._prefix}/act/command', self._on_command, 100)
        latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(
            PolicyState, f'{self._prefix}/act/policy_state', self.states.append, latched
        )
        self.client = self.create_client(
            SetParameters, f'{self._prefix}/act/policy/set_parameters'
        )

    def _on_command(self, msg: Command, info: dict[str, int]) -> None:
        action = np.array(msg.action, dtype=np.float64)
        self.commands.append((info['source_timestamp'], msg.tick, action))

    def running(self) -> bool:
        """Whether the policy commands the arms."""
        return bool(self.states) and self.states[-1].state == PolicyState.RUNNING

    def set(self, name: str, text: str) -> object:
        """Begin to set a parameter; returns the future of the answer."""
        value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=text)
        request = SetParameters.Request(parameters=[Parameter(name=name, value=value)])
        return self.client.call_async(request)


def memory(launch: int) -> tuple[float, int]:
    """MiB of main memory (proportional share) and number of the policy's processes."""
    total, count = 0, 0
    for pid in processes(launch):
        try:
            words = (Path('/proc') / str(pid) / 'cmdline').read_bytes()
            if b'act_ros/policy' not in words and b'worker_process' not in words:
                continue
            total += proportional_kib(pid)
        except OSError:
            continue
        count += 1
    return total / 1024, count


def spin_until(
    spin: SingleThreadedExecutor, condition: Callable[[], object], seconds: float
) -> bool:
    """Take messages until something holds; False if it did not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        spin.spin_once(timeout_sec=0.1)
    return True


def attempt(
    watcher: Watcher, spin: SingleThreadedExecutor, policies: Policies, kind: str, live: Live
) -> Attempt:
    """Set a parameter once, and judge the answer."""
    good, name, wanted = kind in ('policy', 'engine'), 'checkpoint', ''
    before = dict(vars(live))
    if kind == 'engine':
        name, text = live.next_engine()
    elif kind == 'policy':
        text = live.policy = live.other()
    else:
        text, wanted = policies.bad(kind)
    begin = time.monotonic()
    future = watcher.set(name, text)
    if not spin_until(spin, future.done, ANSWER_S):
        return Attempt(kind, good, False, False, f'no answer within {ANSWER_S:g} s', ANSWER_S)
    seconds = time.monotonic() - begin
    result = future.result().results[0]
    if good and not result.successful:
        vars(live).update(before)
    # The state that counts is one from after the answer.
    watcher.states.clear()
    spin_until(spin, lambda: watcher.states and live.seen_in(watcher.states[-1]), 10)
    right = result.successful == good
    right = right and bool(watcher.states) and live.seen_in(watcher.states[-1])
    right = right and (good or wanted in result.reason) and not policies.witness.exists()
    if not good:
        policies.remove(kind, text)
    return Attempt(kind, good, result.successful, right, result.reason, seconds, live.engine)


def verdicts(
    watcher: Watcher, attempts: list[Attempt], sizes: list[float], stalls: Stalls
) -> Findings:
    """All figures, beside their targets."""
    spec = RobotSpec.load()
    limit = spec.velocity / spec.rate_hz
    stamps = np.array([stamp for stamp, _, _ in watcher.commands])
    ticks = np.array([tick for _, tick, _ in watcher.commands])
    steps = np.abs(np.diff([action for _, _, action in watcher.commands], axis=0))
    gaps = np.diff(stamps) * 1e-6
    own = less_stalls(stalls, stamps)
    third = max(len(sizes) // 3, 1)
    growth = float(np.median(sizes[-third:]) - np.median(sizes[:third]))
    live = [a.seconds for a in attempts if a.good and a.accepted and a.engine != 'torch']
    torch = [a.seconds for a in attempts if a.good and a.accepted and a.engine == 'torch']
    refused = [a.seconds for a in attempts if not a.good and not a.accepted]
    found = Findings()
    found.count('right answers', sum(a.right for a in attempts), len(attempts))
    found.figure('longest period', gaps.max(), 'ms')
    found.figure(
        'longest period but for what the machine stood still', own.max(), 'ms', at_most=GAP_MS
    )
    found.figure('ticks lost', (np.diff(ticks) - 1).clip(min=0).sum(), f'of {len(stamps)}')
    found.figure('largest step, of the limit', (steps / limit).max(), at_most=1.0 + 1e-4)
    # PyTorch takes longer to be loaded than all else.
    for what, seconds in (
        ('until a policy is live', live),
        ('until one is live in PyTorch', torch),
        ('until a refusal', refused),
    ):
        if seconds:
            most = LIVE_S if seconds is live else None
            found.figure(f'{what}, median', np.median(seconds), 's', at_most=most)
            found.figure(f'{what}, longest', max(seconds), 's')
    found.figure('memory, last third', np.median(sizes[-third:]), 'MiB')
    found.figure('more memory than in the first third', growth, 'MiB', at_most=GROWTH_MIB)
    return found


def run(args: argparse.Namespace, policies: Policies, launch: int, stalls: Stalls) -> int:
    """Wait for the policy, change it again and again, print; returns the exit code."""
    random_ = random.Random(args.seed)
    rclpy.init()
    watcher = Watcher(args.namespace)
    spin = SingleThreadedExecutor()
    spin.add_node(watcher)
    if not spin_until(spin, watcher.running, START_S) or not watcher.client.service_is_ready():
        print('the policy was not RUNNING in time', file=sys.stderr)
        return 2
    live = Live()
    for kind in PREPARE if args.engines else ('policy', 'policy'):
        if not (done := attempt(watcher, spin, policies, kind, live)).right:
            print(f'what the engines need could not be prepared: {done.reason}', file=sys.stderr)
            return 2
    spin_until(spin, lambda: False, 3.0)
    held = watcher.states[-1].held_ticks
    watcher.commands.clear()
    attempts, sizes = [], []
    steps = plan(args.swaps, args.bad, args.engines, list(policies.kinds), random_)
    for number, kind in enumerate(steps, 1):
        done = attempt(watcher, spin, policies, kind, live)
        attempts.append(done)
        size, count = memory(launch)
        sizes.append(size)
        print(
            f'{number:>3} {kind:<15} {"live" if done.accepted else "refused":<8}'
            f'{done.seconds:>6.2f} s {size:>6.0f} MiB in {count} {"" if done.right else "WRONG "}'
            f'{done.reason[:110]}',
            flush=True,
        )
        spin_until(spin, lambda: False, args.pause)
    stalls.end()
    found = verdicts(watcher, attempts, sizes, stalls)
    found.figure('ticks held', watcher.states[-1].held_ticks - held)
    if not stalls.known:
        print('without real-time priority it is not known when the machine itself stood still')
    return found.end(args.json)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--swaps', type=int, default=100, help='changes in a row')
    parser.add_argument('--bad', type=int, default=30, help='of them to policies that are refused')
    parser.add_argument(
        '--engines', type=int, default=30, help='of them to another engine or precision'
    )
    parser.add_argument(
        '--pause',
        type=float,
        default=3.0,
        help='s between changes; in that time a process begins that waits for the next policy',
    )
    parser.add_argument('--seed', type=int, default=0, help='of the order and of the damage')
    parser.add_argument('--checkpoint', default='aloha_sim_transfer_cube', help='in models/')
    parser.add_argument('--namespace', default='', help='of the robot')
    add_json(parser)
    parser.add_argument('arguments', nargs='*', metavar='name:=value', help='for the launch file')
    args = parser.parse_args()
    hold()
    ros_domain.leave()
    with tempfile.TemporaryDirectory(prefix='act_ros_swap_') as folder:
        source = (share_dir() / 'models' / args.checkpoint).resolve()
        policies = Policies(Path(folder) / 'models', source, random.Random(args.seed))
        # One endless episode: at a reset of the world the arms are elsewhere, and commands begin there.
        endless = Path(folder) / 'endless.yaml'
        endless.write_text('/**:\n  ros__parameters:\n    auto_reset: false\n', encoding='utf-8')
        words = ['checkpoint:=a', f'params_file:={endless}', f'models_dir:={policies.folder}']
        try:
            with (
                launched('aloha.launch.py', *words, *args.arguments) as launch,
                Stalls() as stalls,
            ):
                return run(args, policies, launch.pid, stalls)
        finally:
            rclpy.try_shutdown()


if __name__ == '__main__':
    sys.exit(main())
