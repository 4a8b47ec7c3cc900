# SPDX-License-Identifier: Apache-2.0
"""Where a training process runs: its device, and its rank among those that torchrun started."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

import torch

from act_ros.policy.errors import PolicyError


@dataclass(frozen=True)
class Placement:
    """This process among those that train together (torchrun), and its device."""

    device: torch.device
    rank: int = 0
    world: int = 1


def find_place(device: str) -> Placement:
    """Device and rank of this process; joins the group where torchrun started several.

    Args:
        device: 'auto' (CUDA where there is one), 'cpu', 'cuda' or 'cuda:N'.

    Raises:
        PolicyError: it is none of these, or isn't there.
    """
    world, rank = int(os.environ.get('WORLD_SIZE', 1)), int(os.environ.get('RANK', 0))
    name = ('cuda' if torch.cuda.is_available() else 'cpu') if device == 'auto' else device
    match = re.fullmatch(r'cpu|cuda(?::(\d+))?', name)
    if match is None:
        raise PolicyError(f"--device {device}: expected 'auto', 'cpu', 'cuda' or 'cuda:N'")
    if name.startswith('cuda') and not torch.cuda.is_available():
        raise PolicyError(
            f"--device {device}: PyTorch sees no CUDA device; use --device cpu, or 'auto'"
        )
    if match[1] and int(match[1]) >= torch.cuda.device_count():
        raise PolicyError(
            f'--device {device}: there are {torch.cuda.device_count()} CUDA devices, from cuda:0 on'
        )
    if name == 'cuda':
        name = f'cuda:{os.environ.get("LOCAL_RANK", 0)}'
    if name.startswith('cuda'):
        torch.cuda.set_device(name)
        torch.set_float32_matmul_precision('high')  # TF32
        torch.backends.cudnn.benchmark = True
    if world > 1:
        torch.distributed.init_process_group('nccl' if name.startswith('cuda') else 'gloo')
    return Placement(torch.device(name), rank, world)
