# SPDX-License-Identifier: Apache-2.0
"""`ros2 run act_ros playback`: what replay.launch.py needs to know of an episode, as JSON.

A process of its own, which a damaged HDF5 file may end.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from act_ros.commands.options import OneLineParser, fail_in_one_line, words
from act_ros.data.playback import read_recording
from act_ros.robot.joint_names import ASKED, CHOICES
from act_ros.robot.spec import RobotSpec
from act_ros.text import printable_output


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = OneLineParser(prog='playback', description=__doc__)
    p.add_argument(
        'episode', type=words, metavar='EPISODE', help='an HDF5 file, or LEROBOT_FOLDER/episode_N'
    )
    p.add_argument(
        '--joint-order',
        choices=(ASKED, *CHOICES),
        default=ASKED,
        help='where the file names its joints in another order than this robot; see replay.launch.py',
    )
    return p


@printable_output()
def main(argv: Sequence[str] | None = None) -> int:
    """Print task, seed and ticks; 1 with one line where it cannot be replayed."""
    args = parser().parse_args(argv)
    return fail_in_one_line('playback', lambda: run(Path(args.episode), args.joint_order))


def run(path: Path, joint_order: str = ASKED) -> int:
    """Print it.

    Raises:
        EpisodeError, OSError: it cannot be read, or isn't a recording of such a robot.
    """
    found = read_recording(path, RobotSpec.load(), joint_order)
    known = {'task': found.task, 'seed': found.seed, 'ticks': len(found.actions)}
    sys.stdout.write(json.dumps(known))
    return 0


if __name__ == '__main__':
    sys.exit(main())
