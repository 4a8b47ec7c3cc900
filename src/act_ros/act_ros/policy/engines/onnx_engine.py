# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime: for processors that OpenVINO does not know, and for GPUs without PyTorch's CUDA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from act_ros.policy.engines.base import Pixels
from act_ros.policy.engines.choice import EngineError
from act_ros.robot.types import Floats

MODEL = 'model.onnx'
PROVIDERS = {'cpu': 'CPUExecutionProvider', 'cuda': 'CUDAExecutionProvider'}


class OnnxEngine:
    """A network that `export.to_onnx` wrote. Needs no PyTorch."""

    def __init__(self, folder: Path, device: str, threads: int | None) -> None:
        import onnxruntime

        provider = PROVIDERS[device]
        if provider not in onnxruntime.get_available_providers():
            raise EngineError(
                f'this onnxruntime has no {provider}; install onnxruntime-gpu in its place, or set device to cpu or auto'
            )
        if device == 'cuda' and hasattr(onnxruntime, 'preload_dlls'):
            # pip's CUDA libraries are not where the linker looks, unless PyTorch has loaded them before.
            onnxruntime.preload_dlls()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads that wait must leave the processor to the control loop.
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        given: Any = provider
        if device == 'cuda':  # fp32 is fp32, not TensorFloat-32
            given = (provider, {'use_tf32': '0'})
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(folder / MODEL), options, providers=[given]
            )
        except Exception as error:  # its errors have no class of their own that is public
            raise EngineError(f'onnxruntime cannot run this network: {error}') from error
        if provider not in self._session.get_providers():
            raise EngineError(f'onnxruntime could not start its {provider}; its output says why')

    def run(self, state: Floats, frames: Pixels) -> Floats:
        """See `InferenceEngine.run`."""
        chunk: Floats = self._session.run(None, {'state': state[None], 'frames': frames[None]})[0][
            0
        ]
        return chunk

    def close(self) -> None:
        """Let go of the session."""
        self._session = None
