# SPDX-License-Identifier: Apache-2.0
"""Makes a policy's network in int8: OpenVINO's quantizer (NNCF) sees what recorded observations do inside of it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from act_ros.policy.checkpoint import Loaded
from act_ros.policy.engines import export
from act_ros.policy.engines.base import Seen
from act_ros.policy.engines.choice import EngineError
from act_ros.policy.engines.openvino_engine import UNFUSED
from act_ros.policy.engines.quantized import NETWORK, OBSERVATIONS, folder_of, write_record

EXACT = ('.*robot_state_input_proj.*', '.*network.decoder.*', '.*action_head.*')
"""What is not quantized: 255 steps are too coarse for joint positions and actions. It takes a quarter of the time."""
CALIBRATE, COMPARE = 300, 8
"""Observations that the ranges are taken from, and others that the result is compared on."""


def quantize(loaded: Loaded, observe: Callable[[int], Seen], calibrate: int = CALIBRATE) -> Path:
    """Write a policy's network in int8 beside the policy; what was there is replaced.

    Args:
        loaded: the policy.
        observe: gives observation 0 to `calibrate + COMPARE - 1`; the network sees nothing else.
        calibrate: how many the ranges are taken from.

    Returns:
        The folder.

    Raises:
        EngineError: the quantizer is not installed, or cannot do it.
        OSError: the folder cannot be written.
    """
    try:
        import nncf
    except ImportError as error:
        raise EngineError(
            f"OpenVINO's quantizer is not installed ({error}): pip install nncf"
        ) from error
    folder = folder_of(loaded.source)
    partial = folder.with_name(f'{folder.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        model = _in_int8(nncf, export.to_openvino(loaded), observe, calibrate)
        _write(partial, model, loaded, [observe(calibrate + i) for i in range(COMPARE)])
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _in_int8(nncf: Any, model: Any, observe: Callable[[int], Seen], calibrate: int) -> Any:
    def inputs(number: int) -> list[Any]:
        state, frames = observe(number)
        return [state[None], frames[None]]

    nncf.set_log_level(logging.WARNING)  # not what it thinks of each layer
    try:
        with _unfused():
            return nncf.quantize(
                model,
                nncf.Dataset(range(calibrate), inputs),
                subset_size=calibrate,
                model_type=nncf.ModelType.TRANSFORMER,
                ignored_scope=nncf.IgnoredScope(patterns=list(EXACT)),
            )
    except (RuntimeError, ValueError, nncf.InternalError) as error:
        raise EngineError(f'the network cannot be quantized: {error}') from error


@contextmanager
def _unfused() -> Generator[None, None, None]:
    """The quantizer compiles the network by itself and takes no options for that; see `UNFUSED`."""
    import openvino

    ordinary = openvino.Core.compile_model

    def compile_model(core: Any, model: Any, device_name: str, config: Any = None) -> Any:
        return ordinary(core, model, device_name, {**(config or {}), **UNFUSED})

    openvino.Core.compile_model = compile_model
    try:
        yield
    finally:
        openvino.Core.compile_model = ordinary


def _write(folder: Path, model: Any, loaded: Loaded, seen: Sequence[Seen]) -> None:
    import openvino

    openvino.save_model(
        model, folder / NETWORK
    )  # the weights of what stays fp32 in half precision
    np.savez_compressed(
        folder / OBSERVATIONS,
        state=np.stack([state for state, _ in seen]),
        frames=np.stack([frames for _, frames in seen]),
    )
    write_record(folder, loaded.source)
