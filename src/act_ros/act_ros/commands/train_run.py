# SPDX-License-Identifier: Apache-2.0
"""What `train` does once its command line is read: the pieces put together, and a run shown to a person."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from act_ros.commands.stopping import Stopping, say
from act_ros.data.dataset import Dataset
from act_ros.data.formats.collection import find_episodes
from act_ros.data.survivable import refuse_unsurvivable
from act_ros.paths import share_dir
from act_ros.policy.config import ORIGIN, PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import read_config
from act_ros.policy.training.curves import Curves
from act_ros.policy.training.origin import origin
from act_ros.policy.training.placement import Placement
from act_ros.policy.training.recipe import LENGTH, Recipe, load_recipe
from act_ros.policy.training.resume import run_config, run_recipe
from act_ros.policy.training.run_files import load_state
from act_ros.policy.training.trainer import Trainer
from act_ros.policy.training.validation import blindness
from act_ros.policy.vision import imagenet_weights, load_pretrained


def train(args: argparse.Namespace, place: Placement, stopping: Stopping) -> None:
    """Train as the command line says.

    Raises:
        PolicyError: of the configuration, or a run that can't be resumed.
        EpisodeError: of the data.
    """
    if args.threads:
        torch.set_num_threads(args.threads)
    # Refused before anything is downloaded.
    episodes = find_episodes(args.data, args.jpeg_channels, args.joint_order)
    if place.rank == 0:
        refuse_unsurvivable(episodes)
    state = load_state(args.output) if args.resume else None
    policy, recipe = chosen(args, state)
    fresh = state is None and args.start is None
    weights = first_weights(policy, recipe) if fresh else None
    dataset = Dataset(
        args.data,
        policy.image_size,
        policy.chunk,
        args.cameras,
        args.cache,
        args.jpeg_channels,
        args.cache_gb,
        args.joint_order,
        args.keep_faulty,
    )
    config, notes = complete_config(policy, dataset)
    curves = Curves(args.output if place.rank == 0 else None)
    trainer = Trainer(config, recipe, dataset, args.output, args.seed, place, curves, args.keep)
    if state is not None:
        trainer.resume(state)
    elif args.start is not None:
        trainer.start_from(args.start)
    elif weights is not None:
        load_pretrained(trainer.network.backbone, weights)
        trainer.average.set(trainer.network.state_dict())
    if place.rank == 0:
        for note in notes:
            print(f'train: {note}', file=sys.stderr)
    try:
        run(trainer, stopping)
    except (RuntimeError, MemoryError) as error:
        if not _out_of_memory(error):
            raise
        what = 'the GPU has' if place.device.type == 'cuda' else 'there is'
        raise PolicyError(
            f'{what} not enough memory for batches of {recipe.batch}; use a smaller --batch'
        ) from error
    if place.world > 1:
        torch.distributed.destroy_process_group()


def _out_of_memory(error: Exception) -> bool:
    """Whether memory ran out: PyTorch's allocator of the CPU raises a plain RuntimeError then."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        'alloc' in str(error) and 'memory' in str(error)
    )


def chosen(args: argparse.Namespace, state: dict[str, Any] | None) -> tuple[PolicyConfig, Recipe]:
    """The configuration that was named, with what the command line changes; a resumed run's length is its own.

    The network of a run that starts from another policy is that policy's, also when it is resumed.

    Raises:
        PolicyError: there is no such configuration, or one of its entries is wrong.
    """
    entries, recipe = load_recipe(
        args.config_file or share_dir() / 'config' / 'training.yaml', args.config
    )
    policy = PolicyConfig.from_dict({'cameras': ['any'], **entries})
    if args.start is not None:
        policy = read_config(args.start)
    elif state is not None and state.get('origin'):
        policy = run_config(state)
    changes = {'batch': args.batch, 'checkpoint_every': args.checkpoint_every}
    if args.steps is not None or args.minutes is not None:
        changes.update(steps=args.steps, minutes=args.minutes or 0.0)
    elif state is not None:
        changes.update({name: run_recipe(state)[name] for name in LENGTH})
    return policy, dataclasses.replace(
        recipe, **{name: value for name, value in changes.items() if value is not None}
    )


def first_weights(config: PolicyConfig, recipe: Recipe) -> dict[str, Tensor] | None:
    """ImageNet's weights for the backbone of a new run, where its kind of normalization has them.

    Raises:
        PolicyError: they can't be had or aren't wanted, and without them such a backbone learns nothing.
    """
    if config.norm != 'frozen_batch':
        return None
    if not recipe.pretrained:
        raise PolicyError(
            'norm is frozen_batch and pretrained is false: such a backbone does not learn from random weights; '
            'set pretrained: true, or norm: group'
        )
    return imagenet_weights(config.backbone)


def complete_config(policy: PolicyConfig, dataset: Dataset) -> tuple[PolicyConfig, list[str]]:
    """The network's configuration: what was chosen, and what the episodes give; notes on what they lack."""
    entries, notes = origin(dataset)
    given: dict[str, Any] = {
        'cameras': dataset.cameras,
        'state_dim': dataset.qpos.shape[1],
        'action_dim': dataset.actions.shape[1],
        'rate_hz': dataset.rate_hz,
        'rate_assumed': not dataset.rate_stated,
        'joint_names': dataset.joint_names,
    }
    config = dataclasses.replace(policy, **{**ORIGIN, **given, **entries})
    return config, [*dataset.notes, *notes]


def describe(trainer: Trainer, recipe: Recipe) -> str:
    """What is about to be trained, on what."""
    weights = sum(p.numel() for p in trainer.network.parameters())
    data = trainer.dataset
    length = f'{recipe.minutes:g} min' if recipe.minutes else f'{recipe.steps} steps'
    where = 'on the GPU' if trainer.batches.resident else data.frames.where
    return (
        f'{len(data.paths)} episodes, {len(data)} observations ({len(trainer.validation_ticks)} held out), cameras '
        f'{", ".join(data.cameras)}; {weights / 1e6:.1f} M parameters; {length} in batches of {recipe.batch}, '
        f'{recipe.precision}, on {trainer.place.device} with {torch.get_num_threads()} threads; '
        f'frames: {where}'
    )


def run(trainer: Trainer, stopping: Stopping) -> None:
    """Train with a progress bar, and draw the curves at the end."""
    progress, curves, recipe = trainer.progress, trainer.curves, trainer.recipe
    begin, first = time.monotonic(), trainer.step
    pace = RunEstimate(trainer)

    def ask() -> None:
        progress.stop = True
        say('\ntrain: finishing the step and writing a checkpoint; Ctrl+C once more ends at once')

    stopping.ask = ask
    if trainer.place.rank == 0:
        print(describe(trainer, recipe), flush=True)
    with tqdm(
        total=None if recipe.minutes else recipe.steps,
        initial=first,
        unit='step',
        mininterval=1.0 if sys.stderr.isatty() else 30.0,
        disable=trainer.place.rank != 0,
    ) as bar:

        def shown(step: int) -> None:
            bar.update(step - bar.n)
            over = f'{100 * progress.share:.0f} % of the time, ' if recipe.minutes else ''
            bar.set_postfix_str(over + curves.latest(), refresh=False)
            if not bar.disable and (warning := pace.look(step)) is not None:
                bar.write(f'train: {warning}', file=sys.stderr)

        trainer.run(shown)
    if trainer.step == 0 and not stopping.heard:
        raise PolicyError(
            f'not one step fitted into {recipe.minutes:g} minutes; give it more --minutes'
        )
    if trainer.place.rank == 0:
        curves.close()
        minutes = (time.monotonic() - begin) / 60
        print(
            f'{trainer.step - first} steps in {minutes:.1f} min; {curves.latest()}; the policy is in {trainer.output}'
        )
        if stopping.heard and trainer.saved is None:
            print('train: stopped before the first step', file=sys.stderr)
        elif stopping.heard:
            print(f'train: stopped at step {trainer.step}; go on with --resume', file=sys.stderr)
        elif trainer.step == first:
            print(
                'train: this run is over; give it a greater length with --resume and --steps or --minutes',
                file=sys.stderr,
            )
        elif why := blindness(curves.newest()):
            print(f'train: {why}', file=sys.stderr)


class RunEstimate:
    """Finds out from the second step how long a run will take on a CPU."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer, self._first, self._begin = trainer, trainer.step, 0.0

    def look(self, step: int) -> str | None:
        """After each step; a warning once, if the run will take more than a day."""
        recipe, done = self._trainer.recipe, step - self._first
        if done == 1:
            self._begin = time.monotonic()
        if done != 2 or recipe.minutes or self._trainer.place.device.type != 'cpu':
            return None
        seconds = time.monotonic() - self._begin
        days = seconds * recipe.steps / 86400
        if days < 1:
            return None
        return (
            f'a step takes {seconds:.1f} s on this CPU, and {recipe.steps} of them {days:.0f} days; '
            f'--config small is made for a CPU'
        )
