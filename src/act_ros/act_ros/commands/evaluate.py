# SPDX-License-Identifier: Apache-2.0
"""`ros2 run act_ros evaluate`: success of a policy over many seeds of the simulated task, in lockstep."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
import hashlib
import json
import multiprocessing
from pathlib import Path
import sys
import time

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from act_ros.commands.report import EpisodeTrace, plot_episode, success_line, write_video
from act_ros.control.ensemble import ORDERS, make_execution
from act_ros.control.limiter import Limiter
from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import resolve_checkpoint
from act_ros.policy.policy import Policy
from act_ros.robot.spec import RobotSpec
from act_ros.robot.types import Chunk, Frame
from act_ros.sim.cameras import CameraRig
from act_ros.sim.world import STEPS, SimulationError, World
from act_ros.text import printable_data, printable_output


@dataclass(frozen=True)
class Setting:
    """What is evaluated, and how its chunks are executed."""

    checkpoint: str
    task: str
    ensemble: str
    m: float
    execute: int
    threads: int


@dataclass(frozen=True)
class Result:
    """One episode: how far it came, how long it took, and a digest of every joint position on the way.

    The same seed and policy on the same machine give the same digest.
    """

    seed: int
    success: bool
    max_reward: int
    steps: int
    inference_ms: float
    digest: str


class Evaluator:
    """A policy, a world and its cameras, made once and used for many seeds."""

    def __init__(self, setting: Setting) -> None:
        """Load the checkpoint and the scene.

        Raises:
            PolicyError: the checkpoint cannot be used, or wants a camera that the robot doesn't have.
            SimulationError: the scene cannot be made or rendered.
        """
        self._setting = setting
        self._spec = RobotSpec.load()
        self.policy = Policy.load(setting.checkpoint, threads=setting.threads)
        unknown = [name for name in self.policy.config.cameras if name not in self._spec.cameras]
        if unknown:
            raise PolicyError(
                f'{setting.checkpoint} was trained with cameras {unknown}; the robot of config/aloha.yaml '
                f'has {list(self._spec.cameras)}'
            )
        self.world = World(setting.task, 0, self._spec)
        self.rig = CameraRig(self.world)

    def frames(self) -> dict[str, Frame]:
        """What the policy's cameras see now, in the real cameras' size."""
        self.rig.update(self.world.state())
        cameras = [self._spec.cameras[name] for name in self.policy.config.cameras]
        return {c.name: self.rig.render(c.sim, c.height, c.width) for c in cameras}

    def run(self, seed: int, trace: EpisodeTrace | None = None) -> Result:
        """Run one episode, one inference per tick where the execution asks for it."""
        setting, world = self._setting, self.world
        world.reset(seed)
        execution = make_execution(
            self.policy.config.chunk, self._spec.dof, setting.ensemble, setting.m, setting.execute
        )
        limiter = Limiter(self._spec)
        limiter.reset(world.qpos)
        digest = hashlib.sha256()
        inference_s: list[float] = []
        for tick in range(STEPS[setting.task]):
            if execution.due(tick):
                chunk = self._predict(tick)
                execution.add(chunk)
                inference_s.append(chunk.inference_s)
            target = execution.action(tick)
            assert target is not None  # a chunk of this very tick, or one that still reaches it
            command, _ = limiter.apply(target)
            if trace is not None:
                trace.append(self._picture(), world.qpos, command)
            world.command(command)
            world.step(1.0 / self._spec.rate_hz)
            digest.update(world.qpos.tobytes())
            if world.success:
                break
        return Result(
            seed,
            world.success,
            world.max_reward,
            tick + 1,
            1e3 * float(np.median(inference_s)),
            digest.hexdigest()[:16],
        )

    def _predict(self, tick: int) -> Chunk:
        images = self.frames()
        started = time.perf_counter()
        actions = self.policy.predict(self.world.qpos.astype(np.float32), images)
        return Chunk(tick, actions, time.perf_counter() - started)

    def _picture(self) -> Frame:
        self.rig.update(self.world.state())
        return self.rig.render('angle', 480, 640)


_worker: Evaluator | None = None


def _start_worker(setting: Setting) -> None:
    global _worker
    _worker = Evaluator(setting)


def _run_seed(seed: int) -> Result:
    assert _worker is not None
    return _worker.run(seed)


def evaluate(setting: Setting, seeds: Sequence[int], workers: int) -> Iterator[Result]:
    """Run every seed, in `workers` processes, and yield the results in the order of the seeds."""
    if workers == 1:
        evaluator = Evaluator(setting)
        yield from map(evaluator.run, seeds)
        return
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(workers, context, _start_worker, (setting,)) as pool:
        yield from pool.map(_run_seed, seeds)


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    p = argparse.ArgumentParser(
        prog='evaluate',
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    p.add_argument(
        '--checkpoint', default='aloha_sim_transfer_cube', help='name in models/, or a path'
    )
    p.add_argument('--task', choices=sorted(STEPS), default='transfer_cube', help='simulated task')
    p.add_argument('--episodes', type=int, default=50, help='how many seeds to run')
    p.add_argument(
        '--first-seed', type=int, default=0, help='the first of them; training uses 1000 and up'
    )
    p.add_argument(
        '--ensemble',
        choices=ORDERS,
        default='oldest',
        help='which prediction weighs most in the temporal ensemble; none: execute chunks',
    )
    p.add_argument('--m', type=float, default=0.01, help='the ensemble weighs exp(-m i)')
    p.add_argument(
        '--execute',
        type=int,
        default=0,
        help='with --ensemble none: actions taken of each chunk; 0: all',
    )
    p.add_argument('--workers', type=int, default=1, help='processes; each takes --threads cores')
    p.add_argument('--threads', type=int, default=1, help='cores for the network in each process')
    p.add_argument(
        '--output', type=Path, help='folder for results.json, and for the picture and film below'
    )
    p.add_argument(
        '--video', action='store_true', help='also film the first seed, with a plot of its joints'
    )
    return p


@printable_output()
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0 when every episode ran, 2 when the input was wrong."""
    args = parser().parse_args(argv)
    if min(args.episodes, args.workers, args.threads) < 1 or args.execute < 0:
        print(
            'evaluate: --episodes, --workers and --threads must be at least 1, --execute 0 or more',
            file=sys.stderr,
        )
        return 2
    if args.video and not args.output:
        print('evaluate: --video needs --output FOLDER to put the film into', file=sys.stderr)
        return 2
    try:
        return _run(args)
    except (PolicyError, SimulationError, ValueError) as error:
        print(f'evaluate: {error}', file=sys.stderr)
        return 2


def _run(args: argparse.Namespace) -> int:
    folder = resolve_checkpoint(args.checkpoint)
    setting = Setting(str(folder), args.task, args.ensemble, args.m, args.execute, args.threads)
    seeds = range(args.first_seed, args.first_seed + args.episodes)
    results: list[Result] = []
    with tqdm(total=len(seeds), unit='episode', dynamic_ncols=True) as bar:
        for result in evaluate(setting, seeds, args.workers):
            results.append(result)
            bar.set_postfix_str(f'{sum(r.success for r in results)} of {len(results)} succeeded')
            bar.update()
    _report(setting, results)
    if args.output:
        args.output.mkdir(parents=True, exist_ok=True)
        _save(args.output / 'results.json', setting, results)
        if args.video:
            _film(setting, seeds[0], args.output)
    return 0


def _report(setting: Setting, results: Sequence[Result]) -> None:
    rewards: NDArray[np.int64] = np.array([r.max_reward for r in results])
    print(
        f'{setting.checkpoint} on {setting.task}: {success_line(sum(r.success for r in results), len(results))}'
    )
    print(
        '  reached stage: ' + ', '.join(f'{s}: {int((rewards >= s).sum())}' for s in range(1, 5))
    )
    print(f'  failed seeds: {[r.seed for r in results if not r.success] or "none"}')
    print(f'  inference: {np.median([r.inference_ms for r in results]):.1f} ms (median)')


def _save(path: Path, setting: Setting, results: Sequence[Result]) -> None:
    data = {'setting': asdict(setting), 'results': [asdict(r) for r in results]}
    text = json.dumps(printable_data(data), indent=1)
    path.write_text(text + '\n', encoding='utf-8')
    print(f'  results: {path}')


def _film(setting: Setting, seed: int, folder: Path) -> None:
    trace = EpisodeTrace()
    result = Evaluator(setting).run(seed, trace)
    verdict = 'success' if result.success else f'stage {result.max_reward}'
    names = RobotSpec.load().joint_names
    write_video(folder / f'seed_{seed}.mp4', trace.frames, fps=50)
    plot_episode(
        folder / f'seed_{seed}.png', trace, names, f'{setting.task}, seed {seed}: {verdict}'
    )
    print(f'  film and plot of seed {seed}: {folder}')


if __name__ == '__main__':
    sys.exit(main())
