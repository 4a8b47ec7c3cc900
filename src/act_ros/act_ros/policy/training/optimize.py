# SPDX-License-Identifier: Apache-2.0
"""What happens to the weights in a step: the optimizer, their moving average, and the look-out for what isn't finite."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from act_ros.policy.errors import PolicyError
from act_ros.policy.network import ACT
from act_ros.policy.training.recipe import Recipe


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


class Average:
    """The moving average of a network's weights, which is what is saved as the policy.

    Attributes:
        weights: the average by the names of the network's state, on its device; without a decay the network's own.
    """

    def __init__(self, network: ACT, decay: float) -> None:
        """Begin at the network's weights as they are; `decay` is `Recipe.ema`."""
        self._decay = decay
        # These are the network's own tensors: steps and `load_state_dict` change them in place.
        self._live = dict(network.state_dict())
        own = {name: value.detach() for name, value in self._live.items()}
        # Of nothing but the last step, which is a copy of all weights less in every one.
        self.weights = {name: value.clone() for name, value in own.items()} if decay else own

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move it towards the weights after a step; in the first steps further."""
        if not self._decay:
            return
        decay = min(self._decay, (1 + step) / (10 + step))
        # Entries that aren't trained are equal and stay so.
        torch._foreach_lerp_(
            list(self.weights.values()), [v.detach() for v in self._live.values()], 1 - decay
        )

    @torch.no_grad()
    def set(self, weights: Mapping[str, Tensor]) -> None:
        """Take these values, from whatever device."""
        for name, value in self.weights.items():
            value.copy_(weights[name])


class FiniteCheck:
    """Sees the first step whose loss or gradient isn't finite, without making each step wait for the GPU."""

    def __init__(self, device: torch.device) -> None:
        self._first = torch.full((3,), -1.0, device=device)  # step, loss, norm of the gradient

    @torch.no_grad()
    def note(self, step: int, loss: Tensor, norm: Tensor) -> None:
        """Note the scalars of a step on their device."""
        now = torch.stack([torch.full_like(loss, step), loss, norm]).detach().float()
        fine = torch.isfinite(now).all() | (self._first[0] >= 0)
        self._first = torch.where(fine, self._first, now)

    def check(self) -> None:
        """Ask; this waits for all steps so far.

        Raises:
            PolicyError: a step's loss or gradient was not finite: the weights are lost.
        """
        step, loss, norm = self._first.tolist()
        if step >= 0:
            raise PolicyError(
                f'the loss ({loss}) or its gradient ({norm}) at step {step:.0f} is not finite; a lower '
                f'learning rate helps'
            )
