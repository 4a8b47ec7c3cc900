# SPDX-License-Identifier: Apache-2.0
"""The error on held-out episodes, and whether the pictures have a part in it.

A network may learn to go on from the joints alone: where demonstrations agree, they tell nearly everything once the arms
move. Its error is then about that of one that looks, and it fails at the first scene, since at the beginning only
the pictures tell where things lie. So there the error is also measured with the pictures of another episode: who looks
is misled by them.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from act_ros.data.dataset import Dataset
from act_ros.policy.network import ACT
from act_ros.policy.normalize import Normalizer
from act_ros.policy.training.batches import Batches

SEEN = 'validation_l1'
BEGUN, MISLED = 'validation_begin_l1', 'validation_begin_l1_other_pictures'
LOOKS = 1.5
"""A policy whose error with others' pictures is not so many times as large does not look at them."""
BEGINNING = 4
"""The beginning of an episode is a chunk's length divided by this."""
_ROWS, _MOST_BEGUN = 32, 64


class Validation:
    """Judges a network on held-out ticks.

    Args:
        dataset: where the ticks are from.
        ticks: all that are held out; may be none.
        most: so many of them are taken, evenly.
        batches: gives their samples.
        normalizer: of the policy.
    """

    def __init__(
        self,
        dataset: Dataset,
        ticks: NDArray[np.int64],
        most: int,
        batches: Batches,
        normalizer: Normalizer,
    ) -> None:
        self._ticks = evenly(ticks, most)
        episodes = np.searchsorted(dataset.starts, ticks, side='right') - 1
        early = ticks - dataset.starts[episodes] < max(1, dataset.chunk // BEGINNING)
        self._begun = evenly(ticks[early], _MOST_BEGUN)
        self._others = same_moment(self._begun, dataset.starts)
        self._batches, self._normalizer = batches, normalizer

    def measure(self, network: ACT, autocast: AbstractContextManager[Any]) -> dict[str, float]:
        """Masked L1, normalized, with z = 0: `SEEN` of all; of the beginnings `BEGUN`, and `MISLED` by others' pictures.

        NaN without held-out episodes; the last also where there is only one.
        """
        alone = bool((self._others == self._begun).all())
        return {
            SEEN: self._error(network, autocast, self._ticks, self._ticks),
            BEGUN: self._error(network, autocast, self._begun, self._begun),
            MISLED: math.nan
            if alone
            else self._error(network, autocast, self._begun, self._others),
        }

    @torch.no_grad()
    def _error(
        self,
        network: ACT,
        autocast: AbstractContextManager[Any],
        ticks: NDArray[np.int64],
        pictures: NDArray[np.int64],
    ) -> float:
        """The error at some ticks, with the pictures of those or of others; NaN without any."""
        sums = torch.zeros(
            2, device=self._batches.device
        )  # of the errors, and of what they are of
        for i in range(0, len(ticks), _ROWS):
            samples = self._batches.samples(ticks[i : i + _ROWS])
            others = (
                samples if pictures is ticks else self._batches.samples(pictures[i : i + _ROWS])
            )
            actions = self._normalizer.actions(samples.actions)
            with autocast:
                qpos, images = (
                    self._normalizer.qpos(samples.qpos),
                    self._normalizer.images(others.images),
                )
                predicted = network(qpos, images).actions.float()
            valid = (~samples.is_pad).unsqueeze(2)
            error = ((predicted - actions).abs() * valid).sum()
            sums += torch.stack([error, valid.sum() * actions.shape[2]])
        error, entries = sums.tolist()
        return float(error / entries) if entries else math.nan


def evenly(ticks: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most so many of the ticks, from the first to the last."""
    return ticks[np.linspace(0, len(ticks) - 1, min(most, len(ticks))).astype(np.int64)]


def same_moment(ticks: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each tick (n,) the one as long after the start of the next of these episodes, or the last of that.

    Args:
        ticks: of a dataset.
        starts: (episodes + 1,) first tick of each episode, and the number of all.
    """
    episodes = np.searchsorted(starts, ticks, side='right') - 1
    present = np.unique(episodes)
    following = np.roll(present, -1)[np.searchsorted(present, episodes)]
    lengths = np.diff(starts)
    return starts[following] + np.minimum(ticks - starts[episodes], lengths[following] - 1)


def blindness(values: dict[str, float]) -> str:
    """What a person is told of a policy that does not look at its pictures; '' of one that does, or may."""
    own, misled = values.get(BEGUN, math.nan), values.get(MISLED, math.nan)
    if not misled < LOOKS * own:
        return ''
    return (
        f'this policy does not look at its pictures: at the beginning of held-out episodes its error is {own:.3f}, and '
        f'{misled:.3f} with the pictures of another. It goes by the joints alone, and will fail where things lie '
        f'elsewhere. Train it longer, with qpos_dropout and pre_norm as in --config small, or on more demonstrations'
    )
