# SPDX-License-Identifier: Apache-2.0
"""The network as the other engines read it: what inference needs, from uint8 frames to the normalized chunk."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from act_ros.policy.checkpoint import Loaded
from act_ros.policy.engines.choice import EngineError
from act_ros.policy.engines.onnx_engine import MODEL


class _Whole(nn.Module):
    """Normalization of the frames and the network, without the CVAE encoder: z is 0."""

    def __init__(self, loaded: Loaded) -> None:
        super().__init__()
        self.network, self.normalizer = loaded.network.eval(), loaded.normalizer.eval()

    def forward(self, state: Tensor, frames: Tensor) -> Tensor:
        actions: Tensor = self.network(state, self.normalizer.images(frames)).actions
        return actions


def _inputs(loaded: Loaded) -> tuple[Tensor, Tensor]:
    config = loaded.config
    shape = (1, len(config.cameras), *config.image_size, 3)
    return torch.zeros(1, config.state_dim), torch.zeros(shape, dtype=torch.uint8)


@torch.no_grad()
def to_openvino(loaded: Loaded) -> Any:
    """OpenVINO's model of a network, in fp32."""
    import openvino

    inputs = _inputs(loaded)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        # Traced here: openvino's own tracing checks twice, by what loads PyTorch's compiler, for four seconds.
        traced: Any = torch.jit.trace(_Whole(loaded), inputs, check_trace=False)
        shapes = [openvino.PartialShape(value.shape) for value in inputs]
        return openvino.convert_model(traced, example_input=inputs, input=shapes)


@torch.no_grad()
def to_onnx(loaded: Loaded, folder: Path) -> None:
    """Write an ONNX file into a folder.

    Raises:
        EngineError: what PyTorch needs for it is not installed.
    """
    # Looked for before: PyTorch says that it misses it in an error of its own, after most of the work.
    if not find_spec('onnx'):
        raise EngineError(
            'to write a network for onnxruntime PyTorch needs onnx: pip install onnx'
        )
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(
            _Whole(loaded), _inputs(loaded), folder / MODEL, input_names=['state', 'frames'],
            output_names=['chunk'], dynamo=False,
        )  # fmt: skip
