# SPDX-License-Identifier: Apache-2.0
"""`ros2 run act_ros train`: train a policy on a folder of episodes."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from act_ros.commands.options import (
    OneLineParser,
    add_joint_order,
    existing_file,
    existing_path,
    folder_to_write,
    number,
    whole,
    words,
)
from act_ros.commands.stopping import Stopping
from act_ros.data.errors import EpisodeError
from act_ros.policy.errors import PolicyError
from act_ros.text import printable_output

EPILOG = """\
examples:
  ros2 run act_ros train --data data/transfer_cube --output models/my_cube --config small
  ros2 run act_ros train --data data/transfer_cube --output models/my_cube --config small --resume
  ros2 run act_ros train --data data/mine --output models/mine --config small --from models/my_cube
  torchrun --nproc-per-node 4 -m act_ros.commands.train --data data/real --output models/real

The policy is in the output folder from the first checkpoint on and can be run while the training goes on;
step_N/ holds the last checkpoints, best/ the one with the smallest validation loss. Ctrl+C finishes the step and
writes a checkpoint, a second one ends at once. Loss curves: OUTPUT/curves.json, at the end OUTPUT/loss.png, or
  tensorboard --logdir OUTPUT
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = OneLineParser(
        prog='train',
        description='Train an ACT policy on recorded episodes.',
        epilog=EPILOG,
    )
    _add_data(p)
    _add_course(p)
    _add_beginning(p)
    _add_machine(p)
    return p


def _add_data(p: argparse.ArgumentParser) -> None:
    """What is trained on, and what is trained."""
    p.add_argument(
        '--data',
        type=existing_path,
        required=True,
        metavar='DIR',
        help="episodes: a folder of ALOHA's HDF5 in any dialect, or a LeRobot dataset",
    )
    p.add_argument(
        '--output',
        type=folder_to_write,
        required=True,
        metavar='DIR',
        help='folder of the policy, e.g. models/NAME',
    )
    p.add_argument(
        '--config',
        type=words,
        default='paper',
        metavar='NAME',
        help="configuration of the file below: 'paper' (default; for a GPU), 'small' (an hour on a CPU), 'small_gpu'",
    )
    p.add_argument(
        '--config-file',
        type=existing_file,
        metavar='FILE',
        help='default: config/training.yaml of act_ros',
    )
    p.add_argument(
        '--cameras',
        type=words,
        nargs='+',
        metavar='NAME',
        help='cameras, in order; default: all of the episodes',
    )
    p.add_argument(
        '--jpeg-channels',
        choices=('rgb', 'bgr'),
        help='channels that cv2 decodes from the JPEGs of files that do not say (ours do): rgb for Interbotix',
    )
    add_joint_order(p)
    p.add_argument(
        '--keep-faulty',
        action='store_true',
        help='train on episodes, too, that their recorder marked as faulty (many rows lost, sources not believed)',
    )


def _add_course(p: argparse.ArgumentParser) -> None:
    """How long, in what steps, and what is kept of it."""
    length = p.add_mutually_exclusive_group()
    length.add_argument(
        '--steps', type=whole(1), metavar='N', help="optimizer steps; default: the configuration's"
    )
    length.add_argument(
        '--minutes',
        type=number(0, above=True),
        metavar='M',
        help='train for so long instead, checkpoints included; decoding the frames before does not count',
    )
    p.add_argument(
        '--batch',
        type=whole(1, 1_000_000),
        metavar='N',
        help="samples a step; default: the configuration's",
    )
    p.add_argument(
        '--seed',
        type=whole(0),
        default=0,
        metavar='N',
        help='the same seed gives the same policy; default: 0',
    )
    p.add_argument(
        '--checkpoint-every',
        type=whole(1),
        metavar='N',
        help="steps between checkpoints; default: the configuration's",
    )
    p.add_argument(
        '--keep',
        type=whole(1, 1_000_000),
        default=3,
        metavar='N',
        help='how many of the newest step_N/ are kept beside best/; default: 3',
    )


def _add_beginning(p: argparse.ArgumentParser) -> None:
    """What it starts from."""
    begin = p.add_mutually_exclusive_group()
    begin.add_argument(
        '--resume',
        action='store_true',
        help='go on with the run in the output folder; with --steps or --minutes it gets that length, and the '
        'learning rate that belongs there',
    )
    begin.add_argument(
        '--from',
        type=existing_path,
        dest='start',
        metavar='DIR',
        help='start from the weights of this policy, e.g. models/aloha_sim_transfer_cube, and keep its sizes; default: '
        'from scratch',
    )


def _add_machine(p: argparse.ArgumentParser) -> None:
    """What of the machine it uses."""
    p.add_argument(
        '--device',
        type=words,
        default='auto',
        metavar='NAME',
        help='auto (default), cpu, cuda or cuda:N',
    )
    p.add_argument(
        '--threads', type=whole(1, 1024), metavar='N', help='CPU threads; default: one per core'
    )
    p.add_argument(
        '--cache',
        type=folder_to_write,
        metavar='DIR',
        help='where decoded frames are kept; default: DATA/.frames',
    )
    p.add_argument(
        '--cache-gb',
        type=number(0),
        metavar='GB',
        help='room that they may take there, else they are decoded as they are needed; default: half of what is free',
    )


@printable_output()
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    args = parser().parse_args(argv)
    # OpenMP reads this when PyTorch loads: threads that wait for another must not burn the core it needs.
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
    with Stopping(again_ends='WORLD_SIZE' not in os.environ) as stopping:
        try:
            return run(args, stopping) or stopping.status
        except (PolicyError, EpisodeError) as error:
            print(f'train: {error}', file=sys.stderr)
            # Before the first step it is what was asked for that is wrong.
            return stopping.status or (2 if stopping.ask is None else 1)
        except OSError as error:
            where = f': {error.filename}' if error.filename else ''
            print(f'train: {error.strerror or error}{where}', file=sys.stderr)
        except KeyboardInterrupt:
            print('train: interrupted before the first step', file=sys.stderr)
    return stopping.status or 1


def run(args: argparse.Namespace, stopping: Stopping) -> int:
    """Train as the command line says; 2 where there is no such device."""
    from act_ros.commands.train_run import train
    from act_ros.policy.training.placement import find_place

    try:
        place = find_place(args.device)
    except PolicyError as error:
        print(f'train: {error}', file=sys.stderr)
        return 2
    with output_folder(args.output, args.resume, alone=place.rank == 0):
        train(args, place, stopping)
    return 0


@contextmanager
def output_folder(output: Path, resume: bool, alone: bool = True) -> Iterator[None]:
    """Make the output folder, and remove it again if nothing comes to be in it; `alone`: keep other trainings out.

    Raises:
        PolicyError: a run or a policy is there and `resume` isn't set, it can't be made, or another training has it.
    """
    from act_ros.policy.folder import CONFIG
    from act_ros.policy.training.run_files import STATE

    if not resume and ((output / CONFIG).exists() or (output / STATE).exists()):
        raise PolicyError(
            f'{output} already holds a policy; go on with --resume, or name another folder'
        )
    made = [folder for folder in (output, *output.parents) if not folder.exists()]
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PolicyError(f'the output folder {output} cannot be made: {error}') from error
    held = os.open(output, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if alone and not _taken(held):
            raise PolicyError(
                f'another training is at work in {output}; wait for its end, or name another folder'
            )
        yield
    finally:
        os.close(held)
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


def _taken(folder: int) -> bool:
    """Lock a folder for as long as it is open; whether nobody else has it."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system without locks
    return True


if __name__ == '__main__':
    sys.exit(main())
