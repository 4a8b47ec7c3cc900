# SPDX-License-Identifier: Apache-2.0
"""The backbone: a ResNet, cut after a stage, with the normalization of choice, and its pretrained weights.

These are torchvision's, which is imported so that it also works beside a PyTorch that was built without CUDA.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.policy.resnet import trunk

_declared: list[torch.library.Library] = []
"""Keeps the declared operators alive: a Library that is collected takes them back."""


def build_backbone(config: PolicyConfig) -> tuple[nn.Module, int]:
    """The backbone, randomly initialized, and the channels that it gives.

    A `Sequential` that all cameras share, or with `per_camera` a `ModuleList` with one for each camera.
    """
    channels = 64 * 2 ** (config.backbone_layers - 1)
    channels *= 4 if config.backbone == 'resnet50' else 1
    if config.per_camera:
        return nn.ModuleList(_build_trunk(config) for _ in config.cameras), channels
    return _build_trunk(config), channels


def _build_trunk(config: PolicyConfig) -> nn.Sequential:
    """A ResNet up to stage `backbone_layers`."""
    norm: Callable[[int], nn.Module] = (
        FrozenBatchNorm if config.norm == 'frozen_batch' else group_norm
    )
    return trunk(config.backbone, config.backbone_layers, norm, config.dilation)


def lay_out(network: nn.Module) -> None:
    """Let the weights of all convolutions lie in memory as they take them fastest, and as their gradients come."""
    channels_last: Any = {'memory_format': torch.channels_last}  # not in PyTorch's own types
    network.to(**channels_last)


def group_norm(channels: int) -> nn.GroupNorm:
    """Group normalization over groups of 16 channels: independent of the batch, trainable from scratch."""
    return nn.GroupNorm(channels // 16, channels)


class FrozenBatchNorm(nn.Module):
    """Batch normalization with fixed statistics and affine, as detection networks and the paper's code use it."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer('weight', torch.ones(channels))
        self.register_buffer('bias', torch.zeros(channels))
        self.register_buffer('running_mean', torch.zeros(channels))
        self.register_buffer('running_var', torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Scale and shift the channels of x (N, channels, H, W)."""
        scale = self.weight * (self.running_var + 1e-5).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale.view(1, -1, 1, 1).to(x.dtype) + shift.view(1, -1, 1, 1).to(x.dtype)


def imagenet_weights(name: str = 'resnet18') -> dict[str, Tensor]:
    """torchvision's ImageNet weights of a ResNet, from PyTorch's download cache (`TORCH_HOME`) or its server.

    Raises:
        PolicyError: they can't be had; the message says where to put them.
    """
    _import_torchvision()
    from torchvision.models import get_model_weights

    weights = get_model_weights(name)['IMAGENET1K_V1']
    try:
        state: dict[str, Tensor] = weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        target = Path(torch.hub.get_dir()) / 'checkpoints' / Path(weights.url).name
        raise PolicyError(
            f'no pretrained ImageNet weights ({error}), and a backbone with frozen batch normalization does '
            f'not learn from random ones; put {weights.url} at {target}, or train with norm: group (--config '
            f'small does)'
        ) from error
    return state


def load_pretrained(backbone: nn.Module, state: dict[str, Tensor]) -> None:
    """Give a backbone with frozen batch normalization the weights that `imagenet_weights` found."""
    for each in backbone if isinstance(backbone, nn.ModuleList) else (backbone,):
        each.load_state_dict({key: state[key] for key in each.state_dict()})


def _import_torchvision() -> None:
    """Import torchvision, whose compiled operators need not load: a ResNet uses none of them.

    PyPI's wheel is built for CUDA. Beside a CPU-only PyTorch its operators don't load, and the import
    then fails where it registers a meta kernel for them; with the schemas declared it goes through.
    """
    try:
        import torchvision
    except RuntimeError as error:
        if 'torchvision::' not in str(error):
            raise
        library = torch.library.Library('torchvision', 'DEF')
        for name in ('nms', 'qnms'):
            schema = f'{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor'
            library.define(schema)
        _declared.append(library)
        import torchvision  # noqa: F401
