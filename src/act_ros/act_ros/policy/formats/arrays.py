# SPDX-License-Identifier: Apache-2.0
"""Pickled dictionaries of NumPy arrays, such as `dataset_stats.pkl`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from act_ros.policy.errors import PolicyError
from act_ros.policy.formats.files import read_bytes
from act_ros.policy.formats.pickles import Note, StandIn, are_sizes, read_pickle
from act_ros.text import shown

MOST_BYTES = 16 << 20


class _Dtype(Note):
    """A NumPy dtype as pickled: a letter and a size, then its byte order."""

    __slots__ = ('_code', '_order')

    def __init__(self, code: Any, *_: Any) -> None:
        if not isinstance(code, str):
            raise PolicyError('it holds an array of a type without a name')
        if code not in {
            'f2', 'f4', 'f8', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', 'b1',
        }:  # fmt: skip
            raise PolicyError(f'it holds an array of type {shown(code)}; expected numbers')
        self._code, self._order = code, '<'

    def build(self, state: Any) -> None:
        """Take the byte order in."""
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ('<', '>', '|', '='):
            raise PolicyError('the state of a dtype is none that NumPy writes')
        self._order = state[1]

    def numpy(self) -> np.dtype[Any]:
        """The dtype itself."""
        return np.dtype(self._order + self._code)


class _Copies:
    """Makes bytes, no more than a file may have: a pickle can name one text again and again."""

    def __init__(self) -> None:
        self._left = MOST_BYTES

    def of(self, data: str | bytearray) -> bytes:
        """The bytes of a latin-1 text or of a buffer."""
        self._left -= len(data)
        if self._left < 0:
            raise PolicyError(f'its arrays are larger than {MOST_BYTES} bytes')
        return data.encode('latin1') if isinstance(data, str) else bytes(data)


class _Array(Note):
    """A NumPy array as pickled."""

    __slots__ = ('_copies', 'value')

    def __init__(self, copies: _Copies) -> None:
        self._copies = copies
        self.value: NDArray[Any] | None = None

    def fill(self, shape: Any, dtype: Any, data: Any, order: str) -> _Array:
        """Take the bytes in."""
        if isinstance(data, (str, bytearray)):  # protocol 2 in Python 3's words: a latin-1 string
            data = self._copies.of(data)
        if not isinstance(dtype, _Dtype) or not isinstance(data, bytes):
            raise PolicyError('it holds an array of something else than numbers')
        kind = dtype.numpy()
        if not are_sizes(shape):
            raise PolicyError('it holds an array without a proper shape')
        if math.prod(shape) * kind.itemsize != len(data):
            raise PolicyError(f'it holds an array {shape} of {kind} in {len(data)} bytes')
        flat = np.frombuffer(data, kind)
        self.value = flat.reshape(shape, order='F' if order == 'F' else 'C')
        return self

    def build(self, state: Any) -> None:
        """Take version, shape, dtype, order and bytes in."""
        if not isinstance(state, tuple) or len(state) != 5:
            raise PolicyError('the state of an array has not five entries')
        _, shape, dtype, fortran, data = state
        self.fill(shape, dtype, data, 'F' if fortran else 'C')


def _array_names() -> dict[tuple[str, str], Any]:
    """What pickles of NumPy 1 and 2 name, in protocols 2 to 5."""
    copies = _Copies()

    def encode(text: Any, codec: Any = 'latin1') -> bytes:
        if not isinstance(text, str) or not isinstance(codec, str) or codec != 'latin1':
            raise PolicyError('it encodes something in another way than NumPy')
        return copies.of(text)

    def scalar(dtype: Any, data: Any) -> _Array:
        return _Array(copies).fill((), dtype, data, 'C')

    def from_buffer(data: Any, dtype: Any, shape: Any, order: Any) -> _Array:
        return _Array(copies).fill(shape, dtype, data, order)

    names: dict[tuple[str, str], Any] = {
        ('numpy', 'ndarray'): StandIn(lambda *_: _Array(copies)),
        ('numpy', 'dtype'): StandIn(_Dtype),
        ('_codecs', 'encode'): StandIn(encode),
        # No bytes at all, before protocol 3.
        ('__builtin__', 'bytes'): StandIn(lambda: b''),
        ('builtins', 'bytes'): StandIn(lambda: b''),
    }
    for core in ('numpy.core', 'numpy._core'):
        names[f'{core}.multiarray', '_reconstruct'] = StandIn(lambda *_: _Array(copies))
        names[f'{core}.multiarray', 'scalar'] = StandIn(scalar)
        names[f'{core}.numeric', '_frombuffer'] = StandIn(from_buffer)
    return names


def read_plain(path: Path) -> dict[str, Any]:
    """A pickled dictionary of arrays and plain values.

    Returns:
        By name an array, or what else was there.

    Raises:
        PolicyError: it is missing, damaged, no such dictionary, or asks for anything else.
    """
    data = read_bytes(path, MOST_BYTES)
    try:
        found = read_pickle(data, _array_names())
        if type(found) is not dict or not all(isinstance(key, str) for key in found):
            raise PolicyError(f'it holds {shown(type(found).__name__)}; expected a dictionary')
    except PolicyError as error:
        raise PolicyError(f'{path} is refused: {error}') from error
    return {
        key: value.value if isinstance(value, _Array) else value for key, value in found.items()
    }
