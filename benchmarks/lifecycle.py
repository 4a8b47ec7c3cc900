#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Take the policy node through its life again and again: configure, activate, deactivate, cleanup; see what it keeps.

Starts `ros2 launch act_ros aloha.launch.py autostart:=false` (simulator, policy, everything), and changes the node's
state as a lifecycle manager does. While it is active the arms have to be commanded; after each cleanup the node's
memory, threads, open files, shared memory and processes are counted. Source `setup.bash` first.

    benchmarks/lifecycle.py                # 50 cycles
    benchmarks/lifecycle.py --cycles 5 --json outputs/lifecycle.json

Exit code 0 if nothing grows, 1 if something does, 2 if there was nothing to measure.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import rclpy
import ros_domain
from act_msgs.msg import Command
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from lifeline import hold
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from swap import processes, spin_until

from act_ros.nodes.process.launched import launched

GROWTH_MIB = 10.0
START_S, ANSWER_S = 120.0, 660.0
COMMANDS = 50
"""So many have to go out before the arms are told to hold."""


@dataclass(frozen=True)
class Kept:
    """What the node has after a cycle; its processes include itself."""

    memory_mib: float
    threads: int
    files: int
    segments: int
    processes: int
    configure_s: float
    active_s: float


class Manager(Node):
    """Changes the state of the policy node, and counts the commands."""

    def __init__(self, prefix: str) -> None:
        super().__init__('lifecycle_benchmark')
        self.commands = 0
        self.create_subscription(Command, f'{prefix}/act/command', self._on_command, 100)
        self.change = self.create_client(ChangeState, f'{prefix}/act/policy/change_state')
        self.get = self.create_client(GetState, f'{prefix}/act/policy/get_state')

    def _on_command(self, _: Command) -> None:
        self.commands += 1


class Failed(Exception):
    """A transition was refused, or nothing came of it."""


def policy_of(launch: int) -> int | None:
    """The process of the policy node."""
    for pid in processes(launch):
        try:
            words = Path(f'/proc/{pid}/cmdline').read_bytes()
        except OSError:
            continue
        if b'act_ros/policy' in words:
            return pid
    return None


def kept(pid: int, configure_s: float, active_s: float) -> Kept:
    """Count what a process has now."""
    own = Path(f'/proc/{pid}')
    status = dict(
        line.split(':', 1) for line in (own / 'status').read_text().splitlines() if ':' in line
    )
    maps = (own / 'maps').read_text().splitlines()
    return Kept(
        memory_mib=int(status['VmRSS'].split()[0]) / 1024,
        threads=int(status['Threads']),
        files=len(list((own / 'fd').iterdir())),
        segments=len({line.split()[-1] for line in maps if '/dev/shm/' in line}),
        processes=len(processes(pid)),
        configure_s=configure_s,
        active_s=active_s,
    )


def become(spin: SingleThreadedExecutor, manager: Manager, label: str, state: str) -> float:
    """Ask for a transition; returns how many seconds it took.

    Raises:
        Failed: it was refused, or led elsewhere.
    """
    begin = time.monotonic()
    request = ChangeState.Request(transition=Transition(label=label))
    answer = manager.change.call_async(request)
    if not spin_until(spin, answer.done, ANSWER_S) or not answer.result().success:
        raise Failed(f'{label} failed')
    seconds = time.monotonic() - begin
    asked = manager.get.call_async(GetState.Request())
    now = asked.result().current_state.label if spin_until(spin, asked.done, ANSWER_S) else '?'
    if now != state:
        raise Failed(f'{label}: the node is {now}, and should be {state}')
    return seconds


def cycle(spin: SingleThreadedExecutor, manager: Manager, pid: int) -> Kept:
    """Once through the life of the node."""
    configure_s = become(spin, manager, 'configure', 'inactive')
    if len(processes(pid)) < 2:
        raise Failed('it is configured, and has no inference process')
    before, begin = manager.commands, time.monotonic()
    become(spin, manager, 'activate', 'active')
    if not spin_until(spin, lambda: manager.commands >= before + COMMANDS, ANSWER_S):
        raise Failed('it is active, and commands nothing')
    active_s = time.monotonic() - begin
    become(spin, manager, 'deactivate', 'inactive')
    become(spin, manager, 'cleanup', 'unconfigured')
    return kept(pid, configure_s, active_s)


def verdict(cycles: list[Kept]) -> dict[str, object]:
    """What the last third has more than the first, the first cycle left out: only then all is loaded."""
    settled = cycles[1:]
    third = max(len(settled) // 3, 1)
    figures: dict[str, object] = {'cycles': len(cycles)}
    grows = False
    for name in ('memory_mib', 'threads', 'files', 'segments', 'processes'):
        first = statistics.median(getattr(each, name) for each in settled[:third])
        last = statistics.median(getattr(each, name) for each in settled[-third:])
        figures[f'{name} first third'], figures[f'{name} last third'] = first, last
        grows = grows or last - first > (GROWTH_MIB if name == 'memory_mib' else 0)
    figures['inference processes after cleanup'] = max(each.processes for each in cycles) - 1
    figures['configure s median'] = statistics.median(each.configure_s for each in cycles)
    figures['met'] = not grows and figures['inference processes after cleanup'] == 0
    return figures


def run(args: argparse.Namespace, launch: int) -> int:
    """Wait for the node, take it through its cycles, print; returns the exit code."""
    rclpy.init(args=[])
    manager = Manager(f'/{args.namespace.strip("/")}'.rstrip('/'))
    spin = SingleThreadedExecutor()
    spin.add_node(manager)
    if not spin_until(spin, manager.change.service_is_ready, START_S):
        print('the policy node was not there in time', file=sys.stderr)
        return 2
    pid, cycles = policy_of(launch), []
    if pid is None:
        print('the process of the policy node was not found', file=sys.stderr)
        return 2
    for number in range(1, args.cycles + 1):
        try:
            cycles.append(cycle(spin, manager, pid))
        except Failed as error:
            print(f'cycle {number}: {error}', file=sys.stderr)
            return 1
        print(
            f'{number:>3} {" ".join(f"{k} {v:.6g}" for k, v in asdict(cycles[-1]).items())}',
            flush=True,
        )
    figures = verdict(cycles)
    for name, value in figures.items():
        print(f'  {name}: {value:.3f}' if isinstance(value, float) else f'  {name}: {value}')
    print(
        f'target (nothing grows; memory by less than {GROWTH_MIB:g} MiB): {"met" if figures["met"] else "NOT met"}'
    )
    if args.json:
        text = json.dumps({**figures, 'each': [asdict(each) for each in cycles]}, indent=1)
        args.json.write_text(text + '\n', encoding='utf-8')
    return 0 if figures['met'] else 1


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--cycles', type=int, default=50, help='from configure to cleanup; at least 4'
    )
    parser.add_argument('--namespace', default='', help='of the robot')
    parser.add_argument('--json', type=Path, help='also write the figures to this file')
    parser.add_argument('arguments', nargs='*', metavar='name:=value', help='for the launch file')
    args = parser.parse_args()
    if args.cycles < 4:
        parser.error('with fewer than 4 cycles nothing can be compared')
    hold()
    ros_domain.leave()
    try:
        with launched('aloha.launch.py', 'autostart:=false', *args.arguments) as launch:
            return run(args, launch.pid)
    finally:
        rclpy.try_shutdown()


if __name__ == '__main__':
    sys.exit(main())
