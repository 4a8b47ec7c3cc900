# SPDX-License-Identifier: Apache-2.0
"""The training loop.

Everything that is random in a step (which samples, dropout, the latent's noise, augmentation) is drawn
from (seed, step, rank): a run resumed from a checkpoint continues as if it had never stopped.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from act_ros.data.dataset import Dataset
from act_ros.policy.checkpoint import load_checkpoint, save_checkpoint
from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.policy.network import ACT, Losses, act_loss
from act_ros.policy.normalize import Normalizer
from act_ros.policy.training.augment import augment_images, withhold_qpos
from act_ros.policy.training.batches import Batches, Feed, Order, Samples
from act_ros.policy.training.curves import Curves
from act_ros.policy.training.optimize import Average, FiniteCheck, build_optimizer
from act_ros.policy.training.placement import Placement
from act_ros.policy.training.recipe import Recipe
from act_ros.policy.training.resume import check_same_run, data_digest
from act_ros.policy.training.run_files import STATE, prune, remove_policy, step_folder, write_state
from act_ros.policy.training.schedule import Progress, rate_factor
from act_ros.policy.training.validation import SEEN, Validation
from act_ros.text import printable


@dataclass
class Trainer:
    """One training run.

    Attributes:
        config: the network's sizes.
        recipe: the run's numbers.
        dataset: the demonstrations.
        output: folder of the policy that comes out, and of the checkpoints.
        seed: of the initial weights, the split, the order of samples and all noise.
        place: device and rank.
        curves: gets the scalars of the loss curves.
        keep: how many of the newest `step_N` are kept.
        resident: whether the frames lie on the device; None: where they fit.
        best: smallest validation loss so far.
        saved: step of the last checkpoint; None: there is none yet.
        written: steps of the `step_N` that this run wrote, and has not removed.
        origin: the policy that the run began with; '' without one.
    """

    config: PolicyConfig
    recipe: Recipe
    dataset: Dataset
    output: Path
    seed: int
    place: Placement
    curves: Curves
    keep: int = 3
    resident: bool | None = None
    best: float = field(default=math.inf, init=False)
    saved: int | None = field(default=None, init=False)
    written: list[int] = field(default_factory=list, init=False)
    origin: str = field(default='', init=False)

    def __post_init__(self) -> None:
        recipe, device = self.recipe, self.place.device
        train, self.validation_ticks = self.dataset.split(recipe.validation, self.seed)
        self.order = Order(train, self.seed, recipe.batch, self.place)
        self.normalizer = Normalizer(self.config, self.dataset.stats()).to(device)
        torch.manual_seed(self.seed)
        self.network = ACT(self.config)
        self.network.to(device)
        self.average = Average(self.network, recipe.ema)
        self.optimizer = build_optimizer(self.network, recipe)
        self.model: nn.Module = self.network
        if self.place.world > 1:
            self.model = DistributedDataParallel(self.network)
        self.batches = Batches(self.dataset, device, self.resident)
        self._validation = Validation(
            self.dataset,
            self.validation_ticks,
            recipe.validation_samples,
            self.batches,
            self.normalizer,
        )
        self.progress = Progress(recipe, self.place)
        self._data = data_digest(self.dataset)
        self.watch = FiniteCheck(device)

    @property
    def step(self) -> int:
        """Optimizer steps taken."""
        return self.progress.step

    def run(self, shown: Callable[[int], None] = lambda step: None) -> None:
        """Train up to the end, or until `progress.stop`; checkpoints, validation and curves as the recipe says."""
        recipe, progress, first = self.recipe, self.progress, self.step
        progress.start()
        with closing(Feed(self.batches, self.order)) as feed:
            while progress.go_on():
                losses, norm, rate = self.train_step(feed.at(self.step))
                progress.step += 1
                shown(self.step)
                if self.step % recipe.log_every == 0:
                    self._report_losses(losses, norm, rate)
                if self.step % recipe.checkpoint_every == 0:
                    self.checkpoint()
        if self.step not in (first, self.saved):
            if self.step % recipe.log_every:
                self._report_losses(losses, norm, rate)
            self.checkpoint()

    def train_step(self, samples: Samples) -> tuple[Losses, Tensor, float]:
        """One optimizer step; losses, norm of the gradient, learning rate. It does not wait for a GPU."""
        recipe, step = self.recipe, self.step
        random = np.random.default_rng([self.seed, step, self.place.rank])
        torch.manual_seed(int(random.integers(2**62)))
        factor = rate_factor(step, self.progress.share, recipe)
        for group in self.optimizer.param_groups:
            group['lr'] = group['peak'] * factor
        self.model.train()
        losses = self._losses(samples)
        losses.total.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), recipe.grad_clip or math.inf)
        self.watch.note(step, losses.total, norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.average.update(step)
        return losses, norm, recipe.lr * factor

    def _losses(self, samples: Samples) -> Losses:
        actions, is_pad = self.normalizer.actions(samples.actions), samples.is_pad
        pixels = augment_images(samples.images, self.recipe)
        images = self.normalizer.images(pixels)
        qpos = withhold_qpos(self.normalizer.qpos(samples.qpos), self.recipe.qpos_dropout)
        with self._autocast():
            prediction = self.model(qpos, images, actions, is_pad)
            return act_loss(prediction, actions, is_pad, self.recipe.kl_weight)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(
            self.place.device.type,
            dtype=torch.bfloat16,
            enabled=self.recipe.precision == 'bf16',
            cache_enabled=True,
        )

    def _report_losses(self, losses: Losses, norm: Tensor, rate: float) -> None:
        self.watch.check()
        values = torch.stack([losses.total, losses.l1, losses.kl, norm]).tolist()
        names = ('loss', 'l1', 'kl', 'grad_norm')
        self.curves.add(self.step, {**dict(zip(names, values, strict=True)), 'lr': rate})

    def validate(self) -> dict[str, float]:
        """What `Validation` measures of the averaged weights."""
        judged = copy.deepcopy(self.network).eval()
        judged.load_state_dict(self.average.weights)
        return self._validation.measure(judged, self._autocast())

    def checkpoint(self) -> None:
        """Validate and write the policy: the newest in `output`, this one in step_N, the best in `best`.

        Raises:
            PolicyError: the weights are not finite, or the disk has no room; what was written before stays.
        """
        self.watch.check()
        if self.place.rank != 0:
            return
        found = self.validate()
        self.curves.add(self.step, found)
        loss = found[SEEN]
        better = not loss >= self.best
        self.best = loss if better and math.isfinite(loss) else self.best
        places = [step_folder(self.output, self.step), self.output]
        self.written.append(self.step)
        try:
            self._write([self.output / 'best', *places] if better else places)
        except OSError as error:
            remove_policy(places[0])
            self.written.remove(self.step)
            for left in (self.output, self.output / 'best'):
                for partial in left.glob('*.partial'):
                    partial.unlink(missing_ok=True)
            before = (
                'there is none before it'
                if self.saved is None
                else f'that of step {self.saved} is whole'
            )
            raise PolicyError(
                f'the checkpoint of step {self.step} cannot be written in {self.output}: '
                f'{error.strerror or error}; {before}; make room, and go on with --resume'
            ) from error
        self.saved = self.step
        self.written = prune(self.output, self.written, self.keep)

    def _write(self, folders: list[Path]) -> None:
        """Write everything; the state, which is the largest, first, and put in place last."""
        self.output.mkdir(parents=True, exist_ok=True)
        partial = self.output / f'{STATE}.partial'
        write_state(partial, self.state())
        for folder in folders:
            save_checkpoint(folder, self.config, self.average.weights, self.normalizer.stats())
        self.curves.save()
        partial.replace(self.output / STATE)

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs."""
        return {
            'step': self.step,
            'seconds': self.progress.seconds,
            'best': self.best,
            'seed': self.seed,
            'recipe': self.recipe.to_dict(),
            'config': self.config.to_json(),
            'episodes': [path.name for path in self.dataset.paths],
            'joint_order': self.dataset.joint_order,
            'data': self._data,
            'written': self.written,
            'origin': self.origin,
            'network': self.network.state_dict(),
            'average': self.average.weights,
            'optimizer': self.optimizer.state_dict(),
        }

    def start_from(self, folder: Path) -> None:
        """Begin with the weights of a policy. The statistics stay those of this run's data.

        Raises:
            PolicyError: it can't be read, or its network is not the one that is trained.
        """
        loaded = load_checkpoint(folder, cvae=True)
        if not loaded.config.same_network(self.config):
            raise PolicyError(
                f'cannot start from {folder}: its network differs; it is {loaded.config.to_json()}, '
                f'and {self.config.to_json()} is trained'
            )
        self.network.load_state_dict(loaded.network.state_dict())
        self.origin = str(folder)
        self.average.set(self.network.state_dict())

    def resume(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` gave. The run may have another length; the schedule is then that of the new one.

        Raises:
            PolicyError: the run was one of another network, recipe, seed, or of other data.
        """
        check_same_run(state, self.state(), self.output)
        self.written, self.origin = list(state.get('written', ())), state.get('origin', '')
        try:
            self.network.load_state_dict(state['network'])
            self.average.set(state['average'])
            self.optimizer.load_state_dict(state['optimizer'])
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            raise PolicyError(
                f'cannot resume: the weights in {self.output / STATE} are not those of its network '
                f'({printable(str(error), 160, keep="")}); '
                f'train anew in another folder'
            ) from error
        self.best, self.saved = float(state['best']), int(state['step'])
        self.progress.restore(self.saved, float(state['seconds']))
        self.curves.resume(self.saved)
