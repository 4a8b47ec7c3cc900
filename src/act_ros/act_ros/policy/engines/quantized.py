# SPDX-License-Identifier: Apache-2.0
"""A policy's network in int8, in a folder beside the policy: made once by `quantize`, compiled wherever it runs.

POLICY/int8/network.xml, .bin    OpenVINO's model
POLICY/int8/observations.npz     some that it wasn't calibrated on, to compare it on: state (n, state_dim) float32,
                                 normalized; frames (n, C, h, w, 3) uint8
POLICY/int8/record.json          the weights that it was made of
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from act_ros.policy.config import PolicyConfig
from act_ros.policy.engines.base import Seen
from act_ros.policy.engines.choice import EngineError
from act_ros.policy.engines.fingerprint import digest_of, weights_of
from act_ros.policy.formats.source import Source

FOLDER = 'int8'
NETWORK, OBSERVATIONS, RECORD = 'network.xml', 'observations.npz', 'record.json'
FILES = (NETWORK, 'network.bin', OBSERVATIONS)
MOST_BYTES = 1 << 30
"""Of each array of observations."""


def folder_of(source: Source) -> Path:
    """Where a policy's network in int8 is, if there is one."""
    beside = source.path if source.path.is_dir() else source.path.parent
    return beside / FOLDER


def digest(source: Source, weights: str) -> str:
    """By which a policy's network in int8 is known; `weights` is what `weights_of` says of the policy.

    Raises:
        EngineError: there is none, it is of other weights, or files of it are missing; says how to make one.
    """
    folder = folder_of(source)
    make = f'ros2 run act_ros quantize {source.path} --data EPISODES'
    if not folder.exists():
        raise EngineError(
            f'int8 needs a network that was quantized on recorded episodes, and {source.path} has none; '
            f'make it once: {make}'
        )
    try:
        record = json.loads((folder / RECORD).read_bytes())
        damaged = [name for name in FILES if digest_of(folder / name) != record['files'][name]]
        made_of = record['weights']
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError(f'{folder} is damaged ({error}); make it anew: {make}') from error
    if damaged:
        raise EngineError(f'{folder} is damaged ({damaged[0]}); make it anew: {make}')
    if made_of != weights:
        raise EngineError(f'{folder} was made of other weights; make it anew: {make}')
    return json.dumps(record['files'])


def write_record(folder: Path, source: Source) -> None:
    """Write which weights the files in a folder were made of.

    Raises:
        OSError: the folder cannot be written.
    """
    files = {name: digest_of(folder / name) for name in FILES}
    (folder / RECORD).write_text(
        json.dumps({'weights': weights_of(source), 'files': files}) + '\n'
    )


def observations(folder: Path, config: PolicyConfig) -> list[Seen]:
    """Those that lie beside a network in int8.

    Raises:
        EngineError: they are not what they should be.
    """
    path = folder / OBSERVATIONS
    frame = (len(config.cameras), *config.image_size, 3)
    try:
        with np.load(path, allow_pickle=False) as file:
            state, frames = _array(file, 'state'), _array(file, 'frames')
    except (OSError, ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise EngineError(f'{path} cannot be read: {error}') from error
    good = state.dtype == np.float32 and frames.dtype == np.uint8
    good = good and state.shape == (len(state), config.state_dim)
    if not (good and len(state) > 0 and frames.shape == (len(state), *frame)):
        raise EngineError(
            f'{path} has state {state.shape} {state.dtype} and frames {frames.shape} {frames.dtype}; expected (n, '
            f'{config.state_dim}) float32 and (n, {", ".join(map(str, frame))}) uint8; make it anew with quantize'
        )
    return list(zip(state, frames, strict=True))


def _array(file: Any, name: str) -> NDArray[Any]:
    size = file.zip.getinfo(f'{name}.npy').file_size
    if size > MOST_BYTES:
        raise ValueError(f'{name} has {size} bytes, and at most {MOST_BYTES} are read')
    array: NDArray[Any] = file[name]
    return array
