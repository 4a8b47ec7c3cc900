# SPDX-License-Identifier: Apache-2.0
"""`ros2 run act_ros train`: train a policy on a folder of episodes."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from act_ros.paths import share_dir

if TYPE_CHECKING:
    from act_ros.data.dataset import Dataset
    from act_ros.policy.config import PolicyConfig
    from act_ros.policy.recipe import Recipe
    from act_ros.policy.training import Trainer

EPILOG = """\
examples:
  ros2 run act_ros train --data data/transfer_cube --output models/my_cube --config small
  ros2 run act_ros train --data data/transfer_cube --output models/my_cube --config small --resume
  ros2 run act_ros train --data data/mine --output models/mine --config small --from models/my_cube
  torchrun --nproc-per-node 4 -m act_ros.commands.train --data data/real --output models/real

The policy is in the output folder from the first checkpoint on and can be run while the training goes on;
step_N/ holds each checkpoint, best/ the one with the smallest validation loss. Loss curves:
  tensorboard --logdir OUTPUT
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog='train',
        description='Train an ACT policy on recorded episodes.',
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        '--data',
        type=Path,
        required=True,
        metavar='DIR',
        help="episodes: a folder of ALOHA's HDF5 in any dialect, or a LeRobot dataset",
    )
    p.add_argument(
        '--output',
        type=Path,
        required=True,
        metavar='DIR',
        help='folder of the policy, e.g. models/NAME',
    )
    p.add_argument(
        '--config',
        default='paper',
        metavar='NAME',
        help="configuration of the file below: 'paper' (default; for a GPU) or 'small' (two CPU cores)",
    )
    p.add_argument(
        '--config-file', type=Path, metavar='FILE', help='default: config/training.yaml of act_ros'
    )
    p.add_argument(
        '--cameras',
        nargs='+',
        metavar='NAME',
        help='cameras, in order; default: all of the episodes',
    )
    p.add_argument(
        '--jpeg-channels',
        choices=('rgb', 'bgr'),
        help='channels that cv2 decodes from the JPEGs of files that do not say (ours do): rgb for Interbotix',
    )
    length = p.add_mutually_exclusive_group()
    length.add_argument(
        '--steps', type=int, metavar='N', help="optimizer steps; default: the configuration's"
    )
    length.add_argument(
        '--minutes',
        type=float,
        metavar='M',
        help='train for so long instead, checkpoints included; decoding the frames before does not count',
    )
    p.add_argument(
        '--batch', type=int, metavar='N', help="samples a step; default: the configuration's"
    )
    p.add_argument(
        '--seed',
        type=int,
        default=0,
        metavar='N',
        help='the same seed gives the same policy; default: 0',
    )
    p.add_argument(
        '--checkpoint-every',
        type=int,
        metavar='N',
        help="steps between checkpoints; default: the configuration's",
    )
    begin = p.add_mutually_exclusive_group()
    begin.add_argument(
        '--resume', action='store_true', help='go on with the run in the output folder'
    )
    begin.add_argument(
        '--from',
        type=Path,
        dest='start',
        metavar='DIR',
        help='start from the weights of this policy, e.g. models/aloha_sim_transfer_cube; default: from scratch',
    )
    p.add_argument(
        '--device', default='auto', metavar='NAME', help='auto (default), cpu, cuda or cuda:N'
    )
    p.add_argument('--threads', type=int, metavar='N', help='CPU threads; default: one per core')
    p.add_argument(
        '--cache',
        type=Path,
        metavar='DIR',
        help='where decoded frames are kept; default: DATA/.frames',
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    args = parser().parse_args(argv)
    # OpenMP reads this when PyTorch loads: threads that wait for another must not burn the core it needs.
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
    from act_ros.data.episode import EpisodeError
    from act_ros.policy.errors import PolicyError

    try:
        train(args)
    except (PolicyError, EpisodeError) as error:
        print(f'train: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('train: interrupted; go on from the last checkpoint with --resume', file=sys.stderr)
        return 130
    return 0


def train(args: argparse.Namespace) -> None:
    """Train as the command line says.

    Raises:
        PolicyError: of the configuration, the device or a run that can't be resumed.
        EpisodeError: of the data.
    """
    import torch

    from act_ros.data.dataset import Dataset
    from act_ros.policy.place import find_place
    from act_ros.policy.recipe import load_recipe
    from act_ros.policy.training import STATE, Trainer, load_state

    if args.threads:
        torch.set_num_threads(args.threads)
    policy, recipe = load_recipe(
        args.config_file or share_dir() / 'config' / 'training.yaml', args.config
    )
    given = {
        'steps': args.steps,
        'minutes': args.minutes if args.steps is None else 0.0,
        'batch': args.batch,
        'checkpoint_every': args.checkpoint_every,
    }
    recipe = dataclasses.replace(recipe, **{k: v for k, v in given.items() if v is not None})
    check_output(args.output, STATE, args.resume)
    state = load_state(args.output) if args.resume else None
    place = find_place(args.device)
    size = tuple(policy.get('image_size', (480, 640)))
    dataset = Dataset(
        args.data,
        size,
        int(policy.get('chunk', 100)),
        args.cameras,
        args.cache,
        args.jpeg_channels,
    )
    for note in dataset.notes:
        print(f'train: {note}', file=sys.stderr)
    config = complete_config(policy, dataset)
    curves = Curves(args.output, place.rank == 0)
    trainer = Trainer(config, recipe, dataset, args.output, args.seed, place, curves.add)
    if state is not None:
        trainer.resume(state)
    elif args.start is not None:
        trainer.start_from(args.start)
    if place.rank == 0:
        print(describe(trainer, recipe), flush=True)
    run(trainer, curves)
    if place.world > 1:
        torch.distributed.destroy_process_group()


def check_output(output: Path, state_name: str, resume: bool) -> None:
    """Refuse to write over another run.

    Raises:
        PolicyError: a run or a policy is there and `resume` isn't set.
    """
    from act_ros.policy.errors import PolicyError
    from act_ros.policy.folder import CONFIG

    if not resume and ((output / CONFIG).exists() or (output / state_name).exists()):
        raise PolicyError(
            f'{output} already holds a policy; go on with --resume, or name another folder'
        )
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PolicyError(f'the output folder {output} cannot be made: {error}') from error


def complete_config(policy: dict[str, object], dataset: Dataset) -> PolicyConfig:
    """The network's configuration: what was chosen, and what the episodes give (cameras, lengths, rate, task)."""
    from act_ros.policy.config import PolicyConfig
    from act_ros.policy.origin import origin

    entries, notes = origin(dataset)
    for note in notes:
        print(f'train: {note}', file=sys.stderr)
    given = {
        'cameras': dataset.cameras,
        'state_dim': dataset.qpos.shape[1],
        'action_dim': dataset.actions.shape[1],
        'rate_hz': dataset.rate_hz,
    }
    return PolicyConfig.from_dict({**policy, **given, **entries})


def describe(trainer: Trainer, recipe: Recipe) -> str:
    """What is about to be trained, on what."""
    import torch

    weights = sum(p.numel() for p in trainer.network.parameters())
    data = trainer.dataset
    length = f'{recipe.minutes:g} min' if recipe.minutes else f'{recipe.steps} steps'
    where = 'on the GPU' if trainer.batches.resident else 'in a file'
    return (
        f'{len(data.paths)} episodes, {len(data)} observations ({len(trainer.validation_ticks)} held out), cameras '
        f'{", ".join(data.cameras)}; {weights / 1e6:.1f} M parameters; {length} in batches of {recipe.batch}, '
        f'{recipe.precision}, on {trainer.place.device} with {torch.get_num_threads()} threads, frames {where}'
    )


def run(trainer: Trainer, curves: Curves) -> None:
    """Train with a progress bar, and draw the curves at the end."""
    from tqdm import tqdm

    begin, first = time.monotonic(), trainer.step
    every = 1.0 if sys.stderr.isatty() else 30.0
    with tqdm(
        total=None if trainer.recipe.minutes else trainer.recipe.steps,
        initial=first,
        unit='step',
        mininterval=every,
        disable=trainer.place.rank != 0,
    ) as bar:

        def progress(step: int) -> None:
            bar.update(step - bar.n)
            over = (
                f'{100 * trainer.progress.share:.0f} % of the time, '
                if trainer.recipe.minutes
                else ''
            )
            bar.set_postfix_str(over + curves.latest(), refresh=False)

        trainer.run(progress)
    if trainer.place.rank == 0:
        seconds = time.monotonic() - begin
        curves.close()
        steps = trainer.step - first
        print(
            f'{steps} steps in {seconds / 60:.1f} min; {curves.latest()}; the policy is in {trainer.output}'
        )


class Curves:
    """Keeps the scalars of a run: for TensorBoard, and as a picture at the end."""

    def __init__(self, output: Path, enabled: bool) -> None:
        """Write below `output`, in the one process where it is enabled."""
        self.output = output
        self.values: dict[str, list[tuple[int, float]]] = {}
        self.writer = None
        if enabled:
            from torch.utils.tensorboard import SummaryWriter

            self.writer = SummaryWriter(str(output / 'log'))

    def add(self, step: int, scalars: dict[str, float]) -> None:
        """Keep what was measured at a step."""
        for name, value in scalars.items():
            self.values.setdefault(name, []).append((step, value))
            if self.writer is not None:
                self.writer.add_scalar(name, value, step)

    def latest(self) -> str:
        """The newest losses, for the progress bar."""
        shown = [
            (n, self.values[n][-1][1]) for n in ('l1', 'kl', 'validation_l1') if n in self.values
        ]
        return ', '.join(f'{name} {value:.4f}' for name, value in shown)

    def close(self) -> None:
        """Close TensorBoard's file and draw `loss.png`."""
        if self.writer is None:
            return
        self.writer.close()
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 5), layout='constrained')
        axes = figure.subplots()
        for name in ('loss', 'l1', 'kl', 'validation_l1'):
            if name in self.values:
                axes.plot(*zip(*self.values[name], strict=True), label=name, linewidth=1)
        axes.set(xlabel='step', yscale='log', title='Loss (normalized actions)')
        axes.grid(alpha=0.3)
        axes.legend()
        figure.savefig(self.output / 'loss.png', dpi=120)


if __name__ == '__main__':
    sys.exit(main())
