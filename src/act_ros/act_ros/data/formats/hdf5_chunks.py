# SPDX-License-Identifier: Apache-2.0
"""Chunks of HDF5: how large they are, and that they unpack to no more than they say.

HDF5 unpacks what is compressed to whatever comes out: ten megabytes of it can be ten gigabytes.
"""

from __future__ import annotations

import math
import zlib
from typing import Any

import h5py

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.caps import MOST_BLOCK

_MOST_RATIO = 1032
"""Of zlib: no stream unpacks to more."""
_HARMLESS = MOST_BLOCK // _MOST_RATIO
_SPARE = 4096


def block_bytes(dataset: Any) -> int:
    """Bytes of a chunk, which HDF5 reads at once; 0 where there are none."""
    return math.prod(dataset.chunks or (0,)) * int(dataset.dtype.itemsize)


def check_chunks(dataset: Any) -> None:
    """Look at all chunks of a dataset before it is read.

    Raises:
        EpisodeError: one is larger than is read at once, or unpacks to more than a chunk.
    """
    size = block_bytes(dataset)
    if size > MOST_BLOCK:
        raise EpisodeError(
            f'{_where(dataset)} is in chunks of {size} bytes; at most {MOST_BLOCK} are read at once'
        )
    if not _packed(dataset):
        return
    large: list[tuple[int, ...]] = []

    def look(info: Any) -> None:
        if info.size > _HARMLESS:
            large.append(info.chunk_offset)

    dataset.id.chunk_iter(look)
    for offset in large:
        _check(dataset, offset, size)


def check_chunk_of(dataset: Any, row: int) -> None:
    """Look at the chunks of a row before it is read; raises as `check_chunks`."""
    if not _packed(dataset) or not 0 <= row < dataset.shape[0]:
        return
    size, chunks = block_bytes(dataset), dataset.chunks
    first = row - row % chunks[0]
    edges = [range(0, n, step) for n, step in zip(dataset.shape[1:], chunks[1:], strict=True)]
    if any(len(edge) > 1 for edge in edges):
        check_chunks(dataset)  # of small tiles: all at once
        return
    offset = (first, *(0 for _ in edges))
    if dataset.id.get_chunk_info_by_coord(offset).size > _HARMLESS:
        _check(dataset, offset, size)


def _packed(dataset: Any) -> bool:
    return dataset.chunks is not None and dataset.id.get_create_plist().get_nfilters() > 0


def _check(dataset: Any, offset: tuple[int, ...], size: int) -> None:
    """Unpack a chunk as far as it may go."""
    how = dataset.id.get_create_plist()
    mask, data = dataset.id.read_direct_chunk(offset)
    last = how.get_nfilters() - 1
    if how.get_filter(last)[0] != h5py.h5z.FILTER_DEFLATE or mask & 1 << last:
        fits = len(data) <= size + size // 50 + _SPARE
    else:
        unpack = zlib.decompressobj()
        try:
            fits = len(unpack.decompress(data, size + _SPARE)) < size + _SPARE
        except zlib.error:
            return  # said when it is read
    if not fits:
        raise EpisodeError(
            f'{_where(dataset)}: its chunk at {offset} unpacks to more than its {size} bytes'
        )


def _where(dataset: Any) -> str:
    return f'{dataset.file.filename}: {dataset.name}'
