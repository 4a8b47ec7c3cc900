#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make demo`: the shipped policies do their tasks in the simulator, and a film of it is left behind.

Runs `ros2 launch act_ros aloha.launch.py` for a few episodes of each task, tells from its topics how it goes
(as any other program could), and at the end what came of it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import rclpy
from act_msgs.msg import Command, PolicyState, SimState
from rclpy.qos import DurabilityPolicy, QoSProfile

from act_ros.data.lerobot.video import VideoError, join_videos
from act_ros.nodes.process.launched import launched
from act_ros.sim.film.captions import WORDS
from act_ros.sim.world import STAGES

ROOT = Path(__file__).resolve().parent.parent
POLICIES = {'transfer_cube': 'aloha_sim_transfer_cube', 'insertion': 'aloha_sim_insertion'}
"""What is shown, in this order, and who does it."""
PRINT_S = 2.0
DRAWING_S = 3.0
"""Once the episodes are over and the simulator has been silent so long, it draws what is left of the film."""


class Watcher:
    """Prints what the running policy and simulator say about themselves."""

    def __init__(self, episodes: int) -> None:
        """Subscribe; the launch, which may start before or after, runs so many episodes."""
        rclpy.init()
        self.node = rclpy.create_node('demo')
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._episodes = episodes
        self._start = self._heard = time.monotonic()
        self._printed = 0.0
        self._policy: PolicyState | None = None
        self._evenness: list[tuple[float, float]] = []
        self._sim: SimState | None = None
        self.results: dict[int, bool] = {}
        self.first_command_s: float | None = None
        self.drawing = False
        self.node.create_subscription(PolicyState, '/act/policy_state', self._on_policy, latched)
        self.node.create_subscription(SimState, '/act/sim_state', self._on_sim, latched)
        self.node.create_subscription(Command, '/act/command', self._on_command, 1)

    def spin(self) -> None:
        """Take what has come, for at most a tenth of a second."""
        rclpy.spin_once(self.node, timeout_sec=0.1)
        silent = time.monotonic() - self._heard > DRAWING_S
        if silent and not self.drawing and len(self.results) == self._episodes:
            self.drawing = True
            print('the rest of the film is being drawn', flush=True)

    def loop(self) -> str:
        """How evenly the policy's loop ran, in words: the median, as the last second has the simulator's end in it."""
        if not self._evenness:
            return 'the policy never told its rate'
        return _evenness(
            *(statistics.median(values) for values in zip(*self._evenness, strict=True))
        )

    def close(self) -> None:
        """Unsubscribe."""
        self.node.destroy_node()
        rclpy.try_shutdown()

    def _on_command(self, _: object) -> None:
        if self.first_command_s is None:
            self.first_command_s = time.monotonic() - self._start
            print(f'first command {self.first_command_s:.1f} s after the start', flush=True)

    def _on_policy(self, msg: PolicyState) -> None:
        if (
            time.monotonic() - self._heard < 0.5
        ):  # not while it holds the arms of a simulator that has ended
            self._policy = msg
            if msg.state == PolicyState.RUNNING:
                self._evenness.append((msg.rate_hz, msg.period_error_p99_s))

    def _on_sim(self, msg: SimState) -> None:
        self._heard = now = time.monotonic()
        before, self._sim = self._sim, msg
        self.results[msg.episode] = self.results.get(msg.episode, False) or msg.success
        if before is not None and msg.episode != before.episode:
            self._print(before)
        elif msg.step > 0 and now - self._printed >= PRINT_S:
            self._printed = now
            self._print(msg)

    def _print(self, sim: SimState) -> None:
        reached = int(sim.best_reward)
        how = 'DONE' if sim.success else STAGES[sim.task][reached - 1] if reached else 'begun'
        line = f'episode {sim.episode} (seed {sim.seed}) {sim.step / 50:4.1f} s  {how:12}'
        if self._policy is not None:
            p = self._policy
            line += (
                f'  {_evenness(p.rate_hz, p.period_error_p99_s)}, inference {1e3 * p.inference_s:.0f} ms '
                f'({p.inference_rate_hz:.1f} a second)'
            )
        if sim.real_time_factor < 0.98:
            line += f', {sim.real_time_factor:.2f} of real time'
        print(line, flush=True)


def _evenness(rate_hz: float, period_error_s: float) -> str:
    return f'{rate_hz:.2f} Hz, period error p99 {1e3 * period_error_s:.1f} ms'


def show(task: str, film: Path, log: Path, args: argparse.Namespace) -> str | None:
    """Run the episodes of a task and film them; what came of it in a line, None if they did not all run."""
    name, sentence = WORDS[task]
    print(f'\n{name}: {sentence} ({args.episodes} episodes; the nodes write to {log})', flush=True)
    arguments = [
        f'task:={task}',
        f'checkpoint:={POLICIES[task]}',
        f'episodes:={args.episodes}',
        f'seed:={args.seed}',
        f'video:={film.resolve()}',
    ]
    watcher = Watcher(args.episodes)
    deadline = time.monotonic() + args.timeout
    try:
        with (
            log.open('wb') as output,
            launched('aloha.launch.py', *arguments, output=output) as process,
        ):
            while process.poll() is None and time.monotonic() < deadline:
                watcher.spin()
            code = process.poll()
    finally:
        watcher.close()
    if watcher.first_command_s is None or len(watcher.results) < args.episodes or code != 0:
        lines = log.read_text(encoding='utf-8', errors='replace').splitlines()[-12:]
        why = (
            f'not over after {args.timeout:g} s'
            if code is None
            else f'the launch ended with {code}'
        )
        print(
            '\n'.join(lines), f'\ndemo: {why}; the last lines of {log} are above', file=sys.stderr
        )
        return None
    return f'{summary(name, watcher.results)}; the loop ran at {watcher.loop()}'


def summary(name: str, results: dict[int, bool]) -> str:
    """'Transfer cube: 2 of 3 episodes succeeded' of the episodes' outcomes by their numbers."""
    return f'{name}: {sum(results.values())} of {len(results)} episodes succeeded'


def demo(args: argparse.Namespace) -> int:
    """Show both tasks; 0 when all episodes ran, whatever their outcome, and the film is there."""
    args.output.mkdir(parents=True, exist_ok=True)
    film = args.output / 'demo.mp4'
    parts = {task: args.output / f'demo_{task}.mp4' for task in POLICIES}
    for path in (film, *parts.values()):
        path.unlink(missing_ok=True)
    lines = []
    for task, part in parts.items():
        line = show(task, part, args.output / f'demo_{task}.log', args)
        if line is None:
            return 1
        lines.append(line)
    print('', *lines, sep='\n')
    try:
        join_videos(list(parts.values()), film)
    except VideoError as error:
        print(f'demo: {error}; the logs beside it say more', file=sys.stderr)
        return 1
    for part in parts.values():
        part.unlink()
    print(f'film: {film}')
    return 0


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('--episodes', type=int, default=2, help='how many of each task')
    parser.add_argument(
        '--seed', type=int, default=0, help='of the first; policies are trained on 1000 and up'
    )
    parser.add_argument(
        '--output', type=Path, default=ROOT / 'outputs', help='folder for demo.mp4 and the logs'
    )
    parser.add_argument(
        '--timeout', type=float, default=300.0, help='seconds after which a task is given up'
    )
    args = parser.parse_args()
    if args.episodes < 1 or args.seed < 0:
        parser.error('--episodes must be at least 1, --seed 0 or more')
    for name in POLICIES.values():
        if not (ROOT / 'models' / name / 'config.json').is_file():
            print(
                f'demo: there is no policy {name} in {ROOT / "models"}: is the clone complete? '
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
