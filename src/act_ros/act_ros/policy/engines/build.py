# SPDX-License-Identifier: Apache-2.0
"""The process that prepares an engine for a policy and compares it with PyTorch in fp32.

Started as `python -m` of this module with CALLER CHECKPOINT FOLDER DEVICE ENGINE PRECISION THREADS. The engine's files
are in FOLDER then, and the verdict is the last line of the output. An engine that crashes takes this process with it,
and no other.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from act_ros.policy.engines import quantized
from act_ros.policy.engines.base import InferenceEngine, difference, probes
from act_ros.policy.engines.choice import EngineChoice, EngineError
from act_ros.policy.errors import PolicyError
from act_ros.python_process import die_with


def main(argv: Sequence[str]) -> int:
    """Prepare and compare; always 0 where there is a verdict."""
    caller, checkpoint, folder, device, engine, precision, threads = argv
    die_with(int(caller))
    try:
        found = prepare(
            Path(checkpoint),
            Path(folder),
            EngineChoice(device, engine, precision),
            int(threads) or None,
        )
        verdict: dict[str, object] = {'difference': found}
    except EngineError as error:
        verdict = {'refused': str(error)}
    except PolicyError as error:
        verdict = {'broken': str(error)}
    except OSError as error:
        verdict = {'unwritten': error.strerror or str(error)}
    sys.stdout.write(json.dumps(verdict) + '\n')
    return 0


def prepare(checkpoint: Path, folder: Path, choice: EngineChoice, threads: int | None) -> float:
    """Write what an engine needs into a folder; returns its difference from PyTorch in fp32.

    Raises:
        EngineError: it cannot run the policy.
        PolicyError: the policy cannot be read.
        OSError: the folder cannot be written.
    """
    import torch

    from act_ros.policy.checkpoint import load_checkpoint
    from act_ros.policy.engines import export
    from act_ros.policy.engines.openvino_engine import compile_into
    from act_ros.policy.engines.torch_engine import TorchEngine, torch_engine

    if threads is not None:
        torch.set_num_threads(threads)
    loaded = load_checkpoint(checkpoint)
    reference = TorchEngine(loaded)
    int8 = quantized.folder_of(loaded.source) if choice.precision == 'int8' else None
    seen = quantized.observations(int8, loaded.config) if int8 else probes(loaded.config)
    expected = [reference.run(*one) for one in seen]
    engine: InferenceEngine
    if choice.engine == 'torch':
        engine = torch_engine(loaded, choice)
    else:
        _check_room(folder, sum(value.nbytes for value in loaded.network.state_dict().values()))
        if choice.engine == 'openvino':
            model = int8 / quantized.NETWORK if int8 else export.to_openvino(loaded)
            compile_into(folder, model, choice.precision, threads)
        else:
            export.to_onnx(loaded, folder)
        engine = engine_from(folder, choice, threads)
    return difference(engine, seen, expected, choice.precision)


def _check_room(folder: Path, size: int) -> None:
    """The engines' own writers don't say it, or say it in many ways."""
    if shutil.disk_usage(folder).free < 1.1 * size + (1 << 20):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def engine_from(folder: Path, choice: EngineChoice, threads: int | None) -> InferenceEngine:
    """The engine that `prepare` has left in a folder.

    Raises:
        EngineError: it doesn't load.
    """
    if choice.engine == 'openvino':
        from act_ros.policy.engines.openvino_engine import OpenVinoEngine

        return OpenVinoEngine(folder, choice.precision, threads)
    from act_ros.policy.engines.onnx_engine import OnnxEngine

    return OnnxEngine(folder, choice.device, threads)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
