# SPDX-License-Identifier: Apache-2.0
"""The residual networks of He et al. (CVPR 2016) up to a stage: tensors named and shaped as torchvision's.

torchvision's own would do, but its import loads PyTorch's compiler: five seconds of a processor at every start
of a policy, for nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn

Norm = Callable[[int], nn.Module]
BLOCKS = {'resnet18': (2, 2, 2, 2), 'resnet34': (3, 4, 6, 3), 'resnet50': (3, 4, 6, 3)}
"""Blocks of the four stages."""


def trunk(name: str, stages: int, norm: Norm, dilation: bool = False) -> nn.Sequential:
    """A network up to stage `stages` (1 to 4), randomly initialized.

    Args:
        name: resnet18, resnet34 or resnet50.
        stages: stage n gives 64 · 2ⁿ⁻¹ channels, with resnet50 four times as many.
        norm: makes the normalization of so many channels.
        dilation: the fourth stage keeps its resolution, and dilates instead (resnet50 only).
    """
    block, expansion = (Bottleneck, 4) if name == 'resnet50' else (BasicBlock, 1)
    parts: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False),
        bn1=norm(64),
        relu=nn.ReLU(inplace=True),
        maxpool=nn.MaxPool2d(3, stride=2, padding=1),
    )
    channels = 64
    for stage in range(stages):
        wide, stride = 64 * 2**stage, 1 if stage == 0 else 2
        dilated = dilation and stage == 3
        layers = []
        for number in range(BLOCKS[name][stage]):
            first = number == 0
            shrinks = stride if first and not dilated else 1
            spread = 2 if dilated and not first else 1
            layers.append(block(channels, wide, shrinks, spread, norm))
            channels = wide * expansion
        parts[f'layer{stage + 1}'] = nn.Sequential(*layers)
    made = nn.Sequential(parts)
    for module in made.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode='fan_out', nonlinearity='relu')
    return made


class BasicBlock(nn.Module):
    """Two convolutions beside a short cut, of resnet18 and resnet34."""

    def __init__(self, channels: int, wide: int, stride: int, _: int, norm: Norm) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, wide, 3, stride, padding=1, bias=False)
        self.bn1 = norm(wide)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(wide, wide, 3, padding=1, bias=False)
        self.bn2 = norm(wide)
        self.downsample = _short_cut(channels, wide, stride, norm)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) to (N, wide, H / stride, W / stride)."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        return torch.relu_(out)


class Bottleneck(nn.Module):
    """A convolution between two that narrow and widen, of resnet50; it has the stride, as in torchvision."""

    def __init__(self, channels: int, wide: int, stride: int, dilation: int, norm: Norm) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, wide, 1, bias=False)
        self.bn1 = norm(wide)
        self.conv2 = nn.Conv2d(
            wide, wide, 3, stride, padding=dilation, dilation=dilation, bias=False
        )
        self.bn2 = norm(wide)
        self.conv3 = nn.Conv2d(wide, 4 * wide, 1, bias=False)
        self.bn3 = norm(4 * wide)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _short_cut(channels, 4 * wide, stride, norm)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) to (N, 4 · wide, H / stride, W / stride)."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return torch.relu_(out)


def _short_cut(channels: int, out: int, stride: int, norm: Norm) -> nn.Sequential | None:
    """What brings a block's input to the shape of its output; None where it has that."""
    if stride == 1 and channels == out:
        return None
    return nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), norm(out))
