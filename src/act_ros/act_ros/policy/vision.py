# SPDX-License-Identifier: Apache-2.0
"""torchvision's ResNet-18, imported so that it also works beside a PyTorch built without CUDA."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

_log = logging.getLogger(__name__)
_declared: list[torch.library.Library] = []
"""Keeps the declared operators alive: a Library that is collected takes them back."""


def torchvision_resnet(norm: Callable[[int], nn.Module]) -> nn.Module:
    """ResNet-18 with random weights and the given normalization layers."""
    _import_torchvision()
    from torchvision.models import resnet18

    network: nn.Module = resnet18(weights=None, norm_layer=norm)
    return network


def load_pretrained(backbone: nn.Module) -> bool:
    """Give a backbone with frozen batch normalization torchvision's ImageNet weights.

    They come from PyTorch's download cache (`TORCH_HOME`) or from its server.

    Returns:
        Whether the weights could be had; where not, the log says why and the backbone is unchanged.
    """
    _import_torchvision()
    from torchvision.models import ResNet18_Weights

    weights = ResNet18_Weights.IMAGENET1K_V1
    try:
        state = weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        target = Path(torch.hub.get_dir()) / 'checkpoints' / Path(weights.url).name
        _log.warning(
            'no pretrained ImageNet weights (%s): the backbone starts from random weights. To use them, '
            'put %s at %s', error, weights.url, target
        )
        return False
    wanted = backbone.state_dict()
    backbone.load_state_dict({name: state[name] for name in wanted})
    return True


def _import_torchvision() -> None:
    """Import torchvision, whose compiled operators need not load: ResNet-18 uses none of them.

    PyPI's wheel is built for CUDA. Beside a CPU-only PyTorch its operators don't load, and the import
    then fails where it registers a meta kernel for them; with the schemas declared it goes through.
    """
    try:
        import torchvision  # noqa: F401
    except RuntimeError as error:
        if 'torchvision::' not in str(error):
            raise
        library = torch.library.Library('torchvision', 'DEF')
        library.define('nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
        library.define('qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
        _declared.append(library)
        import torchvision  # noqa: F401
