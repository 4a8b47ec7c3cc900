#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make demo`: the shipped policy does its task in the simulator, and a film of it is left behind.

Runs `ros2 launch act_ros aloha.launch.py` for a few episodes, tells from its topics how it goes (as any
other program could), and at the end what came of it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import rclpy
from act_msgs.msg import Command, PolicyState, SimState
from rclpy.qos import DurabilityPolicy, QoSProfile

ROOT = Path(__file__).resolve().parent.parent
STOP_S = 15.0
PRINT_S = 2.0


class Watcher:
    """Prints what the running policy and simulator say about themselves."""

    def __init__(self) -> None:
        """Subscribe; the launch may start before or after."""
        rclpy.init()
        self.node = rclpy.create_node('demo')
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._start = time.monotonic()
        self._printed = 0.0
        self._policy: PolicyState | None = None
        self._sim: SimState | None = None
        self.results: dict[int, bool] = {}
        self.first_command_s: float | None = None
        self.node.create_subscription(PolicyState, '/act/policy_state', self._on_policy, latched)
        self.node.create_subscription(SimState, '/act/sim_state', self._on_sim, latched)
        self._commands = self.node.create_subscription(
            Command, '/act/command', self._on_command, 1
        )

    def spin(self) -> None:
        """Take what has come, for at most a tenth of a second."""
        rclpy.spin_once(self.node, timeout_sec=0.1)

    def close(self) -> None:
        """Unsubscribe."""
        self.node.destroy_node()
        rclpy.try_shutdown()

    def _on_command(self, _: object) -> None:
        if self.first_command_s is None:
            self.first_command_s = time.monotonic() - self._start
            print(f'first command {self.first_command_s:.1f} s after the start', flush=True)

    def _on_policy(self, msg: PolicyState) -> None:
        self._policy = msg

    def _on_sim(self, msg: SimState) -> None:
        before = self._sim
        self._sim = msg
        if before is not None and msg.episode != before.episode:
            self._print(before, 'done' if before.success else 'not done')
        self.results[msg.episode] = self.results.get(msg.episode, False) or msg.success
        now = time.monotonic()
        if msg.step > 0 and now - self._printed >= PRINT_S:
            self._printed = now
            self._print(
                msg,
                'DONE' if msg.success else f'stage {msg.best_reward:.0f} of {msg.max_reward:.0f}',
            )

    def _print(self, sim: SimState, how: str) -> None:
        line = f'episode {sim.episode} (seed {sim.seed}) {sim.step / 50:4.1f} s  {how:14}'
        if self._policy is not None:
            p = self._policy
            line += (
                f'  {p.rate_hz:5.2f} Hz, period error p99 {1e3 * p.period_error_p99_s:.1f} ms, '
                f'inference {1e3 * p.inference_s:.0f} ms ({p.inference_rate_hz:.1f} a second)'
            )
        if sim.real_time_factor < 0.98:
            line += f', {sim.real_time_factor:.2f} of real time'
        print(line, flush=True)


@contextlib.contextmanager
def launched(arguments: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the launch file, with its output in `log`; whatever happens, it is ended with Ctrl+C's signal."""
    with log.open('wb') as out:
        process = subprocess.Popen(
            ['ros2', 'launch', 'act_ros', 'aloha.launch.py', *arguments],
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def demo(args: argparse.Namespace) -> int:
    """Run the episodes; 0 when they all ran, whatever their outcome."""
    film, log = args.output / 'demo.mp4', args.output / 'demo.log'
    args.output.mkdir(parents=True, exist_ok=True)
    film.unlink(missing_ok=True)
    print(
        f'{args.episodes} episodes of {args.checkpoint} in the simulator; the nodes write to {log}',
        flush=True,
    )
    arguments = [
        f'episodes:={args.episodes}',
        f'seed:={args.seed}',
        f'checkpoint:={args.checkpoint}',
        f'video:={film.resolve()}',
    ]
    watcher = Watcher()
    deadline = time.monotonic() + args.timeout
    try:
        with launched(arguments, log) as process:
            while process.poll() is None and time.monotonic() < deadline:
                watcher.spin()
        code = process.returncode
    finally:
        watcher.close()
    done = sum(watcher.results.values())
    if watcher.first_command_s is None or len(watcher.results) < args.episodes or code:
        lines = log.read_text(encoding='utf-8', errors='replace').splitlines()[-12:]
        why = (
            f'not over after {args.timeout:g} s'
            if time.monotonic() >= deadline
            else f'the launch ended with {code}'
        )
        print(
            '\n'.join(lines), f'\ndemo: {why}; the last lines of {log} are above', file=sys.stderr
        )
        return 1
    print(f'{done} of {len(watcher.results)} episodes succeeded')
    print(f'film: {film}')
    return 0


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        '--checkpoint', default='aloha_sim_transfer_cube', help='a name in models/, or a path'
    )
    parser.add_argument('--episodes', type=int, default=4, help='how many')
    parser.add_argument(
        '--seed', type=int, default=0, help='of the first; policies are trained on 1000 and up'
    )
    parser.add_argument(
        '--output', type=Path, default=ROOT / 'outputs', help='folder for demo.mp4 and demo.log'
    )
    parser.add_argument(
        '--timeout', type=float, default=300.0, help='seconds after which it is given up'
    )
    args = parser.parse_args()
    if not any(
        (folder / 'config.json').is_file()
        for folder in (ROOT / 'models' / args.checkpoint, Path(args.checkpoint))
    ):
        print(
            f'demo: there is no policy {args.checkpoint} in {ROOT / "models"}: is the clone complete? '
            'Train one with: ros2 run act_ros train --help',
            file=sys.stderr,
        )
        return 1
    try:
        return demo(args)
    except KeyboardInterrupt:
        return 130


if __name__ == '__main__':
    sys.exit(main())
