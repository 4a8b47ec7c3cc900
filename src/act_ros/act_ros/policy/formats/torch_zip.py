# SPDX-License-Identifier: Apache-2.0
"""What tensors a file of `torch.save` holds, found out without PyTorch and without running its pickle.

Such a file (PyTorch 1.6 and later) is a zip archive: NAME/data.pkl, a pickle in which each tensor refers to
a storage, and NAME/data/KEY, the uncompressed bytes of the storages.
"""

from __future__ import annotations

import io
import math
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from act_ros.policy.errors import PolicyError
from act_ros.policy.formats.files import MOST_MODEL, MOST_TENSORS, TensorEntry, check_file
from act_ros.policy.formats.pickles import Note, StandIn, are_sizes, read_pickle
from act_ros.text import listed, shown

MOST_STEPS = 100_000
_MOST_READ = 4 << 20
"""Bytes of its list of files, and of its pickle: enough for as many tensors as a model may have."""

_STORAGES = {
    'DoubleStorage': ('F64', 8),
    'FloatStorage': ('F32', 4),
    'HalfStorage': ('F16', 2),
    'BFloat16Storage': ('BF16', 2),
    'LongStorage': ('I64', 8),
    'IntStorage': ('I32', 4),
    'ShortStorage': ('I16', 2),
    'CharStorage': ('I8', 1),
    'ByteStorage': ('U8', 1),
    'BoolStorage': ('BOOL', 1),
}


class _Dict(dict[Any, Any], Note):
    """An OrderedDict of the pickle; a state dictionary's `_metadata`, which comes by BUILD, is dropped."""


class _Kind(NamedTuple):
    dtype: str
    width: int


class _Bounded(io.FileIO):
    """A file of which `zipfile` reads as much at once as the file itself says, within a bound."""

    def read(self, size: int | None = -1) -> bytes:
        """Read at most `size` bytes; PolicyError where that is more than is ever needed."""
        if size is None or size < 0:
            size = os.fstat(self.fileno()).st_size - self.tell()
        if size > _MOST_READ:
            raise PolicyError(
                f'its list of files or its data.pkl is longer than {_MOST_READ} bytes'
            )
        return super().read(max(size, 0))


@dataclass(frozen=True)
class _TensorStorage:
    dtype: str
    numel: int


def read_state_names(path: Path) -> dict[str, TensorEntry]:
    """Names, types and shapes of the tensors in a state dictionary that `torch.save` wrote.

    Raises:
        PolicyError: it is missing, damaged, something else, or asks for what a state dictionary doesn't need.
    """
    size = check_file(path, MOST_MODEL, 'give the path of a .ckpt file')
    try:
        with path.open('rb') as file:
            start = file.read(4)
        if start != b'PK\x03\x04':
            raise PolicyError(
                f'it begins with {start!r} and is no zip archive, as torch.save has written since PyTorch 1.6'
            )
        with _Bounded(path) as bounded, zipfile.ZipFile(bounded) as archive:
            pickled, storages = _open(archive, size)
        found = _read(pickled, storages)
    except PolicyError as error:
        raise PolicyError(f'{path} is refused: {error}') from error
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError,
            EOFError, ValueError, OverflowError) as error:  # fmt: skip
        raise PolicyError(
            f'{path} is damaged or cut off ({type(error).__name__}: {error}); copy it again'
        ) from error
    return found


def _open(archive: zipfile.ZipFile, size: int) -> tuple[bytes, dict[str, int]]:
    """The pickle, and the length in bytes of each storage by its key."""
    infos = archive.infolist()
    if len(infos) > 2 * MOST_TENSORS or len({info.filename for info in infos}) != len(infos):
        raise PolicyError('its list of files is not one that torch.save writes')
    pickles = [info for info in infos if info.filename.endswith('/data.pkl')]
    if len(pickles) != 1:
        raise PolicyError(
            f'it has {len(pickles)} files named data.pkl; expected one, as torch.save writes'
        )
    if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
        raise PolicyError('its files are compressed; those of torch.save are not')
    if sum(info.file_size for info in infos) > size:
        raise PolicyError('its files are longer than the archive')
    folder = pickles[0].filename[: -len('data.pkl')]
    for info in infos:
        if info.filename == folder + 'byteorder' and archive.read(info) != b'little':
            raise PolicyError('its byte order is not little endian')
    prefix = folder + 'data/'
    lengths = {
        info.filename[len(prefix) :]: info.file_size
        for info in infos
        if info.filename.startswith(prefix)
    }
    return archive.read(pickles[0]), lengths


def _read(pickled: bytes, lengths: Mapping[str, int]) -> dict[str, TensorEntry]:
    def stored(reference: Any) -> _TensorStorage:
        if not isinstance(reference, tuple) or len(reference) != 5 or reference[0] != 'storage':
            raise PolicyError('a reference of its pickle is not one to a storage')
        _, kind, key, _, numel = reference
        if not isinstance(kind, _Kind) or not isinstance(key, str) or type(numel) is not int:
            raise PolicyError('a reference of its pickle is not one to a storage')
        dtype, width = kind
        if lengths.get(key) != numel * width or numel < 0:
            raise PolicyError(
                f'storage {listed([key])} should have {shown(numel)} values of {width} bytes, and has '
                f'{lengths.get(key, "no")} bytes'
            )
        return _TensorStorage(dtype, numel)

    names: dict[tuple[str, str], Any] = {
        ('collections', 'OrderedDict'): StandIn(lambda: _Dict()),
        ('torch._utils', '_rebuild_tensor_v2'): StandIn(_tensor),
        ('torch._utils', '_rebuild_parameter'): StandIn(lambda data, requires_grad, hooks: data),
    }
    names.update({('torch', name): _Kind(*kind) for name, kind in _STORAGES.items()})
    found = read_pickle(pickled, names, stored, MOST_STEPS)
    if not isinstance(found, dict):
        raise PolicyError(f'it holds {type(found).__name__}; expected a state dictionary')
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, TensorEntry):
            raise PolicyError(
                f'its entry {shown(name, 60)} is {type(value).__name__}; expected the tensors of a state dictionary'
            )
    return dict(found)


def _tensor(
    storage: Any, offset: Any, shape: Any, strides: Any, requires_grad: Any, hooks: Any
) -> TensorEntry:
    """A tensor as torch rebuilds it: a view of a storage that lies in it and is not larger."""
    if not isinstance(storage, _TensorStorage):
        raise PolicyError('a tensor of its pickle has no storage')
    if not are_sizes(shape) or not are_sizes(strides) or not are_sizes((offset,)):
        raise PolicyError('a tensor of its pickle has no proper shape')
    if not isinstance(requires_grad, bool) or not isinstance(hooks, _Dict) or hooks:
        raise PolicyError('a tensor of its pickle has hooks')
    numel = math.prod(shape)
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=False))
    if len(shape) != len(strides) or numel > storage.numel or (numel and last >= storage.numel):
        raise PolicyError(
            f'a tensor {shape} with strides {strides} from {offset} does not lie in its storage of '
            f'{storage.numel} values'
        )
    return TensorEntry(storage.dtype, shape)
