# SPDX-License-Identifier: Apache-2.0
"""`ros2 run act_ros demonstrate`: scripted demonstrations of a simulated task, without ROS, in lockstep."""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tqdm import tqdm

from act_ros.commands.options import (
    OneLineParser,
    add_workers,
    folder_to_write,
    size,
    whole,
    words,
)
from act_ros.data.child_processes import ChildDeath, ChildError, each
from act_ros.data.errors import EpisodeError
from act_ros.data.recording.dataset_folder import FolderLock
from act_ros.data.recording.episode_writer import EpisodeWriter, next_index
from act_ros.data.seeds import FIRST_SEED, known_seeds
from act_ros.robot.spec import RobotSpec
from act_ros.sim.cameras import CameraRig
from act_ros.sim.operator.operator import Operator
from act_ros.sim.world import STEPS, SimulationError, World
from act_ros.text import printable_output

MOST_FAILURES = 50
"""Attempts that fail one after the other from the first on, before it is said that none will do."""


@dataclass(frozen=True)
class DemonstrationSetting:
    """What every demonstration of a run has in common.

    Attributes:
        task: 'transfer_cube' or 'insertion'.
        steps: ticks of 20 ms per episode.
        cameras: names of the robot's cameras.
        height, width: size of the frames, pixels.
        keep_failures: also keep episodes in which the task was not done.
        folder: where they are written before they get their number.
    """

    task: str
    steps: int
    cameras: tuple[str, ...]
    height: int
    width: int
    keep_failures: bool
    folder: Path


@dataclass(frozen=True)
class Demonstration:
    """One demonstration: its file (None: a failure that wasn't kept), and how it went."""

    seed: int
    success: bool
    path: Path | None


class Demonstrator:
    """Records demonstrations one after the other in one world."""

    def __init__(self, setting: DemonstrationSetting) -> None:
        """Load the scene and the renderer."""
        self._setting = setting
        self._spec = RobotSpec.load()
        self._world = World(setting.task, 0, self._spec)
        self._rig = CameraRig(self._world, setting.height, setting.width)

    def record(self, seed: int) -> Demonstration:
        """Do the task once from `seed` and write it; row t is what is seen and sent at tick t."""
        setting, world, spec = self._setting, self._world, self._spec
        world.reset(seed)
        operator = Operator(setting.task, seed, spec)
        attrs = {'task': setting.task, 'seed': seed, 'sim': True, 'rate_hz': spec.rate_hz}
        path = setting.folder / f'episode_{seed}.hdf5'
        writer = EpisodeWriter(path, spec.joint_names, setting.cameras, attrs)
        ages = dict.fromkeys(setting.cameras, 0.0)
        try:
            for _ in range(setting.steps):
                action = operator.act(world)
                self._rig.update(world.state())
                images = {
                    name: self._rig.render(spec.cameras[name].sim, setting.height, setting.width)
                    for name in setting.cameras
                }
                writer.append(
                    world.qpos, world.qvel, world.effort, action, images, world.time_s, ages
                )
                world.command(action)
                world.step(1.0 / spec.rate_hz)
        except BaseException:
            writer.discard()
            raise
        if not (world.success or setting.keep_failures):
            writer.discard()
            return Demonstration(seed, False, None)
        return Demonstration(seed, world.success, writer.finish(world.success))


@printable_output()
def main(argv: Sequence[str] | None = None) -> int:
    """Record demonstrations as the command line says; returns the exit status."""
    args = parser().parse_args(argv)
    # One software-rendering thread per worker; more of them only wait for each other.
    os.environ.setdefault('LP_NUM_THREADS', '1')
    try:
        _check_cameras(args.cameras)
        lock = FolderLock(args.output)
    except (ValueError, EpisodeError, OSError) as error:
        print(f'demonstrate: {error}', file=sys.stderr)
        return 2
    try:
        # What a killed run left: the lock says that nobody is at work here.
        for stale in args.output.glob('.staging-*'):
            shutil.rmtree(stale)
        with TemporaryDirectory(dir=args.output, prefix='.staging-') as staging:
            setting = DemonstrationSetting(
                args.task,
                args.ticks or STEPS[args.task],
                tuple(args.cameras),
                args.size[0],
                args.size[1],
                args.keep_failures,
                Path(staging),
            )
            kept, failed = _collect(setting, args)
    except ChildDeath as error:
        print(
            f'demonstrate: a worker was ended by {error.how} (out of memory?); use fewer --workers',
            file=sys.stderr,
        )
        return 1
    except (SimulationError, EpisodeError, ChildError, OSError) as error:
        print(f'demonstrate: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('demonstrate: interrupted; finished episodes are kept', file=sys.stderr)
        return 130
    finally:
        lock.release()
    print(f'{kept} episodes of {args.task} in {args.output}; {failed} attempts failed')
    return 0


def _collect(setting: DemonstrationSetting, args: argparse.Namespace) -> tuple[int, int]:
    """Record until enough are kept, in the order of the seeds; returns (kept, failed attempts).

    Raises:
        SimulationError: the first `MOST_FAILURES` attempts failed, and nothing is kept.
    """
    known = known_seeds(args.output, setting.task)
    seeds = (seed for seed in itertools.count(args.first_seed) if seed not in known)
    kept = failed = 0
    with (
        tqdm(total=args.episodes, unit='episode', desc=setting.task) as bar,
        closing(_demonstrations(setting, seeds, args.workers)) as demonstrations,
    ):
        for demonstration in demonstrations:
            failed += not demonstration.success
            if demonstration.path is not None:
                _keep(demonstration.path, args.output)
                kept += 1
                bar.update()
            bar.set_postfix(failed=failed)
            if not kept and failed >= MOST_FAILURES:
                raise SimulationError(
                    f'the first {failed} attempts at {setting.task} failed within {setting.steps} ticks, and none is '
                    f'kept; --ticks {STEPS[setting.task]} is usual, and --keep-failures keeps them all the same'
                )
            if kept == args.episodes:
                break
    return kept, failed


def _demonstrations(
    setting: DemonstrationSetting, seeds: Iterator[int], workers: int
) -> Generator[Demonstration, None, None]:
    """Demonstrations in the order of `seeds`: made here, or by several processes beside this one."""
    if workers == 1:
        yield from map(Demonstrator(setting).record, seeds)
        return
    with closing(each(partial(_record, setting), seeds, workers)) as outcomes:
        for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
            assert outcome.result is not None
            yield outcome.result


# A process makes one, whose world and renderer then serve all of its seeds.
_demonstrator = cache(Demonstrator)


def _record(setting: DemonstrationSetting, seed: int) -> Demonstration:
    return _demonstrator(setting).record(seed)


def _keep(path: Path, folder: Path) -> Path:
    """Give a finished episode the next free number in `folder`, never over another file."""
    while True:
        target = folder / f'episode_{next_index(folder)}.hdf5'
        try:
            os.link(path, target)
        except FileExistsError:
            continue
        path.unlink()
        return target


def _check_cameras(names: Sequence[str]) -> None:
    known = RobotSpec.load().cameras
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f'no camera {", ".join(unknown)}; --cameras takes {", ".join(known)}')


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = OneLineParser(
        prog='demonstrate',
        description='Record scripted demonstrations of a simulated task. Seeds whose demonstrations '
        'the folder holds already are skipped; nothing is overwritten.',
    )
    p.add_argument('--task', choices=sorted(STEPS), default='transfer_cube')
    p.add_argument(
        '--episodes', type=whole(1, 100_000), default=50, metavar='N', help='how many to add'
    )
    p.add_argument(
        '--ticks',
        type=whole(1, 100_000),
        metavar='N',
        help='rows of an episode; default: '
        + ', '.join(f'{n} of {task}' for task, n in STEPS.items()),
    )
    p.add_argument(
        '--first-seed',
        type=whole(0),
        default=FIRST_SEED,
        metavar='N',
        help='default: 1000; 0..999 are for evaluation',
    )
    p.add_argument(
        '--cameras',
        type=words,
        nargs='+',
        default=['cam_high'],
        metavar='CAMERA',
        help='names of config/aloha.yaml',
    )
    p.add_argument(
        '--size', type=size, default='480x640', metavar='HEIGHTxWIDTH', help='of the pictures'
    )
    p.add_argument('--output', type=folder_to_write, required=True, metavar='DIR')
    add_workers(p, 1, 'processes; default: 1')
    p.add_argument('--keep-failures', action='store_true', help='also episodes that fail')
    return p


if __name__ == '__main__':
    sys.exit(main())
