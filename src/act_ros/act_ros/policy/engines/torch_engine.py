# SPDX-License-Identifier: Apache-2.0
"""PyTorch as the engine: on a processor as it is, on a GPU in half precision and as a graph."""

from __future__ import annotations

import torch
from torch import Tensor

from act_ros.policy.checkpoint import Loaded
from act_ros.policy.engines.base import InferenceEngine, Pixels
from act_ros.policy.engines.choice import EngineChoice, EngineError
from act_ros.robot.types import Floats

HALVES = {'fp16': torch.float16, 'bf16': torch.bfloat16}


class TorchEngine:
    """The network as it is trained, on the processor. In fp32 it is the reference."""

    def __init__(self, loaded: Loaded, precision: str = 'fp32') -> None:
        self._network, self._normalizer = loaded.network.eval(), loaded.normalizer.eval()
        self._half = HALVES.get(precision)

    @torch.inference_mode()
    def run(self, state: Floats, frames: Pixels) -> Floats:
        """See `InferenceEngine.run`."""
        images = self._normalizer.images(torch.from_numpy(frames)[None])  # (1, C, 3, h, w)
        with torch.autocast('cpu', self._half, enabled=self._half is not None):
            actions = self._network(torch.from_numpy(state)[None], images).actions
        chunk: Floats = actions[0].float().numpy()
        return chunk

    def close(self) -> None:
        """Nothing is held."""


class CudaEngine:
    """The network on NVIDIA's GPU: one CUDA graph from pixels to chunk, attention by the fused kernel."""

    def __init__(self, loaded: Loaded, precision: str) -> None:
        if not torch.cuda.is_available():
            raise EngineError(
                f'device cuda: PyTorch {torch.__version__} finds no NVIDIA GPU that it can use; install the driver and '
                f"PyTorch's build for CUDA, or set device to cpu or auto"
            )
        # TensorFloat-32 has 10 bits: what is called fp32 here is fp32.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        self._network = loaded.network.eval().to('cuda')
        self._normalizer = loaded.normalizer.eval().to('cuda')
        self._half = HALVES.get(precision)
        config = loaded.config
        shape = (1, len(config.cameras), *config.image_size, 3)
        self._state = torch.zeros(1, config.state_dim, device='cuda')
        self._frames = torch.zeros(shape, dtype=torch.uint8, device='cuda')
        self._graph = torch.cuda.CUDAGraph()
        with torch.inference_mode():
            aside = torch.cuda.Stream()
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):  # kernels are chosen before what they do is recorded
                for _ in range(3):
                    self._forward()
            torch.cuda.current_stream().wait_stream(aside)
            with torch.cuda.graph(self._graph):
                self._chunk = self._forward()  # (k, action_dim), where every replay puts it

    def _forward(self) -> Tensor:
        images = self._normalizer.images(self._frames)
        # No cache of converted weights: it would outlive the graph's recording.
        with torch.autocast(
            'cuda', self._half, enabled=self._half is not None, cache_enabled=False
        ):
            actions: Tensor = self._network(self._state, images).actions
        return actions[0].float()

    @torch.inference_mode()
    def run(self, state: Floats, frames: Pixels) -> Floats:
        """See `InferenceEngine.run`."""
        self._state.copy_(torch.from_numpy(state)[None])
        self._frames.copy_(torch.from_numpy(frames)[None])
        self._graph.replay()
        chunk: Floats = self._chunk.cpu().numpy()  # waits for the GPU
        return chunk

    def close(self) -> None:
        """The process that ends gives the GPU's memory back."""


def torch_engine(loaded: Loaded, choice: EngineChoice) -> InferenceEngine:
    """The engine on the device of a choice.

    Raises:
        EngineError: there is no such device, or it cannot be used.
    """
    if choice.device == 'cuda':
        try:
            return CudaEngine(loaded, choice.precision)
        except RuntimeError as error:  # of CUDA, out of memory too
            why = str(error).splitlines()[0]
            raise EngineError(f'device cuda: PyTorch could not use the GPU: {why}') from error
    return TorchEngine(loaded, choice.precision)
