# SPDX-License-Identifier: Apache-2.0
"""The training loop.

Everything that is random in a step (which samples, dropout, the latent's noise, augmentation) is drawn
from (seed, step, rank): a run resumed from a checkpoint continues as if it had never stopped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from act_ros.data.dataset import Batch, Dataset
from act_ros.policy.augment import augment_images
from act_ros.policy.checkpoint import load_checkpoint, save_checkpoint
from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.policy.network import ACT, Losses, act_loss
from act_ros.policy.normalize import Normalizer
from act_ros.policy.place import Place
from act_ros.policy.recipe import Recipe
from act_ros.policy.vision import load_pretrained

STATE = 'training_state.pt'

Report = Callable[[int, dict[str, float]], None]
"""Called with a step and the scalars measured at it."""


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
        report: gets the scalars of the loss curves.
    """

    config: PolicyConfig
    recipe: Recipe
    dataset: Dataset
    output: Path
    seed: int
    place: Place
    report: Report
    step: int = field(default=0, init=False)
    best: float = field(default=math.inf, init=False)

    def __post_init__(self) -> None:
        recipe, device = self.recipe, self.place.device
        self.train_ticks, self.validation_ticks = self.dataset.split(recipe.validation, self.seed)
        self.normalizer = Normalizer(self.config, self.dataset.stats()).to(device)
        torch.manual_seed(self.seed)
        self.network = ACT(self.config)
        if recipe.pretrained and self.config.norm == 'frozen_batch':
            load_pretrained(self.network.backbone, self.config.backbone)
        self.network.to(device)
        self.average = {
            name: value.detach().clone() for name, value in self.network.state_dict().items()
        }
        self.optimizer = build_optimizer(self.network, recipe)
        self.model: nn.Module = self.network
        if self.place.world > 1:
            self.model = DistributedDataParallel(self.network)

    def run(self, progress: Callable[[int], None] = lambda step: None) -> None:
        """Train up to the last step; checkpoints, validation and curves as the recipe says."""
        recipe = self.recipe
        while self.step < recipe.steps:
            losses, norm, rate = self.train_step()
            self.step += 1
            progress(self.step)
            if self.step % recipe.log_every == 0 or self.step == recipe.steps:
                self._report_losses(losses, norm, rate)
            if self.step % recipe.checkpoint_every == 0 or self.step == recipe.steps:
                self.checkpoint()

    def train_step(self) -> tuple[Losses, Tensor, float]:
        """One optimizer step on the samples of `self.step`; losses, norm of the gradient, learning rate."""
        recipe, step = self.recipe, self.step
        random = np.random.default_rng([self.seed, step, self.place.rank])
        torch.manual_seed(int(random.integers(2**62)))
        factor = rate_factor(step, recipe)
        for group in self.optimizer.param_groups:
            group['lr'] = group['peak'] * factor
        self.model.train()
        batch = self.dataset.batch(self._sample(step))
        with self._autocast():
            losses = self._losses(batch, random)
        losses.total.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), recipe.grad_clip or math.inf)
        if not torch.isfinite(norm + losses.total):
            raise PolicyError(
                f'the loss ({losses.total.item()}) or its gradient ({norm.item()}) at step {step} is not finite; '
                f'the last checkpoint is in '
                f'{self.output}; a lower learning rate helps'
            )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._update_average(step)
        return losses, norm, recipe.lr * factor

    def _losses(self, batch: Batch, random: np.random.Generator) -> Losses:
        device = self.place.device
        qpos = self.normalizer.qpos(torch.from_numpy(batch.qpos).to(device))
        actions = self.normalizer.actions(torch.from_numpy(batch.actions).to(device))
        is_pad = torch.from_numpy(batch.is_pad).to(device)
        pixels = augment_images(batch.images, self.recipe, random)
        images = self.normalizer.images(torch.from_numpy(pixels).to(device))
        prediction = self.model(qpos, images, actions, is_pad)
        return act_loss(prediction, actions, is_pad, self.recipe.kl_weight)

    def _sample(self, step: int) -> NDArray[np.int64]:
        """Ticks of this process's samples: the training ticks in a random order, anew when they are used up."""
        size, count = self.recipe.batch, len(self.train_ticks)
        first = (step * self.place.world + self.place.rank) * size
        positions = np.arange(first, first + size)
        ticks = np.empty(size, np.int64)
        for epoch in np.unique(positions // count):
            order = np.random.default_rng([self.seed, int(epoch), 7]).permutation(count)
            mine = positions // count == epoch
            ticks[mine] = self.train_ticks[order[positions[mine] % count]]
        return ticks

    def _autocast(self) -> torch.autocast:
        return torch.autocast(
            self.place.device.type,
            dtype=torch.bfloat16,
            enabled=self.recipe.precision == 'bf16',
            cache_enabled=True,
        )

    def _update_average(self, step: int) -> None:
        """Move the average of the weights towards the weights."""
        decay = min(self.recipe.ema, (1 + step) / (10 + step)) if self.recipe.ema else 0.0
        # The dictionaries have the same order; entries that aren't trained are equal and stay so.
        torch._foreach_lerp_(
            list(self.average.values()), list(self.network.state_dict().values()), 1 - decay
        )

    def _report_losses(self, losses: Losses, norm: Tensor, rate: float) -> None:
        values = {'loss': losses.total, 'l1': losses.l1, 'kl': losses.kl, 'grad_norm': norm}
        self.report(
            self.step, {**{name: value.item() for name, value in values.items()}, 'lr': rate}
        )

    @torch.no_grad()
    def validate(self) -> float:
        """Masked L1, normalized, of the averaged weights with z = 0 on the held-out episodes; NaN without any."""
        ticks = self.validation_ticks
        if len(ticks) == 0:
            return math.nan
        count = min(self.recipe.validation_samples, len(ticks))
        ticks = ticks[np.linspace(0, len(ticks) - 1, count).astype(np.int64)]
        judged = ACT(self.config).to(self.place.device).eval()
        judged.load_state_dict(self.average)
        error = steps = 0.0
        for i in range(0, count, 32):
            batch = self.dataset.batch(ticks[i : i + 32])
            qpos = self.normalizer.qpos(torch.from_numpy(batch.qpos).to(self.place.device))
            actions = self.normalizer.actions(
                torch.from_numpy(batch.actions).to(self.place.device)
            )
            valid = ~torch.from_numpy(batch.is_pad).to(self.place.device).unsqueeze(2)
            images = self.normalizer.images(torch.from_numpy(batch.images).to(self.place.device))
            with self._autocast():
                predicted = judged(qpos, images).actions.float()
            error += float(((predicted - actions).abs() * valid).sum())
            steps += float(valid.sum()) * actions.shape[2]
        return error / steps

    def checkpoint(self) -> None:
        """Validate and write the policy: the newest in `output`, this one in step_N, the best in `best`."""
        if self.place.rank != 0:
            return
        loss = self.validate()
        self.report(self.step, {'validation_l1': loss})
        if not loss >= self.best:
            self.best = loss if math.isfinite(loss) else self.best
            self._save(self.output / 'best')
        self._save(self.output / f'step_{self.step}')
        self._save(self.output)
        partial = self.output / f'{STATE}.partial'
        torch.save(self.state(), partial)
        partial.replace(self.output / STATE)

    def _save(self, folder: Path) -> None:
        save_checkpoint(folder, self.config, self.average, self.normalizer.stats())

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs."""
        return {
            'step': self.step,
            'best': self.best,
            'seed': self.seed,
            'recipe': self.recipe.to_dict(),
            'config': self.config.to_json(),
            'episodes': [path.name for path in self.dataset.paths],
            'network': self.network.state_dict(),
            'average': self.average,
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
        self.average = {
            name: value.detach().clone() for name, value in self.network.state_dict().items()
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` gave.

        Raises:
            PolicyError: the run was one of another network, recipe, seed or set of episodes.
        """
        mine = self.state()
        for name in ('seed', 'recipe', 'config', 'episodes'):
            if state.get(name) != mine[name]:
                raise PolicyError(
                    f'cannot resume: the {name} differs: it was {state.get(name)}, and is {mine[name]}'
                )
        self.network.load_state_dict(state['network'])
        self.average = dict(state['average'])
        self.optimizer.load_state_dict(state['optimizer'])
        self.step, self.best = int(state['step']), float(state['best'])


def load_state(output: Path) -> dict[str, Any]:
    """Read the state of a run from its output folder.

    Raises:
        PolicyError: there is none, or it is damaged.
    """
    path = output / STATE
    try:
        state: dict[str, Any] = torch.load(path, map_location='cpu', weights_only=True)
    except FileNotFoundError as error:
        raise PolicyError(f'cannot resume: there is no {path}') from error
    except Exception as error:  # torch.load raises whatever the damaged bytes provoke
        raise PolicyError(
            f'cannot resume: {path} is damaged ({error}); train anew in another folder'
        ) from error
    return state


def build_optimizer(network: ACT, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW with one group of parameters for the backbone and one for the rest."""
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for name, parameter in network.named_parameters():
        groups[name.startswith('backbone.')].append(parameter)
    return torch.optim.AdamW(
        [
            {'params': groups[False], 'lr': recipe.lr, 'peak': recipe.lr},
            {'params': groups[True], 'lr': recipe.lr_backbone, 'peak': recipe.lr_backbone},
        ],
        weight_decay=recipe.weight_decay,
        fused=True,
    )


def rate_factor(step: int, recipe: Recipe) -> float:
    """Learning rate at a step as a fraction of its peak: linear warm-up, then constant or a half cosine to 0."""
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    if recipe.schedule == 'constant':
        return 1.0
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return 0.5 * (1 + math.cos(math.pi * done))
