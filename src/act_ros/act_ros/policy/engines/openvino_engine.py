# SPDX-License-Identifier: Apache-2.0
"""OpenVINO: the fastest on processors of Intel and AMD."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from act_ros.policy.engines.base import Pixels
from act_ros.policy.engines.choice import EngineError
from act_ros.robot.types import Floats

MODEL = 'model.xml'
HINTS = {'fp32': 'f32', 'bf16': 'bf16'}


class OpenVinoEngine:
    """A network that `export.to_openvino` wrote, compiled for this processor. Needs no PyTorch."""

    def __init__(self, folder: Path, precision: str, threads: int | None) -> None:
        import openvino

        core = openvino.Core()
        if precision == 'bf16' and 'BF16' not in core.get_property(
            'CPU', 'OPTIMIZATION_CAPABILITIES'
        ):
            raise EngineError(
                'this processor does not compute in bf16; set precision to fp32 or auto'
            )
        options: dict[str, Any] = {
            'INFERENCE_PRECISION_HINT': HINTS[precision],
            'NUM_STREAMS': 1,
            # Where the control loop runs is the system's to say.
            'ENABLE_CPU_PINNING': False,
            # The fusion of these residual blocks crashes OpenVINO 2026.4 in fp32, and gains nothing in bf16.
            'SNIPPETS_MODE': 'DISABLE',
        }
        if threads is not None:
            options['INFERENCE_NUM_THREADS'] = threads
        try:
            compiled = core.compile_model(core.read_model(folder / MODEL), 'CPU', options)
            self._request: Any = compiled.create_infer_request()
        except RuntimeError as error:
            raise EngineError(f'openvino cannot run this network: {error}') from error

    def run(self, state: Floats, frames: Pixels) -> Floats:
        """See `InferenceEngine.run`."""
        self._request.infer([state[None], frames[None]])
        chunk: Floats = np.array(self._request.get_output_tensor(0).data[0], np.float32)
        return chunk

    def close(self) -> None:
        """Let go of the compiled network."""
        self._request = None
