# SPDX-License-Identifier: Apache-2.0
"""Between the robot's units and the network's: mean 0 and standard deviation 1 over the demonstrations."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.policy.formats.native import STATS_KEYS as KEYS


class Normalizer(nn.Module):
    """Holds the statistics of the demonstrations and applies them.

    Args:
        config: gives the lengths and the images' mean and standard deviation.
        stats: by each of `KEYS` a vector, as from `Dataset.stats`.

    Raises:
        PolicyError: a statistic is missing, has another length, isn't finite, or a deviation isn't positive.
    """

    qpos_mean: Tensor
    qpos_std: Tensor
    action_mean: Tensor
    action_std: Tensor
    image_mean: Tensor
    image_scale: Tensor

    def __init__(self, config: PolicyConfig, stats: Mapping[str, NDArray[np.float32]]) -> None:
        super().__init__()
        dims = {'qpos': config.state_dim, 'action': config.action_dim}
        for key in KEYS:
            values = stats.get(key)
            if values is None:
                raise PolicyError(
                    f'the statistic {key} is missing; without it the policy would act in wrong units'
                )
            dim = dims[key.split('.')[0]]
            if values.shape != (dim,):
                raise PolicyError(
                    f'the statistic {key} has shape {tuple(values.shape)}; expected ({dim},)'
                )
            if not np.isfinite(values).all() or (key.endswith('std') and (values <= 0).any()):
                raise PolicyError(
                    f'the statistic {key} is not finite, or a deviation not positive: {values}'
                )
            self.register_buffer(
                key.replace('.', '_'), torch.from_numpy(np.array(values, np.float32))
            )
        mean, std = torch.tensor(config.image_mean), torch.tensor(config.image_std)
        if mean.dim() == 2:  # a triple per camera
            mean = mean[:, None, None]  # (C, 1, 1, 3)
        if std.dim() == 2:
            std = std[:, None, None]
        self.register_buffer('image_mean', 255 * mean)
        self.register_buffer('image_scale', 1 / (255 * std))

    def stats(self) -> dict[str, Tensor]:
        """The statistics by `KEYS`."""
        return {key: getattr(self, key.replace('.', '_')) for key in KEYS}

    def qpos(self, qpos: Tensor) -> Tensor:
        """(…, state_dim) in radians and 0..1 -> normalized."""
        return (qpos - self.qpos_mean) / self.qpos_std

    def actions(self, actions: Tensor) -> Tensor:
        """(…, action_dim) in radians and 0..1 -> normalized."""
        return (actions - self.action_mean) / self.action_std

    def unnormalize_actions(self, actions: Tensor) -> Tensor:
        """(…, action_dim) normalized -> radians and 0..1."""
        return actions * self.action_std + self.action_mean

    def images(self, images: Tensor) -> Tensor:
        """(B, C, h, w, 3) uint8 or 0..255 -> (B, C, 3, h, w) normalized; still channels-last in memory."""
        return ((images - self.image_mean) * self.image_scale).permute(0, 1, 4, 2, 3)
