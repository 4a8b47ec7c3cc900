# SPDX-License-Identifier: Apache-2.0
"""Files of strangers: read within bounds, and an error for what isn't what its name says.

safetensors (huggingface/safetensors, README, "Format"): 8 bytes, little endian, length of the header; the
header, JSON: by tensor its dtype, shape and [begin, end) in what follows; then the tensors' bytes.
"""

from __future__ import annotations

import json
import math
import stat
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from act_ros.git_lfs import pointer_said
from act_ros.policy.errors import PolicyError
from act_ros.text import listed, shown

# Python reads 1 MiB of JSON in one go of some 30 ms, and a node that reads has a loop to run.
MOST_TEXT = 256 << 10
MOST_YAML = 16 << 10
MOST_HEADER = 1 << 20
MOST_MODEL = 8 << 30
MOST_TENSORS = 20_000

_SIZES = {
    'F64': 8, 'F32': 4, 'F16': 2, 'BF16': 2, 'I64': 8, 'I32': 4, 'I16': 2, 'I8': 1, 'U8': 1, 'BOOL': 1,
    'U16': 2, 'U32': 4, 'U64': 8, 'F8_E4M3': 1, 'F8_E5M2': 1,
}  # fmt: skip
FLOATS = ('F64', 'F32', 'F16', 'BF16')

_MAGIC = {
    b'PK\x03\x04': 'a zip archive, such as torch.save writes',
    b'\x80\x02': 'a pickle',
    b'\x80\x03': 'a pickle',
    b'\x80\x04': 'a pickle',
    b'\x80\x05': 'a pickle',
    b'\x89HDF': 'an HDF5 file',
    b'<!DO': 'a web page',
    b'\x1f\x8b': 'a gzip archive',
}


@dataclass(frozen=True)
class TensorEntry:
    """A tensor in a file: its dtype by safetensors' name, its shape, and where its bytes are."""

    dtype: str
    shape: tuple[int, ...]
    begin: int = 0
    end: int = 0


def check_file(path: Path, most: int, hint: str = 'copy the whole folder of the policy') -> int:
    """Size of a regular file in bytes.

    Raises:
        PolicyError: it isn't there, isn't a regular file (a pipe would never end), or is larger than `most`.
    """
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise PolicyError(f'{path} is missing; {hint}') from error
    except (OSError, ValueError) as error:
        raise PolicyError(f'{path} cannot be read: {error}') from error
    if not stat.S_ISREG(status.st_mode):
        raise PolicyError(f'{path} cannot be read: it is not a regular file')
    if status.st_size > most:
        raise PolicyError(
            f'{path} has {status.st_size} bytes; at most {most} are read: is it what its name says?'
        )
    if said := pointer_said(path):
        raise PolicyError(f'{path} cannot be read: {said}')
    return status.st_size


def read_bytes(path: Path, most: int) -> bytes:
    """The bytes of a file that has at most `most`; raises as `check_file`."""
    check_file(path, most)
    try:
        with path.open('rb') as file:
            return file.read(most)
    except OSError as error:
        raise PolicyError(f'{path} cannot be read: {error}') from error


def read_text(path: Path, most: int = MOST_TEXT) -> str:
    """The text of a small UTF-8 file; raises as `check_file`, or where it is no text."""
    try:
        return read_bytes(path, most).decode('utf-8')
    except UnicodeDecodeError as error:
        raise PolicyError(f'{path} cannot be read: {error}') from error


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; raises as `read_text`, or where it is no JSON object."""
    try:
        data = json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise PolicyError(f'{path}: not valid JSON: {error}') from error
    except PolicyError:
        raise
    except ValueError as error:  # a number of too many digits
        raise PolicyError(f'{path}: not valid JSON: {error}') from error
    if not isinstance(data, dict):
        raise PolicyError(f'{path}: expected a JSON object, got {type(data).__name__}')
    return data


class _PlainLoader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML without aliases: a few lines of them can stand for more than memory holds."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse an alias; otherwise as the base class."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError('aliases (*name) are not read here')
        return super().compose_node(parent, index)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a small YAML file; raises as `read_text`, or where it is none."""
    text = read_text(path, MOST_YAML)
    try:
        data = yaml.load(text, Loader=_PlainLoader)  # noqa: S506 - derived from SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise PolicyError(f'{path}: not valid YAML: {" ".join(str(error).split())}') from error
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise PolicyError(f'{path}: expected entries "name: value", got {shown(data)}')
    return data


def read_header(path: Path) -> dict[str, TensorEntry]:
    """What tensors a safetensors file holds.

    Raises:
        PolicyError: it is missing, too large, cut off, something else, or its header doesn't fit its length.
    """
    size = check_file(path, MOST_MODEL)
    try:
        with path.open('rb') as file:
            start = file.read(8)
            length = struct.unpack('<Q', start)[0] if len(start) == 8 else -1
            if not 2 <= length <= min(size - 8, MOST_HEADER):
                raise _damaged(path, _what_else(start, size, length))
            text = file.read(length)
    except OSError as error:
        raise _damaged(path, str(error)) from error
    try:
        data = json.loads(text.decode('utf-8'))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f'its header is no JSON: {error}') from error
    if not isinstance(data, dict) or len(data) > MOST_TENSORS:
        raise _damaged(path, f'its header is no list of at most {MOST_TENSORS} tensors')
    data.pop('__metadata__', None)
    return {name: _entry(path, name, value, 8 + length, size) for name, value in data.items()}


def _entry(path: Path, name: str, value: Any, start: int, size: int) -> TensorEntry:
    """Check one tensor's line of the header."""
    label = f'tensor {listed([name])}'
    if not isinstance(value, dict):
        raise _damaged(path, f'{label}: its entry is {shown(value)}')
    dtype: Any = value.get('dtype')
    shape: Any = value.get('shape')
    place: Any = value.get('data_offsets')
    if not isinstance(dtype, str) or dtype not in _SIZES:
        raise _damaged(path, f'{label}: dtype {shown(dtype)} is not known')
    if not _are_numbers(shape) or not _are_numbers(place) or len(place) != 2:
        raise _damaged(path, f'{label}: shape {shown(shape)}, bytes {shown(place)}')
    needed = math.prod(shape) * _SIZES[dtype]
    if place[1] - place[0] != needed:
        raise _damaged(path, f'{label}: {dtype} {shape} needs {needed} bytes, and it has {place}')
    if start + place[1] > size:
        raise _damaged(
            path,
            f'{label} ends at byte {start + place[1]}, and the file has {size}: it is cut off',
        )
    return TensorEntry(dtype, tuple(shape), start + place[0], start + place[1])


def _are_numbers(value: Any) -> bool:
    if not isinstance(value, list) or len(value) > 8:
        return False
    return all(type(n) is int and 0 <= n < 1 << 62 for n in value)


def read_vectors(
    path: Path, entries: dict[str, TensorEntry], names: Iterable[str]
) -> dict[str, NDArray[np.float64]]:
    """Some small tensors of a safetensors file, as float64.

    Raises:
        PolicyError: one is large, or holds no floating-point numbers, or the file is not what it was.
    """
    chosen = {name: entries[name] for name in names}
    for name, entry in chosen.items():
        if entry.dtype not in FLOATS or entry.end - entry.begin > MOST_TEXT:
            raise PolicyError(
                f'{path}: {listed([name])} is {entry.dtype} {list(entry.shape)}; expected a short vector '
                f'of floating-point numbers'
            )
    vectors = {}
    try:
        with path.open('rb') as file:
            for name, entry in chosen.items():
                file.seek(entry.begin)
                vectors[name] = _decode(file.read(entry.end - entry.begin), entry)
    except (OSError, ValueError) as error:  # somebody is writing it
        raise _damaged(path, f'it changed while it was read: {error}') from error
    return vectors


def _decode(data: bytes, entry: TensorEntry) -> NDArray[np.float64]:
    if entry.dtype == 'BF16':  # the upper half of a float32
        wide = np.frombuffer(data, '<u2').astype(np.uint32) << 16
        return wide.view(np.float32).astype(np.float64).reshape(entry.shape)
    kind = {'F64': '<f8', 'F32': '<f4', 'F16': '<f2'}[entry.dtype]
    return np.frombuffer(data, kind).astype(np.float64).reshape(entry.shape)


def _what_else(start: bytes, size: int, length: int) -> str:
    """Why the first bytes of a file are not those of a safetensors file."""
    for magic, kind in _MAGIC.items():
        if start.startswith(magic):
            return f'it is {kind}'
    if size < 8:
        return f'it has {size} bytes'
    if length > MOST_HEADER:
        return f'its header would be {length} bytes long; at most {MOST_HEADER} are read'
    if length < 2:
        return f'its header would be {length} bytes long'
    return f'its header is {length - (size - 8)} bytes longer than the file: it is cut off'


def _damaged(path: Path, why: str) -> PolicyError:
    return PolicyError(
        f'{path} is damaged or not a safetensors file ({why}); copy it again, or train the policy again'
    )


def plain_name(path: Path, name: object) -> str:
    """A file name that a file of a checkpoint gives, checked to lie in the same folder.

    Raises:
        PolicyError: it is no plain file name.
    """
    if not isinstance(name, str) or not name or name != Path(name).name or '\0' in name:
        raise PolicyError(f'{path} names the file {shown(name)}; expected one beside it')
    return name
