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
from act_ros.text import listed

_LZF = 32000
"""The number of h5py's own filter."""
_MOST_RATIO = {h5py.h5z.FILTER_DEFLATE: 1032, _LZF: 88}
"""Of the filters that are read, and whose streams can be measured: none unpacks to more times its size."""
_AS_LARGE = (h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32)
"""Filters that do not pack: bytes in another order, and four more of them."""
_SPARE = 4096


def block_bytes(dataset: Any) -> int:
    """Bytes of a chunk, which HDF5 reads at once; 0 where there are none."""
    return math.prod(dataset.chunks or (0,)) * int(dataset.dtype.itemsize)


def check_chunks(dataset: Any) -> None:
    """Look at all chunks of a dataset before it is read.

    Raises:
        EpisodeError: one is larger than is read at once, or unpacks to more than a chunk; they are packed in a way
            that cannot be measured.
    """
    size = block_bytes(dataset)
    if size > MOST_BLOCK:
        raise EpisodeError(
            f'{_where(dataset)} is in chunks of {size} bytes; at most {MOST_BLOCK} are read at once'
        )
    if not _filtered(dataset):
        return
    packing = _packing(dataset)
    large: list[tuple[int, ...]] = []

    def look(info: Any) -> None:
        if info.size > _harmless(packing):
            large.append(info.chunk_offset)

    dataset.id.chunk_iter(look)
    for offset in large:
        _check(dataset, offset, size, packing)


def check_chunk_of(dataset: Any, row: int) -> None:
    """Look at the chunks of a row before it is read; raises as `check_chunks`."""
    if not _filtered(dataset) or not 0 <= row < dataset.shape[0]:
        return
    size, chunks = block_bytes(dataset), dataset.chunks
    first = row - row % chunks[0]
    edges = [range(0, n, step) for n, step in zip(dataset.shape[1:], chunks[1:], strict=True)]
    if any(len(edge) > 1 for edge in edges):
        check_chunks(dataset)  # of small tiles: all at once
        return
    packing = _packing(dataset)
    offset = (first, *(0 for _ in edges))
    if dataset.id.get_chunk_info_by_coord(offset).size > _harmless(packing):
        _check(dataset, offset, size, packing)


def _filtered(dataset: Any) -> bool:
    return dataset.chunks is not None and dataset.id.get_create_plist().get_nfilters() > 0


def _packing(dataset: Any) -> tuple[int, int] | None:
    """(number, place) of the filter that packs the chunks; None where none does.

    Packed twice, what is harmless once is a million times its size; other filters take what the file says for
    the size that they unpack to.

    Raises:
        EpisodeError: several pack, or one that cannot be measured, or what it packs is put into another order.
    """
    how = dataset.id.get_create_plist()
    filters = [how.get_filter(i) for i in range(how.get_nfilters())]
    kinds = [one[0] for one in filters]
    found = [(kind, i) for i, kind in enumerate(kinds) if kind not in _AS_LARGE]
    if not found:
        return None
    kind, place = found[0]
    ordered_anew = h5py.h5z.FILTER_SHUFFLE in kinds[place:]
    if len(found) > 1 or kind not in _MOST_RATIO or ordered_anew:
        names = [one[3].decode(errors='replace') or str(one[0]) for one in filters]
        raise EpisodeError(
            f'{_where(dataset)} is packed by {listed(names)}; only what gzip or lzf has packed once is '
            'unpacked: h5repack -f GZIP=4 OLD NEW writes it so'
        )
    return kind, place


def _harmless(packing: tuple[int, int] | None) -> int:
    """Bytes of a packed chunk that unpacks to no more than is read at once."""
    return MOST_BLOCK // (_MOST_RATIO[packing[0]] if packing else 1)


def _check(
    dataset: Any, offset: tuple[int, ...], size: int, packing: tuple[int, int] | None
) -> None:
    """Unpack a chunk as far as it may go."""
    mask, data = dataset.id.read_direct_chunk(offset)
    most = size + _SPARE
    if packing is None or mask & 1 << packing[1]:
        fits = len(data) <= most + size // 50
    elif packing[0] == _LZF:
        fits = _lzf_bytes(data, most) < most
    else:
        try:
            fits = len(zlib.decompressobj().decompress(data, most)) < most
        except zlib.error:
            return  # said when it is read
    if not fits:
        raise EpisodeError(
            f'{_where(dataset)}: its chunk at {offset} unpacks to more than its {size} bytes'
        )


def _lzf_bytes(data: bytes, most: int) -> int:
    """Bytes that a stream of LZF unpacks to; counted as far as `most`."""
    at = size = 0
    while at < len(data) and size < most:
        head = data[at]
        if head < 32:  # so many bytes, and one, as they are
            size, at = size + head + 1, at + head + 2
        elif head < 224:  # as what was there before: two bytes for up to eight
            size, at = size + (head >> 5) + 2, at + 2
        else:  # a third for up to 264
            size, at = size + data[min(at + 1, len(data) - 1)] + 9, at + 3
    return size


def _where(dataset: Any) -> str:
    return f'{dataset.file.filename}: {dataset.name}'
