# SPDX-License-Identifier: Apache-2.0
"""Samples on the device that trains: gathered there where all frames fit, else fetched ahead of the step."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from act_ros.data.dataset import Dataset
from act_ros.data.frame_store import FrameStore
from act_ros.policy.training.placement import Placement

RESIDENT_SHARE = 0.5
"""Share of a GPU's free memory that the frames may take; the rest is for the training itself."""
AHEAD = 2
"""Batches that are fetched before they are asked for."""
PIECE = 1 << 28
"""Bytes of frames that are copied to a GPU at once."""


@dataclass(frozen=True)
class Samples:
    """B samples on the device: qpos (B, 14), images (B, cameras, h, w, 3) uint8, actions (B, k, 14), is_pad (B, k).

    Row i of a sample's actions is the command that was sent i ticks after its observation; where the
    episode has ended it repeats the last one, and `is_pad` is true.
    """

    qpos: Tensor
    images: Tensor
    actions: Tensor
    is_pad: Tensor


class Order:
    """Which ticks each step sees: all of them in a random order, anew when they are used up.

    Args:
        ticks: what is drawn from.
        seed: of the order.
        batch: samples in a step of each process.
        place: gives the rank; processes that train together see different samples.
    """

    def __init__(self, ticks: NDArray[np.int64], seed: int, batch: int, place: Placement) -> None:
        self._ticks, self._seed, self._batch, self._place = ticks, seed, batch, place
        self._epochs: dict[int, NDArray[np.int64]] = {}

    def at(self, step: int) -> NDArray[np.int64]:
        """The ticks (batch,) of this process at a step."""
        first = (step * self._place.world + self._place.rank) * self._batch
        positions = np.arange(first, first + self._batch)
        epochs = positions // len(self._ticks)
        ticks = np.empty(self._batch, np.int64)
        self._epochs = {e: order for e, order in self._epochs.items() if e >= epochs[0]}
        for epoch in np.unique(epochs).tolist():
            if epoch not in self._epochs:
                random = np.random.default_rng([self._seed, epoch, 7])
                self._epochs[epoch] = random.permutation(self._ticks)
            mine = epochs == epoch
            ticks[mine] = self._epochs[epoch][positions[mine] % len(self._ticks)]
        return ticks


class Batches:
    """Gives the samples of any ticks.

    The vectors always lie on the device. The frames do on a GPU whose memory has the room; else they are
    gathered on the host, by a thread that is ahead of the steps, and copied.

    Args:
        dataset: where the samples come from.
        device: where they are wanted.
        resident: whether the frames lie on the device; None: where they fit.
    """

    def __init__(
        self, dataset: Dataset, device: torch.device, resident: bool | None = None
    ) -> None:
        self.device = device
        self._dataset = dataset
        self._qpos = torch.from_numpy(dataset.qpos).to(device)
        self._actions = torch.from_numpy(dataset.actions).to(device)
        self._end = torch.from_numpy(dataset.end).to(device)
        self._steps = torch.arange(dataset.chunk, device=device)
        resident = fits_on_device(dataset.frames.nbytes, device) if resident is None else resident
        self._frames = upload(dataset.frames, device) if resident else None

    @property
    def resident(self) -> bool:
        """Whether the frames lie on the device."""
        return self._frames is not None

    def fetch(self, ticks: NDArray[np.int64]) -> Tensor | None:
        """What of the samples at `ticks` (B,) is slow to get: their frames on the host; None: it is on the device."""
        if self._frames is not None:
            return None
        shape = (len(ticks), *self._dataset.frames.shape[1:])
        images = torch.empty(shape, dtype=torch.uint8, pin_memory=self.device.type == 'cuda')
        self._dataset.frames.gather(ticks, images.numpy())
        return images

    def samples(self, ticks: NDArray[np.int64], fetched: Tensor | None = None) -> Samples:
        """The samples at `ticks` (B,), with the frames that `fetch` gave; nothing here waits for a GPU."""
        at = self._move(torch.from_numpy(ticks))
        if self._frames is not None:
            images = self._frames[at]
        else:
            host = self.fetch(ticks) if fetched is None else fetched
            assert host is not None
            images = host.to(self.device, non_blocking=True)
        steps = at.unsqueeze(1) + self._steps  # (B, k)
        end = self._end[at].unsqueeze(1)
        return Samples(
            self._qpos[at], images, self._actions[torch.minimum(steps, end - 1)], steps >= end
        )

    def _move(self, host: Tensor) -> Tensor:
        # From memory that isn't pinned a copy would wait for all that the GPU has still to do.
        host = host.pin_memory() if self.device.type == 'cuda' else host
        return host.to(self.device, non_blocking=True)


class Feed:
    """The samples of one step after the other, fetched ahead. Close it after use."""

    def __init__(self, batches: Batches, order: Order) -> None:
        self._batches, self._order = batches, order
        self._ahead: dict[int, Future[tuple[NDArray[np.int64], Tensor | None]]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix='frames')

    def at(self, step: int) -> Samples:
        """The samples of a step; those of the next ones are fetched meanwhile."""
        wanted = range(step, step + 1 + AHEAD)
        for s in set(self._ahead) - set(wanted):
            del self._ahead[s]
        for s in wanted:
            if s not in self._ahead:
                self._ahead[s] = self._thread.submit(self._fetch, s)
        return self._batches.samples(*self._ahead.pop(step).result())

    def _fetch(self, step: int) -> tuple[NDArray[np.int64], Tensor | None]:
        ticks = self._order.at(step)
        return ticks, self._batches.fetch(ticks)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(cancel_futures=True)


def fits_on_device(size: int, device: torch.device) -> bool:
    """Whether `size` bytes of frames may lie on a device. In a CPU's memory they are as near where they are."""
    if device.type != 'cuda':
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return size <= RESIDENT_SHARE * free


def upload(frames: FrameStore, device: torch.device) -> Tensor:
    """All frames as one tensor on the device, copied piece by piece."""
    tensor = torch.empty(frames.shape, dtype=torch.uint8, device=device)
    count = frames.shape[0]
    rows = max(1, PIECE * count // frames.nbytes)
    for i in range(0, count, rows):
        ticks = np.arange(i, min(i + rows, count))
        piece = np.empty((len(ticks), *frames.shape[1:]), np.uint8)
        frames.gather(ticks, piece)
        tensor[i : i + rows].copy_(torch.from_numpy(piece))
    return tensor
