# SPDX-License-Identifier: Apache-2.0
"""`ros2 run act_ros quantize`: a policy's network in int8, for the engine openvino."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from act_ros.commands.options import (
    OneLineParser,
    add_joint_order,
    existing_path,
    fail_in_one_line,
    words,
)
from act_ros.text import printable_output

if TYPE_CHECKING:
    from act_ros.policy.checkpoint import Loaded
    from act_ros.policy.engines.base import Seen

EPILOG = """\
example:
  ros2 run act_ros quantize models/my_policy --data data/transfer_cube
  ros2 run act_ros evaluate --checkpoint models/my_policy --seeds 0-49 --precision int8

The network is written into POLICY/int8, and everything that runs the policy finds it there. It has to be made again
when the policy is trained on. It needs OpenVINO's quantizer: pip install nncf. What runs the policy does not.
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = OneLineParser(
        prog='quantize',
        description="Put a policy's network into int8: nearly twice as fast on processors of Intel and AMD.",
        epilog=EPILOG,
    )
    p.add_argument('checkpoint', type=words, help='folder of the policy')
    p.add_argument(
        '--data',
        type=existing_path,
        required=True,
        metavar='DIR',
        help='episodes to take observations from, best those that it was trained on',
    )
    add_joint_order(p)
    return p


@printable_output()
def main(argv: Sequence[str] | None = None) -> int:
    """Make it, compare it, and say how near it is and how fast."""
    args = parser().parse_args(argv)
    return fail_in_one_line('quantize', lambda: _run(args))


def _run(args: argparse.Namespace) -> int:
    from act_ros.policy.checkpoint import load_checkpoint
    from act_ros.policy.engines.choice import EngineChoice
    from act_ros.policy.engines.quantize import quantize
    from act_ros.policy.errors import PolicyError
    from act_ros.policy.folder import resolve_checkpoint
    from act_ros.policy.policy import Policy, runs_on, warm_up

    folder = None
    try:
        loaded = load_checkpoint(resolve_checkpoint(args.checkpoint))
        folder = quantize(loaded, observations(loaded, args))
        policy = Policy.load(loaded.source.path, 1, EngineChoice('cpu', 'openvino', 'int8'))
    except PolicyError as error:
        if folder is not None:  # it is of no use to anybody
            shutil.rmtree(folder)
        print(f'quantize: {error}', file=sys.stderr)
        return 1
    print(f'{folder}: {runs_on(policy, warm_up(policy))}')
    print('see whether it still does its task: ros2 run act_ros evaluate, with --precision int8')
    return 0


def observations(loaded: Loaded, args: argparse.Namespace) -> Callable[[int], Seen]:
    """Observations of the episodes, drawn at random, in the order of the policy's cameras.

    Raises:
        EpisodeError: the episodes can't be read, or lack a camera of the policy.
    """
    import numpy as np

    from act_ros.data.dataset import Dataset

    config, stats = loaded.config, loaded.source.stats
    dataset = Dataset(
        args.data, config.image_size, 1, config.cameras, cache_gb=0, joint_order=args.joint_order
    )
    for note in dataset.notes:
        print(f'quantize: {note}', file=sys.stderr)
    order = np.random.default_rng(0).permutation(len(dataset))

    def observe(number: int) -> Seen:
        tick = order[[number % len(order)]]
        frames = np.empty((1, *dataset.frames.shape[1:]), np.uint8)
        dataset.frames.gather(tick, frames)
        state = (dataset.qpos[tick[0]] - stats['qpos.mean']) / stats['qpos.std']
        return state.astype(np.float32), frames[0]

    return observe


if __name__ == '__main__':
    sys.exit(main())
