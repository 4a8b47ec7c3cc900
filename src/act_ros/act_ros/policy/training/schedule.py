# SPDX-License-Identifier: Apache-2.0
"""How far a run is, and the learning rate that belongs there."""

from __future__ import annotations

import math
import time

import torch
import torch.distributed as dist

from act_ros.policy.training.placement import Placement
from act_ros.policy.training.recipe import Recipe


class Progress:
    """Steps taken and time spent; the share of the run that is over is known to all processes alike.

    A run of `minutes` is over when the time is, counted from `start` on, checkpoints and validation
    included. Where several processes train together, the clock of the first one counts.

    Attributes:
        step: optimizer steps taken.
        share: how much of the run is over, from 0 to 1, as of the last `go_on`.
        stop: set from outside to end the run at the next step; the first process decides.
    """

    def __init__(self, recipe: Recipe, place: Placement) -> None:
        self.recipe, self.place = recipe, place
        self.step, self.share, self.stop = 0, 0.0, False
        self._spent = 0.0  # seconds of a run that is gone on with
        self._begun: float | None = None
        # Over the CPU's own channel: a number that came over the GPU's would have to be waited for.
        self._group = dist.new_group(backend='gloo') if place.world > 1 else None

    @property
    def seconds(self) -> float:
        """Time spent on training, that before a resume included."""
        now = 0.0 if self._begun is None else time.monotonic() - self._begun
        return self._spent + now

    def start(self) -> None:
        """The first step begins: time counts from here on."""
        self._begun = time.monotonic()

    def restore(self, step: int, seconds: float) -> None:
        """Go on from a run that had come this far."""
        self.step, self._spent = step, seconds

    def go_on(self) -> bool:
        """Whether there is another step to take; every process must ask once before each."""
        recipe = self.recipe
        done, whole = (
            (self.seconds, 60 * recipe.minutes)
            if recipe.minutes
            else (self.step, float(recipe.steps))
        )
        share, stop = done / whole, self.stop
        if self._group is not None:
            told = torch.tensor([share, float(stop)], dtype=torch.float64)
            dist.broadcast(told, src=0, group=self._group)
            share, stop = told[0].item(), bool(told[1])
        self.share = min(share, 1.0)
        return self.share < 1 and not stop


def rate_factor(step: int, share: float, recipe: Recipe) -> float:
    """Learning rate as a fraction of its peak: a linear warm-up, times a half cosine to 0 or nothing.

    Args:
        step: optimizer steps taken.
        share: how much of the run is over, from 0 to 1.
        recipe: gives the warm-up and the schedule.
    """
    warm = min(1.0, (step + 1) / recipe.warmup) if recipe.warmup else 1.0
    return warm * (0.5 * (1 + math.cos(math.pi * share)) if recipe.schedule == 'cosine' else 1.0)
