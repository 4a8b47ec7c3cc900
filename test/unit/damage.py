# SPDX-License-Identifier: Apache-2.0
"""Damage of a file, as tests draw it: bytes that are others, the end cut off, entries that nobody expects."""

from __future__ import annotations

import copy
import struct
from collections.abc import Sequence
from random import Random
from typing import Any

from hypothesis import strategies as st

ODD: list[Any] = [
    None, True, False, 0, -1, 1, 2, 1.5, 1e308, float('nan'), float('inf'), 10**30, 2**63, '', 'x', 'a' * 5000,
    '\ud800', '\0', '../../etc/passwd', '/dev/zero', [], [[]], {}, {'type': 'act'}, [1, 2, 3], ['a', 'a'],
]  # fmt: skip


def changes(most: int) -> st.SearchStrategy[list[tuple[float, int]]]:
    """Up to so many changes of a byte: where, from 0 to 1, and to which value."""
    return st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=most)


def damaged(
    whole: bytes, changes: Sequence[tuple[float, int]], share: float, most: int | None = None
) -> bytes:
    """A file with changes in its first `most` bytes, of which only a share is there."""
    raw = bytearray(whole)
    last = min(len(raw), most or len(raw)) - 1
    for place, value in changes:
        raw[round(place * last)] = value
    return bytes(raw[: round(share * len(raw))])


def mutate_bytes(data: bytes, random: Random) -> bytes:
    """Change, cut, insert, repeat or overwrite some of the bytes."""
    out = bytearray(data)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(out) + 1)
        kind = random.randrange(6)
        if kind == 0 and out:
            out[place % len(out)] ^= 1 << random.randrange(8)
        elif kind == 1:
            out = out[:place]
        elif kind == 2:
            out[place:place] = bytes(random.randrange(256) for _ in range(random.randint(1, 8)))
        elif kind == 3:
            del out[place : place + random.randint(1, 16)]
        elif kind == 4:
            out[place:place] = out[place // 2 : place // 2 + random.randint(1, 64)]
        else:
            number = random.choice([0, 1, 0xFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 62, (1 << 64) - 1])
            out[place : place + 8] = struct.pack('<Q', number)
    return bytes(out)


def mutate_json(data: Any, random: Random) -> Any:
    """Replace, remove, rename or add an entry somewhere."""
    data = copy.deepcopy(data)
    for _ in range(random.randint(1, 3)):
        nodes = [node for node in _nodes(data) if node]
        node = random.choice(nodes) if nodes else data
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            continue
        key = random.choice(keys)
        kind = random.randrange(4)
        if kind == 0 and isinstance(node, dict):
            del node[key]
        elif kind == 1 and isinstance(node, dict):
            node[random.choice(['x', '', 'format', 'type', key + '.', '\ud800'])] = node.pop(key)
        elif kind == 2 and isinstance(node, list):
            node.append(copy.deepcopy(random.choice(ODD)))
        else:
            node[key] = copy.deepcopy(random.choice(ODD))
    return data


def _nodes(data: Any) -> list[Any]:
    if isinstance(data, dict):
        return [data] + [n for value in data.values() for n in _nodes(value)]
    if isinstance(data, list):
        return [data] + [n for value in data for n in _nodes(value)]
    return []
