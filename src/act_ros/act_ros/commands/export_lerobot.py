# SPDX-License-Identifier: Apache-2.0
"""`ros2 run act_ros export_lerobot`: episodes to a LeRobotDataset v3.0."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from act_ros.commands.options import (
    OneLineParser,
    add_source,
    add_workers,
    chosen_episodes,
    fail_in_one_line,
    folder_to_write,
    number,
    whole,
    words,
)
from act_ros.text import printable_output

if TYPE_CHECKING:
    from act_ros.data.formats.collection import EpisodeRef
    from act_ros.data.lerobot.plan import Brief

LOOK_S = 120.0
"""Seconds after which a look at one episode is given up."""
EPILOG = """\
examples:
  ros2 run act_ros export_lerobot data/my_task --output lerobot/my_task
  ros2 run act_ros export_lerobot data/old_aloha --output lerobot/old --task "Put the cup down" --jpeg-channels rgb

The source is any kind that can be read: HDF5 of act_ros, of the original ALOHA, of Interbotix or mobile ALOHA, or
a LeRobot dataset (v2.1 becomes v3.0 so). qpos becomes observation.state, each camera a video;
qvel and effort are kept as velocity and effort, which no policy of LeRobot's takes for an input; measured stamps and
the ages of frames come along where the files have them. A run that was killed goes on where it was when the same
command is given again.
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = OneLineParser(
        prog='export_lerobot',
        description='Write episodes as a LeRobotDataset v3.0 (parquet, mp4, statistics).',
        epilog=EPILOG,
    )
    add_source(p)
    p.add_argument(
        '--output',
        type=folder_to_write,
        required=True,
        metavar='DIR',
        help='folder of the new dataset',
    )
    p.add_argument(
        '--task', type=words, metavar='WORDS', help='what was done; default: what each file says'
    )
    p.add_argument(
        '--rate',
        type=number(1, 1000),
        metavar='HZ',
        help='nominal rate; default: what the files say, else 50',
    )
    p.add_argument(
        '--codec',
        choices=('av1', 'h264'),
        default='av1',
        help="of the videos; default: av1, LeRobot's own choice",
    )
    p.add_argument(
        '--crf',
        type=whole(0, 63),
        metavar='N',
        help='quality, lower is better; default: av1 30, h264 18',
    )
    p.add_argument(
        '--robot-type',
        type=words,
        default='aloha',
        metavar='NAME',
        help='for info.json; default: aloha',
    )
    add_workers(p, None, 'episodes encoded at a time; default: half of the cores, one at least')
    return p


@printable_output()
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    p = parser()
    args = p.parse_args(argv)
    if args.codec == 'h264' and (args.crf or 0) > 51:
        p.error(f'argument --crf: h264 has 0 to 51, got {args.crf}')
    return fail_in_one_line('export_lerobot', lambda: run(args), 'the same command goes on')


def run(args: argparse.Namespace) -> int:
    """Export as the command line says.

    Raises:
        EpisodeError, OSError: see `export`.
    """
    from tqdm import tqdm

    from act_ros.data.lerobot.export import export
    from act_ros.data.lerobot.plan import make_plan
    from act_ros.data.lerobot.video import CODECS

    begin = time.monotonic()
    workers = args.workers or max(1, len(os.sched_getaffinity(0)) // 2)
    codec = CODECS[args.codec]
    if args.crf is not None:
        codec = dataclasses.replace(codec, crf=args.crf)
    refs = chosen_episodes(args)
    plan = make_plan(_briefs(refs, args.rate), codec, args.task, args.rate, args.robot_type)
    for note in plan.notes:
        print(f'export_lerobot: {note}', file=sys.stderr)
    total = sum(brief.length for brief in plan.briefs)
    every = 0.2 if sys.stderr.isatty() else 10.0
    with tqdm(total=total, unit='tick', mininterval=every, desc='encoding') as bar:

        def progress(ticks: int, what: str) -> None:
            bar.set_description(what, refresh=False)
            bar.update(ticks)

        kept = export(plan, args.output, workers, progress)
    size = sum(path.stat().st_size for path in args.output.rglob('*') if path.is_file())
    resumed = f' ({kept} of them by an earlier run)' if kept else ''
    print(
        f'{args.output}: LeRobotDataset v3.0, {len(plan.briefs)} episodes{resumed}, {total} ticks at '
        f'{plan.fps} Hz, cameras {", ".join(plan.cameras)}, {size / 1e6:.1f} MB, in '
        f'{time.monotonic() - begin:.0f} s'
    )
    return 0


def _briefs(refs: Sequence[EpisodeRef], rate_hz: float | None) -> list[Brief]:
    """Look at every episode, in a process that a damaged file may end; all that fail are named.

    Raises:
        EpisodeError: at least one cannot be used.
    """
    from act_ros.data.child_processes import each
    from act_ros.data.errors import EpisodeError
    from act_ros.data.lerobot.plan import look

    outcomes = list(each(partial(look, rate_hz=rate_hz), refs, 1, LOOK_S))
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    if failed:
        names = ', '.join(outcome.item.name for outcome in failed)
        raise EpisodeError(
            f'{len(failed)} of {len(refs)} episodes cannot be exported ({names}): {failed[0].error}; '
            'repair them or choose others with --episodes; check_dataset says more'
        )
    return [outcome.result for outcome in outcomes if outcome.result is not None]


if __name__ == '__main__':
    sys.exit(main())
