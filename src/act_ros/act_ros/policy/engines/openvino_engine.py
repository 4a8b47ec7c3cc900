# SPDX-License-Identifier: Apache-2.0
"""OpenVINO: the fastest on processors of Intel and AMD."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from act_ros.policy.engines.base import Pixels
from act_ros.policy.engines.choice import EngineError
from act_ros.robot.types import Floats

COMPILED = 'compiled.blob'
"""The network as compiled for this processor: to compile takes twice as long as to read this."""
HINTS = {'fp32': 'f32', 'bf16': 'bf16', 'int8': 'f32'}
"""Of what is not quantized, for int8."""

UNFUSED = {'SNIPPETS_MODE': 'DISABLE'}
"""The fusion of these residual blocks crashes OpenVINO 2026.4 in fp32, and gains nothing in bf16."""


class OpenVinoEngine:
    """A network that `compile_into` wrote. Needs no PyTorch."""

    def __init__(self, folder: Path, precision: str, threads: int | None) -> None:
        import openvino

        try:
            blob = (folder / COMPILED).read_bytes()
            compiled = openvino.Core().import_model(blob, 'CPU', _options(precision, threads))
            self._request: Any = compiled.create_infer_request()
        except (OSError, RuntimeError) as error:
            raise EngineError(f'openvino cannot run this network: {_why(error)}') from error

    def run(self, state: Floats, frames: Pixels) -> Floats:
        """See `InferenceEngine.run`."""
        self._request.infer([state[None], frames[None]])
        chunk: Floats = np.array(self._request.get_output_tensor(0).data[0], np.float32)
        return chunk

    def close(self) -> None:
        """Let go of the compiled network."""
        self._request = None


def compile_into(folder: Path, model: Any, precision: str, threads: int | None) -> None:
    """Compile OpenVINO's model for this processor, and write that into a folder.

    Raises:
        EngineError: it cannot be compiled, or not in this precision.
    """
    import openvino

    core = openvino.Core()
    able = core.get_property('CPU', 'OPTIMIZATION_CAPABILITIES')
    if precision == 'bf16' and 'BF16' not in able:
        raise EngineError('this processor does not compute in bf16; set precision to fp32 or auto')
    try:
        compiled = core.compile_model(model, 'CPU', _options(precision, threads))
    except RuntimeError as error:
        raise EngineError(f'openvino cannot compile this network: {_why(error)}') from error
    (folder / COMPILED).write_bytes(compiled.export_model().getvalue())


def _why(error: Exception) -> str:
    """Its messages name source files first, and end with what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _options(precision: str, threads: int | None) -> dict[str, Any]:
    options: dict[str, Any] = {
        **UNFUSED,
        'INFERENCE_PRECISION_HINT': HINTS[precision],
        'NUM_STREAMS': 1,
        # Where the control loop runs is the system's to say.
        'ENABLE_CPU_PINNING': False,
    }
    return options if threads is None else {**options, 'INFERENCE_NUM_THREADS': threads}
